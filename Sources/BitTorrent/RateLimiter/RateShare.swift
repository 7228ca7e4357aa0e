import EventLoop

/// A torrent's share of a limit, with a limit of its own if it has one, and those of its peers who wait.
final class RateShare<Member> {
  private unowned let limiter: RateLimiter<Member>
  /// The torrent's own limit.
  private(set) var bucket: TokenBucket?
  private var waiting = TurnQueue<Member>()
  /// Whether the limiter knows that somebody waits here.
  var isInLine = false

  init(_ limiter: RateLimiter<Member>, _ bucket: TokenBucket?) {
    self.limiter = limiter
    self.bucket = bucket
  }

  /// Whether somebody waits here.
  var isWaitedFor: Bool { !waiting.isEmpty }

  /// Bytes that may move now without waiting; 0 if less than a block may, or others come first: `wait` then.
  func allowance(now: Instant) -> Int {
    guard waiting.isEmpty else { return 0 }
    let bytes = min(limiter.common(now: now), own(now: now))
    return bytes >= RateLimiter<Member>.least ? bytes : 0
  }

  /// What the torrent's own limit lets pass.
  func own(now: Instant) -> Int { bucket?.available(now: now) ?? .max }

  /// `bytes` move.
  func spend(_ bytes: Int) {
    bucket?.spend(bytes)
    limiter.spend(bytes)
  }

  /// `bytes` that were spent do not move after all.
  func refund(_ bytes: Int) {
    bucket?.refund(bytes)
    limiter.refund(bytes)
  }

  /// Puts `member`, which does not wait yet, at the end of the line.
  func wait(_ member: Member) {
    waiting.append(member)
    guard !isInLine else { return }
    isInLine = true
    limiter.join(self)
  }

  func removeFirst() -> Member? { waiting.removeFirst() }

  func emptyLine() {
    waiting.removeAll { _ in true }
    isInLine = false
  }

  /// Takes those out of the line that match. O(those who wait).
  func leave(where matches: (Member) -> Bool) { waiting.removeAll(where: matches) }
}
