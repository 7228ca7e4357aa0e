extension TrackerList {
  /// The announce to that tracker was answered with `reply`.
  public mutating func succeeded(_ index: Index, _ reply: AnnounceReply, now: Double) {
    guard trackers.indices.contains(index), trackers[index].isBusy else { return }
    trackers[index].isBusy = false
    trackers[index].isOverdue = false
    if let address = reply.externalAddress { externalAddress = address }
    if phase == .stopping { return stoppedOne(index) }

    let sent = trackers[index].sent
    var kept = reply
    kept.peersV4 = []
    kept.peersV6 = []
    // A tracker that sends its id once means it for good.
    kept.trackerID = reply.trackerID ?? trackers[index].reply?.trackerID
    trackers[index].reply = kept
    trackers[index].failures = 0
    trackers[index].message = reply.warning
    trackers[index].blockedUntil = -.infinity
    trackers[index].answeredAt = now
    trackers[index].isStarted = true
    trackers[index].knowsLeech = !trackers[index].sentComplete
    if sent == .completed { trackers[index].owesCompleted = false }
    // The download became complete while this announce was under way.
    if isComplete, !trackers[index].sentComplete { trackers[index].owesCompleted = true }
    current = index
    promote(index)

    let floor = minimumInterval(index)
    let interval = min(max(Double(reply.interval), limits.interval.lowerBound), limits.interval.upperBound)
    due = trackers[index].owesCompleted ? now : now + max(interval, floor)
  }

  /// The announce to that tracker failed: no answer, no valid answer, or a refusal, for which the
  /// tracker may have named a time. The next tracker is due at once,
  /// unless one was asked meanwhile and has answered.
  public mutating func failed(
    _ index: Index, _ reason: String, retryIn: RetryIn? = nil, now: Double,
    using generator: inout some RandomNumberGenerator
  ) {
    guard trackers.indices.contains(index), trackers[index].isBusy else { return }
    trackers[index].isBusy = false
    trackers[index].isOverdue = false
    if phase == .stopping { return stoppedOne(index) }
    trackers[index].message = reason
    trackers[index].failures += 1
    trackers[index].lacks = []
    let doubling = Double(sign: .plus, exponent: min(trackers[index].failures - 1, 30), significand: 1)
    // Up to a quarter more or less, so that the clients of a dead tracker do not come back as one.
    let backOff =
      min(
        (trackers[index].isUDP ? limits.firstBackOffUDP : limits.firstBackOff) * doubling,
        limits.maximumBackOff)
      * Double.random(in: 0.75...1.25, using: &generator)
    trackers[index].blockedUntil =
      switch retryIn {
      case .never: .infinity
      case .minutes(let minutes): now + max(backOff, Double(minutes) * 60)
      case nil: now + backOff
      }
    // Unless another one was asked meanwhile, and has answered.
    let askedAt = trackers[index].askedAt
    let isReplaced = trackers.contains { $0.answeredAt > askedAt }
    if !isReplaced || due == .infinity { due = now }
  }

  /// Has every tracker tried again that refused for good or is backing off: its user wants it so.
  public mutating func retryAll(now: Double) {
    for index in trackers.indices where trackers[index].failures > 0 { trackers[index].blockedUntil = now }
    if trackers.allSatisfy({ !$0.isStarted }) { due = min(due, now) } else { announceEarly(now: now) }
  }

  /// What was found about the families of a tracker's addresses: that it answers over some, or has none of
  /// others.
  public mutating func noted(
    _ index: Index, answersOver: TrackerFamilies = [], lacks: TrackerFamilies = []
  ) {
    guard trackers.indices.contains(index) else { return }
    trackers[index].answersOver.formUnion(answersOver)
    trackers[index].lacks.formUnion(lacks)
  }

  private mutating func stoppedOne(_ index: Index) {
    trackers[index].isStarted = false
    if !isBusy { phase = .idle }
  }

  /// A tracker that answers moves to the front of its tier (BEP 12).
  private mutating func promote(_ index: Index) {
    for tier in tiers.indices {
      guard let place = tiers[tier].firstIndex(of: index) else { continue }
      tiers[tier].insert(tiers[tier].remove(at: place), at: 0)
    }
  }
}
