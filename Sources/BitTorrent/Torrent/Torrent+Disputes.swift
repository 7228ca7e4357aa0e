import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// A piece that fails its hash: whose fault is it? With v2 the leaf hashes tell which block is wrong and
// only that one is fetched again; with v1 the sender is known once the piece passes (smart ban).
extension Torrent {
  /// Seconds that leaf hashes are waited for before the whole piece is fetched again.
  private static let patience = 10.0

  func mismatched(_ write: PieceWrite, _ open: OpenPiece, badBlocks: [Int], on loop: isolated Loop) {
    let piece = write.piece
    open.computed = blockDigests(write)
    if !badBlocks.isEmpty {
      convict(piece, open, badBlocks, on: loop)
    } else if Set(open.senders).count > 1, hashes != nil, open.leaves == nil,
      wantLeaves(piece, now: loop.now)
    {
      open.wantsLeaves = true
      open.disputedAt = loop.now
      askHashes(on: loop)
    } else {
      discard(piece, open, on: loop)
    }
  }

  /// Proven leaf hashes of a piece are here: compares them with what its blocks hash to.
  func settleDispute(_ piece: Int, _ open: OpenPiece, leaves: [SHA256Digest], on loop: isolated Loop) {
    open.disputedAt = nil
    guard leaves.count == open.senders.count else {
      discard(piece, open, on: loop)
      return
    }
    open.watch(leaves)
    watched.append(piece)
    let bad = leaves.indices.filter { $0 < open.computed.count && open.computed[$0] != leaves[$0] }
    if bad.isEmpty { discard(piece, open, on: loop) } else { convict(piece, open, bad, on: loop) }
    fillAll(on: loop)
  }

  /// Somebody refused leaf hashes: if nobody is left to be asked, disputes about their piece end.
  func leavesRefused(_ request: HashRequest, on loop: isolated Loop) {
    guard request.baseLayer == 0, info.pieceLength > 0 else { return }
    for file in info.files where file.piecesRoot == request.piecesRoot {
      let piece = file.pieces.lowerBound + request.index / (info.pieceLength / Block.size)
      guard piece < openPieces.count, let open = openPieces[piece], open.disputedAt != nil,
        !wantLeaves(piece, now: loop.now)
      else { continue }
      unwantLeaves(piece)
      discard(piece, open, on: loop)
      fillAll(on: loop)
    }
  }

  /// Gives up on leaf hashes that do not come. Called with time.
  func expireDisputes(on loop: isolated Loop) {
    guard hashes != nil else { return }
    for piece in openPieces.indices {
      guard let open = openPieces[piece], let since = open.disputedAt,
        loop.now.seconds(since: since) > Self.patience
      else { continue }
      discard(piece, open, on: loop)
      fillAll(on: loop)
    }
  }

  /// These blocks are wrong beyond doubt: their senders go, the other blocks stay.
  private func convict(_ piece: Int, _ open: OpenPiece, _ bad: [Int], on loop: isolated Loop) {
    counters.wasted += Int64(bad.count * Block.size)
    counters.leaves.badBlocks += bad.count
    let liars = Set(bad.compactMap { open.senders[$0] })
    for block in bad { open.senders[block] = nil }
    // All others were compared as well.
    open.passed(open.senders.indices.lazy.filter { open.senders[$0] != nil })
    open.unchecked = 0
    picker.pieceFailed(piece, badBlocks: bad)
    closeIfIdle(Block(piece: Int32(piece), index: 0))
    for serial in liars { ban(serial, .badData, on: loop) }
  }

  /// Nobody knows which block is wrong: all are fetched again, and remembered for comparison.
  private func discard(_ piece: Int, _ open: OpenPiece, on loop: isolated Loop) {
    counters.wasted += Int64(info.pieceSize(piece))
    close(piece)
    open.disputedAt = nil
    let liars =
      open.computed.count == open.senders.count
      ? blame.failed(piece, senders: open.senders, digests: open.computed) : []
    picker.pieceFailed(piece)
    if liars.isEmpty { disprove(open) }
    for serial in liars { ban(serial, .badData, on: loop) }
  }
}
