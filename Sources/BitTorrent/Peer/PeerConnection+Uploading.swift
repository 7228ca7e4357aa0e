import Bytes
import EventLoop
import PeerProtocol
import PieceStorage

// What is asked of us: requests queue, are read in batches on a disk thread, and leave with their
// headers in one write.
extension PeerConnection {
  /// The longest request that is answered; more than 16 KiB is unusual, more than this is hostile.
  static let maximumRequest = 128 << 10

  func requested(_ request: BlockRequest, on loop: isolated Loop) {
    guard torrent.isValid(request) else {
      complain(.outOfRange, on: loop)
      refuse(request, on: loop)
      return
    }
    let isAllowed = !isChoking || uploads.allowedFast.contains(request.piece)
    guard isAllowed, torrent.durable[request.piece] else {
      refuse(request, on: loop)
      return
    }
    guard uploads.count < torrent.context.configuration.requestQueue + 500 else {
      close(.floods, on: loop)
      return
    }
    if torrent.suggestions.asked(request.piece, slot) { torrent.suggest(to: self, on: loop) }
    uploads.append(request)
    scheduleFlush(on: loop)
  }

  func cancelled(_ request: BlockRequest, on loop: isolated Loop) {
    if uploads.cancel(request) { refuse(request, on: loop) }
  }

  /// Without the fast extension there is no word for it: the request is forgotten.
  private func refuse(_ request: BlockRequest, on loop: isolated Loop) {
    guard isFast else { return }
    send(on: loop) { $0.append(reject: request) }
  }

  /// After choking: what waits is refused (BEP 6), but for the pieces that are always allowed.
  func dropUploads(on loop: isolated Loop) {
    let allowed = isFast ? uploads.allowedFast : []
    let dropped = uploads.drop { allowed.contains($0.piece) }
    for request in dropped { refuse(request, on: loop) }
  }

  /// Has the next batch read if the socket will soon want it; under a limit what that allows, or what the
  /// peer's `turn` is for. While others wait for memory it waits behind them, until it `isFed`.
  func readMore(turn: Int? = nil, isFed: Bool = false, on loop: isolated Loop) {
    guard phase == .open, !uploads.isEmpty, uploads.reading == 0,
      sendQueue.byteCount < SendWatermark.bytes(rate: up.rate(now: loop.now))
    else { return }
    guard isFed || !torrent.context.hasStarved else {
      torrent.context.starved(self, on: loop)
      return
    }
    // As much as the peer takes in a tenth of a second: a slow peer does not hold a MiB of memory.
    let rate = up.rate(now: loop.now)
    var bytes = min(SendWatermark.most, max(64 << 10, Int(rate / 10)))
    if let share = rates.shares.uploads {
      guard let allowed = turn ?? uploadAllowance(share, on: loop) else { return }
      bytes = min(bytes, allowed)
    }
    let batch = uploads.take(bytes: bytes)
    rates.shares.uploads?.spend(batch.reduce(0) { $0 + $1.length })
    uploads.reading += 1
    torrent.read(batch, for: self, on: loop)
  }

  /// A batch is in memory: it goes out. Blocks that could not be read are refused.
  func readDone(_ read: BlockRead, on loop: isolated Loop) {
    uploads.reading -= 1
    guard phase == .open else { return }
    guard let buffer = read.buffer else {
      // No memory for them now: they wait until others have sent what they hold.
      rates.shares.uploads?.refund(read.blocks.reduce(0) { $0 + $1.length })
      uploads.putBack(read.blocks.map { BlockRequest(piece: $0.piece, begin: $0.begin, length: $0.length) })
      torrent.context.starved(self, on: loop)
      return
    }
    for block in read.blocks where block.offset == nil {
      refuse(BlockRequest(piece: block.piece, begin: block.begin, length: block.length), on: loop)
    }
    if let failure = read.failure {
      torrent.readFailed(failure, Set(read.blocks.lazy.filter { $0.offset == nil }.map(\.piece)), on: loop)
    }
    queueControl()
    let payload = read.blocks.reduce(0) { $0 + ($1.offset == nil ? 0 : $1.length) }
    uploaded += Int64(payload)
    torrent.uploaded(payload, now: loop.now)
    up.add(payload, now: loop.now)
    lastUseful = loop.now
    slotUse.serves()
    sendQueue.append(buffer, byteCount: read.byteCount)
    flush(on: loop)
  }
}
