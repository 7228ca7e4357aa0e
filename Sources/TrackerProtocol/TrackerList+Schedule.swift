extension TrackerList {
  /// Joins the swarm: the first announce is due at once. Does nothing unless `isStopped`.
  public mutating func start(now: Double) {
    guard phase == .idle else { return }
    phase = .running
    due = now
    for index in trackers.indices {
      trackers[index].isStarted = false
      trackers[index].isBusy = false
      trackers[index].isOverdue = false
      trackers[index].owesCompleted = false
    }
  }

  /// The download has just become complete: the trackers that know the client as a leech are to be
  /// told, the current one at once.
  public mutating func completed(now: Double) {
    guard !isComplete else { return }
    isComplete = true
    for index in trackers.indices where trackers[index].isStarted && trackers[index].knowsLeech {
      trackers[index].owesCompleted = true
    }
    if let current, trackers[current].owesCompleted { due = min(due, now) }
  }

  /// Whether the client has all that it wants but not all there is; from now on it says so (BEP 21).
  public mutating func setPartialSeed(_ isPartialSeed: Bool, now: Double) {
    guard isPartialSeed != self.isPartialSeed else { return }
    self.isPartialSeed = isPartialSeed
    announceEarly(now: now)
  }

  /// The client wants more peers, or its user wants an announce: one is due as soon as the current
  /// tracker's `min interval` allows. Trackers that failed are not asked before their time.
  public mutating func announceEarly(now: Double) {
    guard phase == .running else { return }
    let earliest = current.map { trackers[$0].answeredAt + minimumInterval($0) } ?? now
    due = min(due, max(now, earliest))
  }

  /// What to do now. Empty if nothing is due.
  public mutating func next(now: Double) -> [Action] {
    guard phase == .running, now >= due else { return [] }
    for index in trackers.indices
    where trackers[index].isBusy && now >= trackers[index].askedAt + limits.hesitation {
      trackers[index].isOverdue = true
    }
    guard patienceEnds == nil else { return [] }
    guard let index = candidate(now: now) else {
      due = trackers.lazy.filter { !$0.isBusy }.map(\.blockedUntil).min() ?? .infinity
      return []
    }
    return [send(event(for: index), to: index, now: now)]
  }

  /// The announce to that tracker that is under way has not been sent yet, for reasons that are not the
  /// tracker's: its time begins now.
  public mutating func waits(_ index: Index, now: Double) {
    guard trackers.indices.contains(index), trackers[index].isBusy, !trackers[index].isOverdue else { return }
    trackers[index].askedAt = now
  }

  /// Leaves the swarm: what is under way is given up, `stopped` goes to each tracker that knows the
  /// client or may know it. The owner reports the outcomes; `isStopped` tells when all are in.
  public mutating func stop() -> [Action] {
    guard phase == .running else { return [] }
    var actions: [Action] = []
    due = .infinity
    for index in trackers.indices {
      let tracker = trackers[index]
      // Who is silent would only be waited for.
      let mayKnow = tracker.isStarted || tracker.isBusy && !tracker.isOverdue
      if tracker.isBusy { actions.append(.cancel(index)) }
      trackers[index].isBusy = false
      if mayKnow { actions.append(send(.stopped, to: index, now: tracker.askedAt)) }
    }
    phase = isBusy ? .stopping : .idle
    return actions
  }

  /// The first in order that may be asked now; one that is owed `completed` goes first.
  private func candidate(now: Double) -> Index? {
    if let current, trackers[current].owesCompleted, mayAsk(current, now: now) { return current }
    return tiers.joined().first { mayAsk($0, now: now) }
  }

  private func mayAsk(_ index: Index, now: Double) -> Bool {
    !trackers[index].isBusy && trackers[index].blockedUntil <= now
  }

  private func event(for index: Index) -> AnnounceEvent {
    let tracker = trackers[index]
    if !tracker.isStarted { return .started }
    if tracker.owesCompleted { return .completed }
    return isPartialSeed && !isComplete ? .paused : .regular
  }

  private mutating func send(_ event: AnnounceEvent, to index: Index, now: Double) -> Action {
    trackers[index].isBusy = true
    trackers[index].isOverdue = false
    trackers[index].askedAt = now
    trackers[index].sent = event
    trackers[index].sentComplete = isComplete
    return .announce(index, url: trackers[index].url, event: event)
  }

  func minimumInterval(_ index: Index) -> Double {
    guard let reply = trackers[index].reply else { return limits.minimumInterval }
    let minimum =
      reply.minimumInterval.map(Double.init) ?? min(limits.minimumInterval, Double(reply.interval))
    return min(max(minimum, limits.interval.lowerBound), limits.interval.upperBound)
  }
}
