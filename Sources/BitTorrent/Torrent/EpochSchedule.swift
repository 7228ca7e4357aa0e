import EventLoop

/// When pieces that are written are made durable. One epoch at a time; the next begins once the disk has
/// rested, so that a fast disk syncs often (peers learn of pieces soon) and a slow one seldom.
struct EpochSchedule {
  /// Verified pieces that are written and not yet durable, of the next epoch.
  private(set) var waiting: [Int] = []
  private(set) var isRunning = false
  private var startedAt = Instant(nanoseconds: 0)
  private var notBefore = Instant(nanoseconds: 0)

  /// The longest rest between epochs, in seconds.
  static let longestRest = 1.0

  /// A piece is written.
  mutating func add(_ piece: Int) { waiting.append(piece) }

  /// Takes the pieces of an epoch that begins now; empty if none may begin.
  mutating func begin(now: Instant, atOnce: Bool) -> [Int] {
    guard !isRunning, !waiting.isEmpty, atOnce || now >= notBefore else { return [] }
    isRunning = true
    startedAt = now
    var pieces: [Int] = []
    swap(&pieces, &waiting)
    return pieces
  }

  /// The epoch has ended. Rests as long as it took: at most half of the time goes to syncing; and longer
  /// with many peers, who each get a message of what is new: 2,500 of those a second.
  mutating func end(now: Instant, peers: Int = 0) {
    isRunning = false
    let rest = max(0.02, now.seconds(since: startedAt), Double(peers) * 0.0004)
    notBefore = now + min(Self.longestRest, rest)
  }

  /// Whether nothing waits and nothing runs.
  var isIdle: Bool { waiting.isEmpty && !isRunning }

  /// Seconds until an epoch may begin, if pieces wait and none runs.
  func delay(now: Instant) -> Double? {
    waiting.isEmpty || isRunning ? nil : max(0, notBefore.seconds(since: now))
  }
}
