import Bytes
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// Start, faults, retry and the end of a torrent.
extension Torrent {
  /// Looks at what is on disk, then goes on to `begin`.
  func start(on loop: isolated Loop) {
    state = .checking(0)
    let (me, journal) = (Confined(self, on: loop), journal)
    let work = DiskWork(on: loop) { _ in
      Result { () throws(StorageError) in
        try journal.storage.prepare()
        return journal.load()
      }
    } then: { (loop, result: Result<Resumption, StorageError>) in
      switch result {
      case .success(let resumption): me.value(on: loop).checkDoubtful(resumption, on: loop)
      case .failure(let error): me.value(on: loop).startFailed(error, on: loop)
      }
    }
    context.disk.submit(work)
  }

  /// Only what the journal cannot vouch for is read and hashed.
  private func checkDoubtful(_ resumption: Resumption, on loop: isolated Loop) {
    guard !resumption.doubtful.isEmpty, !isStopping else {
      adopt(resumption, checked: nil, on: loop)
      return
    }
    let (me, journal, layers) = (Confined(self, on: loop), journal, layers)
    let work = DiskWork(on: loop) { _ in
      PieceCheck(journal.storage, layers: layers, pieces: resumption.doubtful) { progress in
        me.loop.post { loop in me.value(on: loop).checked(progress) }
      }
    } then: { (loop, check: PieceCheck) in
      me.value(on: loop).run(check, of: resumption, on: loop)
    }
    context.disk.submit(work)
  }

  private func run(_ check: PieceCheck, of resumption: Resumption, on loop: isolated Loop) {
    self.check = check
    if isStopping { check.cancel() }
    let me = Confined(self, on: loop)
    check.start(on: context.disk, width: context.configuration.diskThreads, loop: loop) { loop, report in
      let torrent = me.value(on: loop)
      torrent.check = nil
      if !torrent.isStopping { torrent.counters.checkedPieces += resumption.doubtful.ones }
      torrent.adopt(resumption, checked: report.good, on: loop)
    }
  }

  private func checked(_ progress: CheckProgress) {
    if case .checking = state { state = .checking(Double(progress.done) / Double(max(1, progress.total))) }
  }

  /// What was found is ours: recorded, as far as the folder lets us write.
  private func adopt(_ resumption: Resumption, checked good: Bitfield?, on loop: isolated Loop) {
    guard !isStopping else {
      isLoaded = true
      stopIfQuiet(on: loop)
      return
    }
    let (me, journal) = (Confined(self, on: loop), journal)
    let work = DiskWork(on: loop) { _ in
      // A folder that cannot be written to can still be seeded from; a download will hit the error.
      try? journal.adopt(resumption, checked: good)
      return journal.have
    } then: { (loop, have: Bitfield) in
      me.value(on: loop).adopted(have, on: loop)
    }
    context.disk.submit(work)
  }

  private func adopted(_ have: Bitfield, on loop: isolated Loop) {
    isLoaded = true
    if isStopping { stopIfQuiet(on: loop) } else { begin(with: have, on: loop) }
  }

  private func startFailed(_ error: StorageError, on loop: isolated Loop) {
    isLoaded = true
    if isStopping { stopIfQuiet(on: loop) } else { halt("\(error)", on: loop) }
  }

  /// What is here is known: makes the picker, seeks peers.
  private func begin(with have: Bitfield, on loop: isolated Loop) {
    durable = have
    makeSelection(have: have)
    makePicker(have: have)
    startHashExchange()
    state = selection.isComplete ? .seeding : .downloading
    completePadding(on: loop)
    changeStorage(on: loop)
    learn(options.peers, from: .user, on: loop)
    for hash in info.infoHashes where !announcers.contains(where: { $0.infoHash == hash }) {
      let announcer = Announcer(
        self, infoHash: hash, isV2Only: hash != info.infoHash, trackers: trackers, isComplete: have.isFull,
        context: context)
      announcers.append(announcer)
      if state == .seeding, !have.isFull { announcer.hasAllThatIsWanted(on: loop) }
      announcer.start(on: loop)
    }
    // A look at the disk may have found less than trackers were told of.
    for announcer in announcers { announcer.reports.hasLost = true }
    joinDHT(on: loop)
    if isOpen { context.announceLocally(info.infoHashes) }
    connectMore(on: loop)
    startWebSeeds(webSeedURLs, on: loop)
    readsChanged(on: loop)
    seat?.settledIn(on: loop)
  }

  private func makePicker(have: Bitfield) {
    picker = PiecePicker(
      geometry: geometry, have: have, random: SeededGenerator(seed: UInt64.random(in: 0 ... .max)))
    var cancels: [Assignment] = []
    for piece in 0..<info.pieceCount where !have[piece] {
      let priority = piecePriority(piece)
      if priority != .normal { picker.want(piece, priority, cancels: &cancels) }
    }
    picker.options.isSequential = isSequential
    openPieces = []
    context.pieces.raise(to: 6 * info.pieceLength)
  }

  /// Pieces of padding alone need nobody to send them.
  func completePadding(on loop: isolated Loop) {
    for piece in 0..<info.pieceCount
    where geometry.isPaddingOnly(piece) && !durable[piece] && selection.wants(piece) {
      guard let open = openPiece(piece) else { continue }
      completed(piece, open, on: loop)
    }
  }

  // MARK: Faults

  /// Stops because of a fault: peers go, what is had stays, `retry` goes on.
  func halt(_ reason: String, on loop: isolated Loop) {
    guard !isStopping else { return }
    // What fails between the wish for a retry and its start belongs to the fault of before.
    if !wantsRetry { state = .stopped(reason: reason) }
    openPieces = []
    change.isDue = false
    change.held = []
    endReads(.stopped(reason: reason))
    leaveDHT()
    closePeers(.stopped, on: loop)
    context.endLocalAnnounces(info.infoHashes)
    seat?.settledIn(on: loop)
  }

  /// The cause of a fault may be gone: looks at the disk again and goes on.
  func retry(on loop: isolated Loop) {
    switch state {
    case .stopped:
      wantsRetry = true
      state = .checking(0)
      retryIfQuiet(on: loop)
    default:
      for announcer in announcers { announcer.retry(on: loop) }
    }
  }

  /// Jobs of before the fault may still be with the disk threads: their results come first.
  func retryIfQuiet(on loop: isolated Loop) {
    guard wantsRetry, !isStopping, piecesInDisk == 0, !epoch.isRunning, !change.isRunning else { return }
    wantsRetry = false
    epoch = EpochSchedule()
    isLoaded = false
    start(on: loop)
  }

  // MARK: The end

  /// Leaves the swarm: makes durable what is written, tells the trackers, then calls `done`; at the
  /// latest after `seconds`.
  func stop(within seconds: Double, on loop: isolated Loop, done: @escaping @Sendable (isolated Loop) -> Void)
  {
    guard !isStopping else {
      done(loop)
      return
    }
    isStopping = true
    whenStopped = done
    endReads(.stopped(reason: "it was removed"))
    closePeers(.stopped, on: loop)
    for announcer in announcers { announcer.stop(on: loop) }
    check?.cancel()
    epochIfDue(on: loop)
    let me = Confined(self, on: loop)
    let timer = loop.timer { loop in me.value(on: loop).finishStop(on: loop) }
    timer.set(after: seconds)
    stopTimer = timer
    stopIfQuiet(on: loop)
  }

  func announceFailed(on loop: isolated Loop) {}

  func announcerStopped(on loop: isolated Loop) {
    if isStopping { stopIfQuiet(on: loop) }
  }

  func stopIfQuiet(on loop: isolated Loop) {
    guard isStopping, isLoaded, piecesInDisk == 0, epoch.isIdle, !change.isRunning,
      announcers.allSatisfy(\.isStopped)
    else { return }
    finishStop(on: loop)
  }

  private func finishStop(on loop: isolated Loop) {
    guard let done = whenStopped else { return }
    whenStopped = nil
    stopTimer?.close()
    epochTimer?.close()
    for announcer in announcers { announcer.close(on: loop) }
    context.remove(self)
    let journal = journal
    let work = DiskWork(on: loop) { _ in
      try? journal.close()
      journal.storage.close()
    } then: { loop, _ in
      done(loop)
    }
    context.disk.submit(work)
  }

  private func closePeers(_ reason: CloseReason, on loop: isolated Loop) {
    for case let peer? in peers { peer.close(reason, on: loop) }
  }

  /// Bytes that trackers are told are missing: of everything, so that whoever wants only a part is not
  /// taken for a seed (BEP 21).
  var bytesLeft: UInt64 { durable.isFull ? 0 : UInt64(max(1, info.contentLength - selection.doneBytes)) }

  /// How many peers a tracker is asked for.
  var peersWanted: Int { max(0, min(200, context.configuration.peersPerTorrent - connections)) }
}

extension Torrent: AnnouncerOwner {
  var announceFacts: AnnounceFacts {
    AnnounceFacts(
      uploaded: UInt64(counters.uploaded), downloaded: UInt64(counters.downloaded), left: bytesLeft,
      wanted: peersWanted)
  }
}
