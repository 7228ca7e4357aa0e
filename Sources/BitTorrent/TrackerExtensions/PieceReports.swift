import TrackerProtocol

/// What the trackers of a torrent have been told of its pieces, and what they are to be told next (X1 to X3 of
/// docs/EXTENSIONS.md). Sans-I/O; times in seconds of any clock.
///
/// A tracker that has not said that it keeps pieces is told only what is short; one that has gets all of it once and
/// then what has changed, with the announces that go to it anyway. Between them it is spoken to only when a piece
/// was lost, or is looked for.
struct PieceReports {
  /// One tracker.
  private struct Tracker {
    /// Seconds that it wants between announces about pieces; `nil` as long as it has not offered to keep any.
    var interval: Double?
    /// What it knows that we have.
    var told: PieceSet?
    /// What it knows once the announce under way is answered.
    var sent: PieceSet?
    var spokeAt = -Double.infinity
  }

  private var trackers: [TrackerList.Index: Tracker] = [:]
  /// Some of what trackers were told may not be true any more.
  var hasLost = false

  /// Bytes of text that a tracker is told without having asked, and bytes of a query that fits into any URL.
  static let shortText = 64
  static let longestQuery = 4000

  /// Whether any tracker keeps pieces.
  var isHeard: Bool { trackers.values.contains { $0.interval != nil } }

  /// What to add to an announce. `have` is `nil` if it is not known, or if we leave; `hasRoom` if the announce may
  /// be long.
  mutating func query(
    for index: TrackerList.Index, have: PieceSet?, need: [Int], hasRoom: Bool, now: Double
  ) -> ExtensionQuery {
    var query = ExtensionQuery()
    query.isRanked = true
    trackers[index]?.sent = nil
    guard let have else { return query }
    var tracker = trackers[index] ?? Tracker()
    let plain = query
    if tracker.interval == nil {
      if have.ranges.count <= Self.shortText / 4, have.text.utf8.count <= Self.shortText { query.have = have }
    } else if let told = tracker.told {
      query.got = have.subtracting(told)
      let lost = told.subtracting(have)
      if !lost.isEmpty { query.lost = lost }
      // A long list of changes says less than all of it.
      if query.query.utf8.count > Self.longestQuery { query = plain }
    }
    if tracker.interval != nil, query.got == nil {
      query.have = have
      query.lost = nil
    }
    if !hasRoom, query.query.utf8.count > Self.longestQuery { query = plain }
    if query.have != nil || query.got != nil { tracker.sent = have }
    if tracker.interval != nil {
      query.need = Array(need.prefix(ExtensionQuery.maximumNeed))
      tracker.spokeAt = now
    }
    trackers[index] = tracker
    return query
  }

  /// The announce was answered, with that offer.
  mutating func succeeded(_ index: TrackerList.Index, _ offer: ReplyExtensions?) {
    guard var tracker = trackers[index] else { return }
    tracker.interval = offer?.pieceInterval.map(Double.init)
    if let sent = tracker.sent.take() { tracker.told = sent }
    if offer?.wantsAll == true || tracker.interval == nil { tracker.told = nil }
    trackers[index] = tracker
  }

  /// The announce was not answered: nobody knows whether it was heard.
  mutating func failed(_ index: TrackerList.Index) {
    trackers[index]?.sent = nil
    trackers[index]?.told = nil
  }

  /// Trackers that are to be spoken to now: because a piece is looked for, or because they hold wrong or no views of
  /// what we have.
  mutating func due(have: PieceSet, need: [Int], now: Double) -> [TrackerList.Index] {
    let mayHaveLost = hasLost
    hasLost = false
    return trackers.filter { _, tracker in
      guard let interval = tracker.interval else { return false }
      let isWrong = mayHaveLost && tracker.told.map { !$0.subtracting(have).isEmpty } ?? false
      let isUnknown = tracker.told == nil && !have.isEmpty
      guard isWrong || isUnknown || !need.isEmpty else { return false }
      if now - tracker.spokeAt >= interval { return true }
      if isWrong { hasLost = true }
      return false
    }.keys.sorted()
  }
}
