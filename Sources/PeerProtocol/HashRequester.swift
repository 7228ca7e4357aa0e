public import Digest

/// Decides which hash requests to send to whom, and checks what comes back (BEP 52).
///
/// For each file without a piece layer it asks for the layer in chunks of up to 512 hashes, each with the
/// proof that leads to the file's root; on demand, for the leaf hashes of one piece, so that a bad block
/// can be named. A chunk has one request in flight; one that is rejected or not answered in time goes to
/// another peer. Every answer is verified by itself, so that a wrong one names its sender.
///
/// Sans-I/O: peers are numbers that the owner chooses and gives up with `forget(peer:)`; `now` is in
/// nanoseconds of any clock that only goes forward. Confined to its owner.
public struct HashRequester: Sendable {
  /// How much is asked for at a time, and how long is waited.
  public struct Limits: Hashable, Sendable {
    /// Requests in flight to one peer.
    public var perPeer = 4
    /// Requests in flight in all.
    public var total = 64
    /// Nanoseconds until a request is taken to be lost.
    public var timeout: UInt64 = 20_000_000_000
    /// The same for leaf hashes, which soon are of no use any more.
    public var leafTimeout: UInt64 = 5_000_000_000
    /// Nanoseconds until a peer is asked again for what it rejected or lost.
    public var patience: UInt64 = 60_000_000_000

    /// The defaults.
    public init() {}
  }

  /// What came of an answer.
  public enum Outcome: Hashable, Sendable {
    /// The hashes of these pieces are proven; `layer` is the whole piece layer when this completed it.
    case pieceHashes(root: SHA256Digest, pieces: Range<Int>, layer: [SHA256Digest]?)
    /// The leaf hashes of the blocks of this piece of the file are proven.
    case leaves(root: SHA256Digest, piece: Int, [SHA256Digest])
    /// An answer to a request of ours that something else has settled.
    case late
    /// Nobody asked this of the peer.
    case unrequested
    /// The answer has the wrong size or its proof does not lead to the root: the peer lies.
    case lie
  }

  struct Peer: Sendable {
    var inFlight = 0
    /// What this peer was asked and has not answered, requests taken to be lost included.
    var asked: [HashRequest] = []
    /// What it shall not be asked again before a time.
    var refused: [HashRequest: UInt64] = [:]
    /// Refusals since the last answer; many of them pause the peer.
    var refusals = 0
    var pausedUntil: UInt64 = 0
  }

  struct Flight: Sendable {
    var request: HashRequest
    var peer: Int
    var deadline: UInt64
  }

  struct PartialLayer: Sendable {
    var hashes: [SHA256Digest]
    var chunksMissing: Int
  }

  let limits: Limits
  /// The files by the numbers that the owner gave them.
  let files: [HashGeometry?]
  /// Files of the same content have one root and one tree.
  let filesByRoot: [SHA256Digest: [Int]]
  var layers: [SHA256Digest: [SHA256Digest]] = [:]
  var partial: [SHA256Digest: PartialLayer] = [:]
  var leafQueue = HashQueue()
  var layerQueue = HashQueue()
  var flights: [Flight] = []
  var peers: [Int: Peer] = [:]

  /// A requester for `files`, where `nil` stands for one without content; `layers` are the piece layers
  /// that are known and verified already, in the same order. O(files + missing chunks).
  public init(files: [HashGeometry?], layers known: [[SHA256Digest]?] = [], limits: Limits = Limits()) {
    self.limits = limits
    var honest = files
    var filesByRoot: [SHA256Digest: [Int]] = [:]
    for (index, file) in files.enumerated() {
      guard let file else { continue }
      // One root cannot be that of files of different sizes: the torrent lies, and the later file's hashes
      // can never be proven.
      if let first = filesByRoot[file.root]?.first, files[first] != file {
        honest[index] = nil
        continue
      }
      filesByRoot[file.root, default: []].append(index)
      if index < known.count, let layer = known[index], layer.count == file.pieceCount {
        layers[file.root] = layer
      }
    }
    self.files = honest
    self.filesByRoot = filesByRoot
    for (index, file) in honest.enumerated() {
      guard let file, file.hasPieceLayer, layers[file.root] == nil, filesByRoot[file.root]?.first == index
      else { continue }
      var chunks = 0
      for request in Self.chunks(of: file) {
        let last = min(request.index + request.length, file.pieceCount)
        layerQueue.insert(HashQueue.Item(request: request, file: index, pieces: request.index..<last))
        chunks += 1
      }
      partial[file.root] = PartialLayer(hashes: [], chunksMissing: chunks)
    }
  }

  /// The requests that cover a file's piece layer: aligned, no longer than 512, the last one cut to the
  /// least power of two (but two) that covers it, each with the whole proof.
  static func chunks(of file: HashGeometry) -> [HashRequest] {
    let longest = 512
    return stride(from: 0, to: file.pieceCount, by: longest).map { start in
      HashRequest(
        piecesRoot: file.root, baseLayer: file.pieceLayer, index: start,
        length: max(2, min(longest, (file.pieceCount - start).powerOfTwoToCover)),
        proofLayers: file.height - file.pieceLayer - 1)
    }
  }

  /// Whether nothing is left to ask for.
  public var isIdle: Bool { layerQueue.isEmpty && leafQueue.isEmpty }

  /// The proven hash of a piece of a file: from its layer, complete or not, or the root of a file of one
  /// piece. O(1).
  public func pieceHash(file index: Int, piece: Int) -> SHA256Digest? {
    guard let file = files[index] else { return nil }
    guard file.hasPieceLayer else { return file.root }
    if let layer = layers[file.root] { return layer[piece] }
    guard let hashes = partial[file.root]?.hashes, !hashes.isEmpty, hashes[piece] != .zero else { return nil }
    return hashes[piece]
  }

  /// The whole piece layer of a file, once it is complete.
  public func layer(ofFile index: Int) -> [SHA256Digest]? { files[index].flatMap { layers[$0.root] } }

  /// Asks, before all else, for the leaf hashes of a piece. `false` where there is nothing to ask for: a
  /// piece of one block is its own leaf.
  @discardableResult
  public mutating func wantLeaves(file index: Int, piece: Int) -> Bool {
    guard let request = leafRequest(file: index, piece: piece) else { return false }
    leafQueue.insert(
      HashQueue.Item(request: request, file: index, pieces: piece..<piece + 1, isLeaves: true))
    return true
  }

  /// Whether `peer` would be asked for the leaf hashes of a piece: it has not refused them lately. O(1).
  public func canAsk(_ peer: Int, forLeavesOfFile index: Int, piece: Int, now: UInt64) -> Bool {
    guard let request = leafRequest(file: index, piece: piece) else { return false }
    guard let state = peers[peer] else { return true }
    return state.pausedUntil <= now && (state.refused[request] ?? 0) <= now
  }

  /// The request for the leaf hashes of a piece; `nil` where there is nothing to ask for.
  private func leafRequest(file index: Int, piece: Int) -> HashRequest? {
    guard let file = files[index], piece >= 0, piece < file.pieceCount, file.heightOfPiece > 0 else {
      return nil
    }
    let length = 1 << file.heightOfPiece
    guard length <= HashServer.maximumLength else { return nil }
    // Up to the piece's hash if that is known, else up to the root.
    let top = pieceHash(file: index, piece: piece) == nil ? file.height : file.heightOfPiece
    return HashRequest(
      piecesRoot: file.root, baseLayer: 0, index: piece * file.blocksPerPiece, length: length,
      proofLayers: top - 1)
  }

  /// Whether `request` is one for leaf hashes that are still wanted. O(1).
  public func isForLeaves(_ request: HashRequest) -> Bool { leafQueue[request] != nil }

  /// Gives up on leaf hashes that are no longer needed. O(1)
  public mutating func unwantLeaves(file index: Int, piece: Int) {
    guard let file = files[index] else { return }
    for top in [file.heightOfPiece, file.height] {
      let request = HashRequest(
        piecesRoot: file.root, baseLayer: 0, index: piece * file.blocksPerPiece,
        length: 1 << file.heightOfPiece, proofLayers: top - 1)
      if let removed = leafQueue.remove(request), removed.isInFlight { land(request) }
    }
  }

  /// The next request to send to `peer`, if there is one: call until `nil`.
  ///
  /// `offers` says whether the peer can be expected to have hashes of these pieces of a file, because it
  /// has at least one of them, and the file is wanted. Looks at up to 1,024 open chunks, going on from
  /// where the last call ended.
  public mutating func next(
    for peer: Int, now: UInt64, offers: (_ file: Int, _ pieces: Range<Int>) -> Bool
  ) -> HashRequest? {
    expire(now: now)
    let state = peers[peer] ?? Peer()
    guard flights.count < limits.total, state.inFlight < limits.perPeer, state.pausedUntil <= now else {
      return nil
    }
    func isAskable(_ item: HashQueue.Item) -> Bool {
      if let until = state.refused[item.request], until > now { return false }
      guard let files = filesByRoot[item.request.piecesRoot], files.count > 1 else {
        return offers(item.file, item.pieces)
      }
      return files.contains { offers($0, item.pieces) }
    }
    guard let request = leafQueue.take(where: isAskable) ?? layerQueue.take(where: isAskable) else {
      return nil
    }
    let timeout = leafQueue[request] == nil ? limits.timeout : limits.leafTimeout
    flights.append(Flight(request: request, peer: peer, deadline: now &+ timeout))
    peers[peer, default: Peer()].inFlight += 1
    peers[peer]?.asked.append(request)
    // A peer that never answers is remembered for its latest requests only.
    if state.asked.count >= 64 { peers[peer]?.asked.removeFirst() }
    return request
  }

  /// Forgets a peer that has gone; what it was asked is open again. O(requests in flight).
  public mutating func forget(peer: Int) {
    for flight in flights where flight.peer == peer { queueReopen(flight.request) }
    flights.removeAll { $0.peer == peer }
    peers[peer] = nil
  }

  /// When the next request in flight is due, for a timer; calling `next` then hands it to another peer.
  public var nextDeadline: UInt64? { flights.lazy.map(\.deadline).min() }
}
