import Bytes
import EventLoop
import Metainfo
import PieceStorage

// Going to rest and waking up.
extension TorrentSeat {
  /// Why a torrent could not be read again.
  private struct Unreadable: Error { let reason: String }

  // MARK: Waking

  /// Has the torrent read again as soon as it is its turn; nothing happens if it is there or on its way.
  func wake(on loop: isolated Loop) {
    guard phase == .resting || phase == .failed else { return }
    phase = .queued
    context.queue(self, on: loop)
  }

  /// It is its turn.
  func read(on loop: isolated Loop) {
    guard phase == .queued, let read = source.read else {
      context.turnEnded(self, on: loop)
      return
    }
    phase = .reading
    let (me, number) = (Confined(self, on: loop), Int(number))
    let work = DiskWork(on: loop) { _ in
      Result { try read(number) }.mapError { Unreadable(reason: "\($0)") }
    } then: { loop, result in
      me.value(on: loop).wasRead(result, on: loop)
    }
    context.disk.submit(work)
  }

  private func wasRead(_ result: Result<Metainfo, Unreadable>, on loop: isolated Loop) {
    guard phase == .reading else {
      context.turnEnded(self, on: loop)
      return
    }
    switch result {
    case .success(let metainfo) where metainfo.info.infoHash == outline.infoHash:
      start(metainfo, on: loop)
    case .success:
      fail("its torrent file is another one now", on: loop)
    case .failure(let error):
      fail(error.reason, on: loop)
    }
  }

  func fail(_ reason: String, on loop: isolated Loop) {
    phase = .failed
    makePast().fault = reason
    for read in makePast().reads { read.end(.failure(.stopped(reason: reason))) }
    makePast().reads = []
    dismissVisitors()
    context.note(self)
    context.turnEnded(self, on: loop)
  }

  /// Makes the torrent and starts it.
  func start(_ metainfo: Metainfo, on loop: isolated Loop) {
    let torrent = Torrent(
      metainfo, options: source.options, context: context, localPeerID: context.peerID,
      listeningPort: context.listeningPort, now: loop.now)
    torrent.seat = self
    let past = past.take()
    if let past { torrent.recall(past) }
    self.torrent = torrent
    if !metainfo.nodes.isEmpty { torrent.dht?.enter(through: metainfo.nodes) }
    phase = .awake
    quietSince = nil
    context.add(torrent, on: loop)
    if let past { catchUp(past, torrent, on: loop) }
    torrent.start(on: loop)
  }

  /// The torrent knows what it has, or why it cannot go on.
  func settledIn(on loop: isolated Loop) {
    context.note(self)
    let hadTurn = hasTurn
    if hadTurn { context.turnEnded(self, on: loop) }
    let waiting = visitors
    visitors = []
    for visitor in waiting {
      context.connections.giveBack()
      torrent?.accept(visitor, on: loop)
    }
    // Looked at, complete, nobody there: most torrents of a start with thousands go to rest right away.
    if hadTurn { restIfQuiet(on: loop) }
  }

  // MARK: Resting

  /// Goes to rest if nothing is left to do. Called twice a second while awake.
  func restIfQuiet(on loop: isolated Loop) {
    guard let torrent, phase == .awake, source.read != nil else { return }
    guard torrent.canRest(now: loop.now) else {
      quietSince = nil
      return
    }
    let since = quietSince ?? loop.now
    quietSince = since
    guard torrent.nextSerial == 0 || loop.now.seconds(since: since) >= context.configuration.restAfter else {
      return
    }
    phase = .settling
    let (me, journal) = (Confined(self, on: loop), torrent.journal)
    let work = DiskWork(on: loop) { _ in
      try? journal.close()
      journal.storage.close()
    } then: { loop, _ in
      me.value(on: loop).rest(on: loop)
    }
    context.disk.submit(work)
  }

  private func rest(on loop: isolated Loop) {
    guard phase == .settling, let torrent else { return }
    // Somebody may have come meanwhile.
    guard torrent.canRest(now: loop.now) else {
      phase = .awake
      return
    }
    wasComplete = true
    outline.piecesHave = Int32(torrent.durable.ones)
    outline.wantedBytes = torrent.selection.wantedBytes
    outline.doneBytes = torrent.selection.doneBytes
    past = torrent.memories()
    for announcer in past?.announcers ?? [] { announcer.owner = self }
    torrent.epochTimer?.close()
    context.remove(torrent)
    self.torrent = nil
    phase = .resting
    context.note(self)
    setAlarm(on: loop)
  }

  // MARK: Time

  /// Sets the alarm for the next announce or the next peer to be tried.
  func setAlarm(on loop: isolated Loop) {
    guard phase == .resting, let past else { return }
    let next = (past.announcers.map(\.deadline) + [past.book.nextAttempt()]).compactMap(\.self).min()
    alarm = 0
    if let next { alarm = context.setAlarm(self, at: next, on: loop) }
  }

  /// An alarm has come.
  func rang(_ second: UInt64, on loop: isolated Loop) {
    guard phase == .resting, second == alarm, let past else { return }
    if let next = past.book.nextAttempt(), next <= loop.now {
      wake(on: loop)
      return
    }
    for announcer in past.announcers { announcer.tick(on: loop) }
    setAlarm(on: loop)
  }
}

extension Torrent {
  /// Whether nothing is under way and nothing to be done within the next seconds.
  func canRest(now: Instant) -> Bool {
    guard state == .seeding, durable.isFull, connections == 0, isLoaded, !isStopping, !wantsRetry,
      piecesInDisk == 0,
      epoch.isIdle, change.isOver, reads.waiting.isEmpty, reads.running == 0, flushQueue.isEmpty,
      announcers.allSatisfy(\.isQuiet)
    else { return false }
    return book.nextAttempt().map { $0.seconds(since: now) > 3 } ?? true
  }

  /// What is worth remembering; `nil` if nothing is.
  func memories() -> TorrentPast? {
    let limits = rates?.limits ?? RateLimits()
    guard
      !announcers.isEmpty || !book.isBlank || counters.isUsed || trackerMessage != nil
        || limits != options.limits || priorities != options.priorities
        || isSequential != options.isSequential
    else { return nil }
    let past = TorrentPast(book: book)
    past.counters = counters
    past.traffic = traffic
    past.trackerMessage = trackerMessage
    past.bestUpRate = bestUpRate
    past.limits = limits == options.limits ? nil : limits
    past.priorities = priorities == options.priorities ? nil : priorities
    past.isSequential = isSequential == options.isSequential ? nil : isSequential
    past.announcers = announcers
    return past
  }

  /// Goes on from where it was when it went to rest.
  func recall(_ past: TorrentPast) {
    counters = past.counters
    traffic = past.traffic
    book = past.book
    trackerMessage = past.trackerMessage
    bestUpRate = past.bestUpRate
    if let limits = past.limits { rates = TorrentRates(limits) }
    if let priorities = past.priorities { self.priorities = priorities }
    announcers = past.announcers
    for announcer in announcers { announcer.owner = self }
  }
}
