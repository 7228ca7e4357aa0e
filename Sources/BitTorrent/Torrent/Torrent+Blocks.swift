import Bytes
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// The hot path: a block from a peer's socket into its piece. No allocation but one per piece.
extension Torrent {
  func received(
    piece: Int, begin: Int, _ bytes: RawSpan, _ payload: Range<Int>, from peer: PeerConnection,
    on loop: isolated Loop
  ) {
    let now = loop.now
    let count = payload.count
    counters.downloaded += Int64(count)
    down.add(count, now: now)
    peer.downloaded += Int64(count)
    peer.down.add(count, now: now)
    guard piece < info.pieceCount, let block = geometry.block(piece: piece, begin: begin, length: count)
    else {
      peer.close(.outOfRange, on: loop)
      return
    }
    guard picker.slot(of: block) != nil else {
      unneeded(count, from: peer, isOurs: picker.have[piece], on: loop)
      return
    }
    // Whatever is open had its memory reserved when it was asked for.
    guard piece < openPieces.count, let open = openPieces[piece] else {
      unneeded(count, from: peer, isOurs: true, on: loop)
      return
    }
    peer.lastBlock = now
    others.removeAll(keepingCapacity: true)
    // What was asked for and given up may still come, and is still good.
    let receipt = picker.received(block, from: peer.slot, wasAsked: peer.late > 0, others: &others)
    peer.late = max(0, peer.late - 1)
    switch receipt {
    case .needed, .completesPiece:
      peer.lastUseful = now
      peer.isSnubbed = false
      peer.rejects = 0
      peer.window.isSnubbed = false
      peer.window.received(count, requested: peer.asked.answered() ?? now, now: now)
      open.buffer.store(bytes.extracting(payload), at: geometry.begin(block))
      open.senders[Int(block.index)] = peer.serial
      for slot in others { cancel(block, at: slot, on: loop) }
      if open.isWatched { open.unchecked += 1 }
      if receipt == .completesPiece {
        completed(piece, open, on: loop)
      } else if open.unchecked >= LeafCheck.batch {
        checkLeaves(piece, open, on: loop)
      }
    case .duplicate: unneeded(count, from: peer, isOurs: true, on: loop)
    case .unrequested: unneeded(count, from: peer, isOurs: false, on: loop)
    }
  }

  /// A block that nobody waits for. Some are late answers to requests that were given up or cancelled;
  /// a stream of them is an attack.
  private func unneeded(_ count: Int, from peer: PeerConnection, isOurs: Bool, on loop: isolated Loop) {
    counters.wasted += Int64(count)
    // A request on the web cannot be cancelled in part.
    guard !isOurs, peer.web == nil else { return }
    guard peer.late == 0 else {
      peer.late -= 1
      return
    }
    peer.unrequested += 1
    if peer.unrequested > 256 { peer.close(.unrequestedData, on: loop) }
  }

  /// The piece's memory, taken from the pool the first time; `nil` if there is none left.
  func openPiece(_ piece: Int) -> OpenPiece? {
    if openPieces.isEmpty { openPieces = Array(repeating: nil, count: info.pieceCount) }
    if let open = openPieces[piece] { return open }
    guard let buffer = context.pieces.take(info.pieceSize(piece)) else { return nil }
    let open = OpenPiece(buffer: buffer, blocks: geometry.blockCount(piece))
    openPieces[piece] = open
    return open
  }

  private func cancel(_ block: Block, at slot: PeerSlot, on loop: isolated Loop) {
    guard let other = peers[slot.index] else { return }
    let request = geometry.request(block)
    other.send(on: loop) { $0.append(cancel: request) }
  }
}
