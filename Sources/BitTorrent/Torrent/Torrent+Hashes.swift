import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol

// Hashes of v2 torrents (BEP 52): piece layers that the torrent file lacks, leaves that tell which block
// of a bad piece is wrong, and answers to those who ask us.
extension Torrent {
  /// Makes the exchange if layers are missing; without them no piece of their files can be verified.
  func startHashExchange() {
    guard info.version.hasV2 else { return }
    hashes = HashRequester(
      files: info.files.map(geometry(of:)),
      layers: info.files.map { file in file.piecesRoot.flatMap { layers[$0] } })
  }

  private func geometry(of file: File) -> HashGeometry? {
    guard let root = file.piecesRoot, file.length > 0 else { return nil }
    return HashGeometry(
      root: root, blockCount: Int((file.length + 16383) / 16384), blocksPerPiece: info.pieceLength / 16384)
  }

  /// Sends what is to be asked of this peer.
  func askHashes(_ peer: PeerConnection, on loop: isolated Loop) {
    guard peer.phase == .open, peer.isV2, hashes?.isIdle == false else { return }
    while let request = hashes?.next(
      for: peer.slot.index, now: loop.now.nanoseconds,
      offers: { file, pieces in
        let first = info.files[file].pieces.lowerBound
        return pieces.contains { peer.has[first + $0] }
      })
    {
      peer.send(on: loop) { $0.append(hashRequest: request) }
    }
  }

  /// Asks everyone; called when something new is wanted and with time.
  func askHashes(on loop: isolated Loop) {
    guard hashes?.isIdle == false else { return }
    forEachPeer { askHashes($0, on: loop) }
  }

  func receivedHashes(
    _ request: HashRequest, _ bytes: RawSpan, from peer: PeerConnection, on loop: isolated Loop
  ) {
    let outcome = hashes?.received(
      from: peer.slot.index, request, hashes: bytes, now: loop.now.nanoseconds)
    switch outcome {
    case .pieceHashes(let root, let pieces, let layer):
      if let layer, !layers.insert(layer, root: root, info: info) { break }
      if layer != nil { seat?.keepLayers(on: loop) }
      open(pieces, ofRoot: root, on: loop)
    case .leaves(let root, let piece, let leaves):
      for file in info.files where file.piecesRoot == root {
        settleDispute(file.pieces.lowerBound + piece, leaves: leaves, on: loop)
      }
    case .late: break
    case .lie: peer.close(.badHashes, on: loop)
    case .unrequested, nil: peer.complain(.protocolViolation, on: loop)
    }
    askHashes(peer, on: loop)
  }

  func hashesRejected(_ request: HashRequest, by peer: PeerConnection, on loop: isolated Loop) {
    guard hashes?.rejected(by: peer.slot.index, request, now: loop.now.nanoseconds) == true else {
      peer.complain(.protocolViolation, on: loop)
      return
    }
    askHashes(on: loop)
  }

  /// Pieces can be verified from now on: they may be asked for.
  private func open(_ pieces: Range<Int>, ofRoot root: SHA256Digest, on loop: isolated Loop) {
    var cancels: [Assignment] = []
    for file in info.files where file.piecesRoot == root {
      let first = file.pieces.lowerBound
      for piece in pieces where selection.wants(first + piece) {
        picker.want(first + piece, piecePriority(first + piece), cancels: &cancels)
      }
    }
    forEachPeer { peer in
      peer.interest = InterestCount(has: peer.has, missing: picker.missing)
      updateInterest(peer, on: loop)
      fillRequests(peer, on: loop)
    }
  }

  /// Whether the hash of a piece is known, so that it can be fetched.
  func canVerify(_ piece: Int) -> Bool {
    if info.version.hasV1 { return true }
    return layers.hash(ofPiece: piece, in: info) != nil
  }

  // MARK: Serving

  /// Somebody asks for hashes. Layers of pieces and above come from memory, leaves from the disk.
  func hashesRequested(_ request: HashRequest, by peer: PeerConnection, on loop: isolated Loop) {
    guard info.version.hasV2, let index = info.fileIndex(ofRoot: request.piecesRoot),
      let geometry = geometry(of: info.files[index])
    else {
      peer.send(on: loop) { $0.append(hashReject: request) }
      return
    }
    if case .leaves(let piece) = HashServer.need(of: request, file: geometry) {
      serveLeaves(request, geometry, piece: piece, file: index, to: peer, on: loop)
      return
    }
    let answer = hashServer.answer(request, file: geometry, pieceLayer: layers[request.piecesRoot])
    peer.send(on: loop) { buffer in
      if let answer {
        buffer.append(hashes: answer, answering: request)
      } else {
        buffer.append(hashReject: request)
      }
    }
  }
}
