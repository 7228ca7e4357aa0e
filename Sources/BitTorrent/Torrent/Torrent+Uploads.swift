import Bytes
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// What peers ask of us: blocks in batches.
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
    context.disk.submit(read, isUrgent: true)
  }

  func uploaded(_ count: Int, now: Instant) {
    counters.uploaded += Int64(count)
    up.add(count, now: now)
  }
}
