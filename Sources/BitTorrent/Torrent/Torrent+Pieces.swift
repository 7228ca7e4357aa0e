import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// From a whole piece in memory to a piece that is announced: hashed and written by a disk thread, made
// durable by an epoch, then told to the peers. In that order, always.
extension Torrent {
  /// All blocks of a piece are here.
  func completed(_ piece: Int, _ open: OpenPiece, on loop: isolated Loop) {
    guard change.isOver else {
      change.held.append(piece)
      return
    }
    piecesInDisk += 1
    // Its blocks must not be touched by two threads, should one be found wrong and fetched again.
    if open.isChecking { open.isWaiting = true } else { write(piece, open, on: loop) }
  }

  /// Has a whole piece hashed and written.
  func write(_ piece: Int, _ open: OpenPiece, on loop: isolated Loop) {
    guard let expected = PieceExpectation(piece: piece, info: info, layers: layers, leaves: open.leaves)
    else {
      halt("piece \(piece) cannot be verified: its hash is not known", on: loop)
      return
    }
    let me = Confined(self, on: loop)
    let write = PieceWrite(
      piece: piece, buffer: open.buffer, storage: journal.storage, journal: journal,
      expected: expected, loop: loop
    ) { loop, write in
      me.value(on: loop).written(write, on: loop)
    }
    if open.isWatched { write.checkedLeaves = open.checked }
    write.wantsBlockDigests = blame.isOnRecord(piece)
    context.disk.submit(write)
  }

  private func written(_ write: PieceWrite, on loop: isolated Loop) {
    piecesInDisk -= 1
    let piece = write.piece
    switch write.outcome {
    case .written:
      if piece < openPieces.count, let open = openPieces[piece] { prove(open) }
      close(piece)
      accept(write, on: loop)
    case .mismatch(let badBlocks):
      counters.failedPieces += 1
      // If it was not wanted for a while, it may have been begun anew.
      if piece < openPieces.count, let open = openPieces[piece], open.buffer === write.buffer {
        mismatched(write, open, badBlocks: badBlocks, on: loop)
      }
    case .failed(let error):
      write.abandon()
      close(piece)
      picker.pieceFailed(piece)
      halt("\(error)", on: loop)
    case nil: break
    }
    fillSome(on: loop)
    epochIfDue(on: loop)
    quieter(on: loop)
  }

  /// A disk job has ended: somebody may have waited for that.
  func quieter(on loop: isolated Loop) {
    if isStopping {
      stopIfQuiet(on: loop)
    } else if wantsRetry {
      retryIfQuiet(on: loop)
    } else {
      changeStorageIfQuiet(on: loop)
    }
  }

  /// The memory of a piece goes back to the pool.
  func close(_ piece: Int) {
    guard piece < openPieces.count, let open = openPieces[piece] else { return }
    if open.wantsLeaves, !open.isWatched { unwantLeaves(piece) }
    openPieces[piece] = nil
  }

  private func accept(_ write: PieceWrite, on loop: isolated Loop) {
    let piece = write.piece
    let wasMissing = picker.missing[piece]
    picker.pieceVerified(piece)
    if write.wantsBlockDigests {
      for serial in blame.passed(piece, digests: blockDigests(write)) { ban(serial, .badData, on: loop) }
    }
    keepLeaves(write)
    selection.verified(piece, info: info)
    epoch.add(piece)
    serveReads(on: loop)
    guard wasMissing else { return }
    forEachPeer { peer in
      if peer.interest.settled(piece, has: peer.has) { updateInterest(peer, on: loop) }
    }
  }

  /// One digest for each block that is asked for.
  func blockDigests(_ write: PieceWrite) -> [SHA256Digest] {
    Array(write.blockDigests.prefix(geometry.blockCount(write.piece)))
  }

  // MARK: Epochs

  /// Begins an epoch if the disk has rested, or at once when nothing else is to come.
  func epochIfDue(on loop: isolated Loop) {
    let isLast = isStopping || ((selection.isComplete || change.isDue) && piecesInDisk == 0)
    let pieces = epoch.begin(now: loop.now, atOnce: isLast)
    guard !pieces.isEmpty else {
      if let delay = epoch.delay(now: loop.now) { scheduleEpoch(after: delay, on: loop) }
      return
    }
    let me = Confined(self, on: loop)
    let sync = SyncEpoch(pieces: pieces, journal: journal, loop: loop) { loop, sync in
      me.value(on: loop).synced(sync, on: loop)
    }
    context.disk.submit(sync)
  }

  private func scheduleEpoch(after delay: Double, on loop: isolated Loop) {
    if epochTimer == nil {
      let me = Confined(self, on: loop)
      epochTimer = loop.timer { loop in me.value(on: loop).epochIfDue(on: loop) }
    }
    epochTimer?.set(after: delay)
  }

  private func synced(_ sync: SyncEpoch, on loop: isolated Loop) {
    epoch.end(now: loop.now, peers: connections)
    if let error = sync.failure {
      // Written, but nobody knows whether it will last: the pieces are fetched again after a retry.
      for piece in sync.pieces {
        picker.forget(piece)
        selection.lost(piece, info: info)
      }
      halt("\(error)", on: loop)
    } else {
      for piece in sync.pieces { durable[piece] = true }
      announce(sync.pieces, on: loop)
    }
    completeIfDone(on: loop)
    epochIfDue(on: loop)
    quieter(on: loop)
  }

  /// Tells the peers that lack them; a peer that has a piece does not need to know (BEP 3), but for seeds:
  /// they suggest what nobody has.
  private func announce(_ pieces: [Int], on loop: isolated Loop) {
    forEachPeer { peer in
      let news = peer.isSeed ? pieces : pieces.filter { !peer.has[$0] }
      guard !news.isEmpty else { return }
      peer.send(on: loop) { buffer in
        for piece in news { buffer.append(have: piece) }
      }
    }
  }

  /// All that is wanted is here and durable: tell the trackers, let go of seeds.
  func completeIfDone(on loop: isolated Loop) {
    guard state == .downloading, selection.isComplete, piecesInDisk == 0, epoch.isIdle, change.isOver else {
      return
    }
    state = .seeding
    openPieces = []
    context.pieces.trim()
    for announcer in announcers {
      if durable.isFull { announcer.completed(on: loop) } else { announcer.hasAllThatIsWanted(on: loop) }
    }
    joinDHT(on: loop)
    forEachPeer { peer in
      peer.setInterested(false, on: loop)
      if peer.web != nil { return peer.close(.bothComplete, on: loop) }
      if !closeIfUseless(peer, on: loop) { peer.sendUploadOnly(true, on: loop) }
    }
    rechoke(on: loop)
  }
}
