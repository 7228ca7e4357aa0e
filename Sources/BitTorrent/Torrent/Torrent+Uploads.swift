import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// What peers ask of us: blocks in batches, and leaf hashes of pieces.
extension Torrent {
  /// Whether a request names bytes that exist. Padding counts: some clients ask for it (BEP 47, BEP 52).
  func isValid(_ request: BlockRequest) -> Bool {
    request.piece < info.pieceCount && request.length > 0 && request.length <= PeerConnection.maximumRequest
      && request.begin + request.length
        <= (info.version.hasV1 ? info.pieceSize(request.piece) : info.pieceLength)
  }

  /// Has a batch read on a disk thread; the peer gets it as it goes on the wire.
  func read(_ requests: [BlockRequest], for peer: PeerConnection, on loop: isolated Loop) {
    let receiver = Confined(peer, on: loop)
    let read = BlockRead(storage: journal.storage, pool: context.uploads, loop: loop) { loop, read in
      read.cancel()
      receiver.value(on: loop).readDone(read, on: loop)
    }
    read.reserve(requests.count)
    for request in requests {
      read.append(piece: request.piece, begin: request.begin, length: request.length)
    }
    context.disk.submit(read)
  }

  func uploaded(_ count: Int, now: Instant) {
    counters.uploaded += Int64(count)
    up.add(count, now: now)
  }

  /// Leaf hashes are not kept: the piece is read and hashed, which only those get who may have blocks.
  func serveLeaves(
    _ request: HashRequest, _ geometry: HashGeometry, piece: Int, file index: Int, to peer: PeerConnection,
    on loop: isolated Loop
  ) {
    let number = info.files[index].pieces.lowerBound + piece
    guard durable[number], peer.leafReads < 2 else {
      peer.send(on: loop) { $0.append(hashReject: request) }
      return
    }
    peer.leafReads += 1
    let storage = journal.storage
    let receiver = Confined(peer, on: loop)
    let work = DiskWork(on: loop) { thread in
      try? storage.leafHashes(ofPiece: number, on: thread)
    } then: { loop, leaves in
      let peer = receiver.value(on: loop)
      peer.leafReads -= 1
      guard peer.phase == .open else { return }
      peer.torrent.answer(request, geometry, leaves: leaves, to: peer, on: loop)
    }
    context.disk.submit(work)
  }

  private func answer(
    _ request: HashRequest, _ geometry: HashGeometry, leaves: [SHA256Digest]?, to peer: PeerConnection,
    on loop: isolated Loop
  ) {
    let layer = layers[request.piecesRoot]
    let answer = leaves.flatMap { hashServer.answer(request, file: geometry, pieceLayer: layer, leaves: $0) }
    peer.send(on: loop) { buffer in
      if let answer {
        buffer.append(hashes: answer, answering: request)
      } else {
        buffer.append(hashReject: request)
      }
    }
  }
}
