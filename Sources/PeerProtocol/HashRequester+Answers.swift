import Bytes
import Digest

extension HashRequester {
  /// Takes the payload of a `hashes` message that `peer` sent for `request`. O(hashes).
  public mutating func received(
    from peer: Int, _ request: HashRequest, hashes bytes: RawSpan, now: UInt64
  ) -> Outcome {
    guard settle(request, with: peer) else { return .unrequested }
    guard let item = leafQueue[request] ?? layerQueue[request] else { return .late }
    peers[peer]?.refusals = 0
    guard let file = files[item.file], let hashes = proven(request, file: file, bytes) else {
      // The liar is not asked again, however long its owner keeps it.
      peers[peer]?.refused[request] = .max
      return .lie
    }
    // Someone else may be on it, if this peer took longer than the timeout.
    if item.isInFlight { land(request) }
    guard item.isLeaves else {
      layerQueue.remove(request)
      return complete(item.pieces, of: file, hashes)
    }
    leafQueue.remove(request)
    let piece = item.pieces.lowerBound
    let count = file.blockCount(inPiece: piece)
    return .leaves(root: file.root, piece: piece, Array(hashes.prefix(count)))
  }

  /// Takes a `hash reject`; the chunk goes to other peers. `false` if the peer was not asked.
  @discardableResult
  public mutating func rejected(by peer: Int, _ request: HashRequest, now: UInt64) -> Bool {
    guard settle(request, with: peer) else { return false }
    refuse(request, by: peer, now: now)
    return true
  }

  /// Opens again what was not answered in time. `next` does it too. O(requests in flight).
  public mutating func expire(now: UInt64) {
    guard flights.contains(where: { $0.deadline <= now }) else { return }
    for flight in flights where flight.deadline <= now {
      queueReopen(flight.request)
      peers[flight.peer]?.inFlight -= 1
      refuse(flight.request, by: flight.peer, now: now)
    }
    flights.removeAll { $0.deadline <= now }
  }

  /// Notes that `peer` has answered `request`, and lands its flight; `false` if it was never asked.
  private mutating func settle(_ request: HashRequest, with peer: Int) -> Bool {
    guard let asked = peers[peer]?.asked.firstIndex(of: request) else { return false }
    peers[peer]?.asked.remove(at: asked)
    if let index = flights.firstIndex(where: { $0.peer == peer && $0.request == request }) {
      flights.remove(at: index)
      peers[peer]?.inFlight -= 1
      queueReopen(request)
    }
    return true
  }

  /// Takes the request out of the air, whoever has it.
  mutating func land(_ request: HashRequest) {
    guard let index = flights.firstIndex(where: { $0.request == request }) else { return }
    peers[flights[index].peer]?.inFlight -= 1
    flights.remove(at: index)
  }

  mutating func queueReopen(_ request: HashRequest) {
    leafQueue.reopen(request)
    layerQueue.reopen(request)
  }

  private mutating func refuse(_ request: HashRequest, by peer: Int, now: UInt64) {
    guard var state = peers[peer] else { return }
    if state.refused.count >= 256 { state.refused = state.refused.filter { $0.value > now } }
    state.refused[request] = now &+ limits.patience
    state.refusals += 1
    if state.refusals >= 8 {
      state.refusals = 0
      state.pausedUntil = now &+ limits.patience
    }
    peers[peer] = state
  }

  /// The nodes of the base layer in an answer, if their proof holds.
  private func proven(_ request: HashRequest, file: HashGeometry, _ bytes: RawSpan) -> [SHA256Digest]? {
    let size = SHA256Digest.byteCount
    guard bytes.byteCount == size * (request.length + request.uncleCount) else { return nil }
    let all = stride(from: 0, to: bytes.byteCount, by: size).map { SHA256Digest(bytes, at: $0) }
    let hasher = SHA256()
    let subtree = MerkleTree.root(
      leaves: Array(all[..<request.length]), width: request.length, level: request.baseLayer, hasher: hasher)
    let top = MerkleTree.root(
      of: subtree, index: request.index / request.length, uncles: Array(all[request.length...]),
      hasher: hasher)
    let isWhole = request.baseLayer + request.proofLayers == file.height - 1
    let expected: SHA256Digest?
    if isWhole {
      expected = file.root
    } else {
      expected = layers[file.root]?[request.index / file.blocksPerPiece] ?? partialHash(request, file: file)
    }
    guard top == expected else { return nil }
    return Array(all[..<request.length])
  }

  private func partialHash(_ request: HashRequest, file: HashGeometry) -> SHA256Digest? {
    guard let hashes = partial[file.root]?.hashes, !hashes.isEmpty else { return nil }
    return hashes[request.index / file.blocksPerPiece]
  }

  /// Puts proven hashes of pieces into their layer.
  private mutating func complete(
    _ pieces: Range<Int>, of file: HashGeometry, _ hashes: [SHA256Digest]
  ) -> Outcome {
    guard var layer = partial.removeValue(forKey: file.root) else { return .late }
    if layer.hashes.isEmpty { layer.hashes = [SHA256Digest](repeating: .zero, count: file.pieceCount) }
    layer.hashes.replaceSubrange(pieces, with: hashes.prefix(pieces.count))
    layer.chunksMissing -= 1
    guard layer.chunksMissing == 0 else {
      partial[file.root] = layer
      return .pieceHashes(root: file.root, pieces: pieces, layer: nil)
    }
    layers[file.root] = layer.hashes
    return .pieceHashes(root: file.root, pieces: pieces, layer: layer.hashes)
  }
}
