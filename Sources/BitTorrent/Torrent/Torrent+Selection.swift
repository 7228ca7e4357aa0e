import Bytes
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

/// A change of which files are wanted, on its way to the disk.
struct SelectionChange {
  /// Whether the storage has another selection than the torrent.
  var isDue = false
  /// Whether a disk thread is at it.
  var isRunning = false
  /// What the storage has; `nil` for all files.
  var applied: [Bool]?
  /// Whole pieces that wait until it is through.
  var held: [Int] = []

  var isOver: Bool { !isDue && !isRunning }
}

// Which files are wanted and how much, while the torrent runs.
extension Torrent {
  /// What is set; all as usual if nothing is.
  var filePriorities: [FilePriority] { FileSelection(info, priorities: priorities).priorities }

  /// Changes how much some files are wanted. Numbers that name no file, or padding, are passed over.
  func set(_ changes: [Int: FilePriority], on loop: isolated Loop) {
    let before = filePriorities
    var after = before
    for (file, priority) in changes where info.files.indices.contains(file) && !info.files[file].isPadding {
      after[file] = priority
    }
    guard after != before else { return }
    priorities = after
    // Else `begin` will see to it.
    guard isLoaded, !isStopping, state == .downloading || state == .seeding else { return }
    reselect(on: loop)
  }

  /// Sets whether pieces come in their order.
  func set(isSequential: Bool) {
    self.isSequential = isSequential
    picker.options.isSequential = isSequential
  }

  /// Makes the selection that the priorities come to.
  func makeSelection(have: Bitfield) {
    selection = FileSelection(info, priorities: priorities)
    for piece in 0..<info.pieceCount where have[piece] { selection.verified(piece, info: info) }
  }

  /// What the picker is to do with a piece.
  func piecePriority(_ piece: Int) -> PiecePriority {
    canVerify(piece) ? selection.priority(of: piece, info: info) : .skip
  }

  private func reselect(on loop: isolated Loop) {
    makeSelection(have: picker.have)
    cancels.removeAll(keepingCapacity: true)
    for piece in 0..<info.pieceCount {
      let priority = piecePriority(piece)
      guard priority != picker.priority(piece) else { continue }
      picker.want(piece, priority, cancels: &cancels)
      // What a disk thread has of it is its own.
      if priority == .skip { close(piece) }
    }
    sendCancels(on: loop)
    if state == .seeding, !selection.isComplete { resume(on: loop) }
    forEachPeer { peer in
      peer.interest = InterestCount(has: peer.has, missing: picker.missing)
      updateInterest(peer, on: loop)
    }
    completePadding(on: loop)
    changeStorage(on: loop)
    readsChanged(on: loop)
    fillAll(on: loop)
    completeIfDone(on: loop)
  }

  /// More is wanted than there is.
  private func resume(on loop: isolated Loop) {
    state = .downloading
    for announcer in announcers { announcer.wantsMore(on: loop) }
    book.endRests(now: loop.now)
    connectMore(on: loop)
  }

  /// Takes back what the picker released.
  func sendCancels(on loop: isolated Loop) {
    for cancel in cancels {
      guard let peer = peers[cancel.peer.index] else { continue }
      let request = geometry.request(cancel.block)
      // It may come all the same.
      peer.late += 1
      peer.asked.withdrawn()
      peer.rates.shares.requests?.refund(request.length)
      peer.send(on: loop) { $0.append(cancel: request) }
    }
    cancels.removeAll(keepingCapacity: true)
  }

  // MARK: On disk

  /// Tells the storage which files are wanted, if that is new to it.
  func changeStorage(on loop: isolated Loop) {
    let wanted = selection.wanted
    change.isDue = wanted != (change.applied ?? info.files.map { !$0.isPadding })
    // Pieces that are written have to be ours before the files change.
    epochIfDue(on: loop)
    changeStorageIfQuiet(on: loop)
  }

  /// Bytes move between the part store and the files while nothing else is written; meanwhile whole pieces
  /// wait in memory, and reading goes on.
  func changeStorageIfQuiet(on loop: isolated Loop) {
    guard change.isDue, !change.isRunning, !isStopping, piecesInDisk == 0, epoch.isIdle,
      state == .downloading || state == .seeding
    else { return }
    change.isDue = false
    change.isRunning = true
    let wanted = selection.wanted
    change.applied = wanted
    let (me, journal) = (Confined(self, on: loop), journal)
    let padded = zip(wanted, info.files).map { $0 || $1.isPadding }
    let work = DiskWork(on: loop) { _ in
      Result { () throws(StorageError) in try journal.select(padded) }
    } then: { (loop, result: Result<Void, StorageError>) in
      me.value(on: loop).storageChanged(result, on: loop)
    }
    context.disk.submit(work)
  }

  private func storageChanged(_ result: Result<Void, StorageError>, on loop: isolated Loop) {
    change.isRunning = false
    let held = change.held
    change.held = []
    if case .failure(let error) = result { halt("\(error)", on: loop) }
    if state == .downloading {
      for piece in held {
        guard piece < openPieces.count, let open = openPieces[piece] else { continue }
        completed(piece, open, on: loop)
      }
    }
    quieter(on: loop)
    completeIfDone(on: loop)
  }
}
