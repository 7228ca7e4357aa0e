import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// Blocks of v2 are compared with their leaf hashes (BEP 52) as they come, in batches on a disk thread, where
// that tells something that the end of the piece would not: docs/LEAVES.md has the rule.
extension Torrent {
  /// A peer is about to be asked for blocks of a piece: are its leaf hashes wanted?
  func asks(_ peer: PeerConnection, for piece: Int, _ open: OpenPiece, on loop: isolated Loop) {
    if open.asker == 0 {
      open.asker = peer.serial
    } else if open.asker != peer.serial {
      open.isShared = true
    }
    guard hashes != nil, !open.wantsLeaves else { return }
    switch context.configuration.leafChecks {
    case .whereNeeded: guard open.isShared || !peer.isProven else { return }
    case .always: break
    case .never: return
    }
    open.wantsLeaves = true
    guard open.senders.count > 1, wantLeaves(piece, now: loop.now) else { return }
    // The peer that sends the blocks has the hashes, if it speaks v2; else somebody else may.
    askHashes(peer, on: loop)
    askHashes(on: loop)
  }

  /// Asks for the leaf hashes of a piece. False if nobody has them to give.
  func wantLeaves(_ piece: Int, now: Instant) -> Bool {
    let file = info.fileIndex(ofPiece: piece)
    let number = piece - info.files[file].pieces.lowerBound
    var hasSource = false
    forEachPeer { peer in
      guard !hasSource, peer.isV2, peer.has[piece] else { return }
      hasSource =
        hashes?.canAsk(peer.slot.index, forLeavesOfFile: file, piece: number, now: now.nanoseconds) ?? false
    }
    return hasSource && hashes?.wantLeaves(file: file, piece: number) == true
  }

  /// A piece is given up or finished: what was asked for it is of no use.
  func unwantLeaves(_ piece: Int) {
    let file = info.fileIndex(ofPiece: piece)
    hashes?.unwantLeaves(file: file, piece: piece - info.files[file].pieces.lowerBound)
  }

  /// Proven leaf hashes of a piece are here.
  func leavesCame(_ piece: Int, _ leaves: [SHA256Digest], on loop: isolated Loop) {
    guard piece < openPieces.count, let open = openPieces[piece] else { return }
    if open.disputedAt != nil {
      settleDispute(piece, open, leaves: leaves, on: loop)
      return
    }
    // A whole piece is with a disk thread already.
    guard !open.isWatched, leaves.count == open.senders.count, picker.isGathering(piece) else { return }
    open.watch(leaves)
    watched.append(piece)
    if open.unchecked >= LeafCheck.batch { checkLeaves(piece, open, on: loop) }
  }

  /// Gives blocks that were not compared yet to a disk thread; one job at a time for a piece.
  func checkLeaves(_ piece: Int, _ open: OpenPiece, on loop: isolated Loop) {
    guard !open.isChecking, open.unchecked > 0, let leaves = open.leaves else { return }
    let blocks = open.uncheckedBlocks(LeafCheck.longest)
    open.isChecking = true
    open.unchecked -= blocks.count
    let me = Confined((torrent: self, open: open), on: loop)
    let check = LeafCheck(
      piece: piece, blocks: blocks, buffer: open.buffer, leaves: leaves,
      treeLength: PieceExpectation.treeLength(piece: piece, info: info), loop: loop
    ) { loop, check in
      let (torrent, open) = me.value(on: loop)
      torrent.checked(check, open, on: loop)
    }
    context.disk.submit(check)
  }

  /// Checks what has come of slow pieces. Called with time.
  func checkWatched(on loop: isolated Loop) {
    guard !watched.isEmpty else { return }
    watched.removeAll { piece in
      guard piece < openPieces.count, let open = openPieces[piece], open.isWatched else { return true }
      checkLeaves(piece, open, on: loop)
      return false
    }
  }

  private func checked(_ check: LeafCheck, _ open: OpenPiece, on loop: isolated Loop) {
    let piece = check.piece
    open.isChecking = false
    counters.leaves.blocks += check.blocks.count
    counters.leaves.badBlocks += check.bad.count
    let isOpen = piece < openPieces.count && openPieces[piece] === open
    // Of a piece that was given up meanwhile, the liars are known all the same.
    let liars = Set(check.bad.compactMap { open.senders[$0] })
    if isOpen {
      let bad = Set(check.bad)
      open.passed(check.blocks.lazy.filter { !bad.contains($0) })
      if !bad.isEmpty {
        counters.wasted += Int64(bad.count * Block.size)
        for block in bad { open.senders[block] = nil }
        picker.blocksFailed(piece, check.bad)
        closeIfIdle(Block(piece: Int32(piece), index: 0))
      }
    }
    let wasWaiting = open.isWaiting
    open.isWaiting = false
    for serial in liars { ban(serial, .badData, on: loop) }
    guard wasWaiting else {
      if isOpen, open.unchecked >= LeafCheck.batch { checkLeaves(piece, open, on: loop) }
      if !liars.isEmpty { fillAll(on: loop) }
      return
    }
    if isOpen, check.bad.isEmpty {
      write(piece, open, on: loop)
    } else {
      piecesInDisk -= 1
      fillAll(on: loop)
      quieter(on: loop)
    }
  }

  /// A piece has passed: a peer that sent all of it has shown that it can be trusted with whole pieces.
  func prove(_ open: OpenPiece) {
    guard open.wantsLeaves || picker.paroled > 0, let serial = open.soleSender,
      let peer = connection(serial), peer.phase == .open
    else { return }
    peer.isProven = true
    picker.parole(peer.slot, false)
  }

  /// A piece has failed, and nobody knows through whom: each of its senders is to send whole pieces alone.
  func disprove(_ open: OpenPiece) {
    for serial in Set(open.senders.compactMap { $0 }) {
      guard let peer = connection(serial), peer.phase == .open else { continue }
      peer.isProven = false
      picker.parole(peer.slot, true)
    }
  }
}
