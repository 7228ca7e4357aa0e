extension TrackerList {
  /// The announce to that tracker was answered with `reply`.
  public mutating func succeeded(_ index: Index, _ reply: AnnounceReply, now: Double) {
    guard trackers.indices.contains(index), trackers[index].isBusy else { return }
    trackers[index].isBusy = false
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
  /// tracker may have named a time. The next tracker is due at once.
  public mutating func failed(
    _ index: Index, _ reason: String, retryIn: RetryIn? = nil, now: Double,
    using generator: inout some RandomNumberGenerator
  ) {
    guard trackers.indices.contains(index), trackers[index].isBusy else { return }
    trackers[index].isBusy = false
    if phase == .stopping { return stoppedOne(index) }
    trackers[index].message = reason
    trackers[index].failures += 1
    let doubling = Double(sign: .plus, exponent: min(trackers[index].failures - 1, 30), significand: 1)
    // Up to a quarter more or less, so that the clients of a dead tracker do not come back as one.
    let backOff =
      min(limits.firstBackOff * doubling, limits.maximumBackOff)
      * Double.random(in: 0.75...1.25, using: &generator)
    trackers[index].blockedUntil =
      switch retryIn {
      case .never: .infinity
      case .minutes(let minutes): now + max(backOff, Double(minutes) * 60)
      case nil: now + backOff
      }
    due = now
  }

  /// Has every tracker tried again that refused for good or is backing off: its user wants it so.
  public mutating func retryAll(now: Double) {
    for index in trackers.indices where trackers[index].failures > 0 { trackers[index].blockedUntil = now }
    if trackers.allSatisfy({ !$0.isStarted }) { due = min(due, now) } else { announceEarly(now: now) }
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
