import EventLoop

/// Bytes that may move now, at a rate: tokens that time brings and bytes use up.
///
/// A block moves as a whole, so the bucket may be overdrawn; what follows waits until that is paid back. Over
/// any time t no more than rate × t + `burst` and one overdraft moves. Plain numbers, no clock, no allocation.
struct TokenBucket: Sendable {
  /// Bytes a second.
  let rate: Double
  /// The most that is saved up while nothing moves, in bytes.
  let burst: Double
  private var tokens: Double
  private var updated: Instant

  /// A bucket of `rate` bytes a second (0 lets nothing pass) that saves up one block and what comes in
  /// `burstSeconds`; empty or full at first.
  init(rate: Int, burstSeconds: Double = 0.1, startsFull: Bool = false, now: Instant) {
    // A PiB a second is no limit to anyone, and keeps the numbers exact.
    self.rate = Double(min(max(rate, 0), 1 << 50))
    burst = Double(Block.size) + self.rate * burstSeconds
    tokens = startsFull ? burst : 0
    updated = now
  }

  /// Bytes that may move at `now`; negative while overdrawn. O(1).
  mutating func available(now: Instant) -> Int {
    let seconds = now.seconds(since: updated)
    if seconds > 0 {
      tokens = min(burst, tokens + rate * seconds)
      updated = now
    }
    return Int(tokens.rounded(.down))
  }

  /// `bytes` move.
  mutating func spend(_ bytes: Int) { tokens -= Double(bytes) }

  /// `bytes` that were spent do not move after all.
  mutating func refund(_ bytes: Int) { tokens = min(burst, tokens + Double(bytes)) }

  /// Seconds after the last call of `available` until that many bytes may move; infinite if never.
  func delay(until bytes: Int) -> Double {
    let missing = Double(bytes) - tokens
    guard missing > 0 else { return 0 }
    return rate > 0 ? missing / rate : .infinity
  }

  /// Bytes for one turn when several wait: what comes in 10 ms, at least a block, so that a slow limit is
  /// handed out block by block and a fast one in few turns.
  var quantum: Int { Self.quantum(rate) }

  static func quantum(_ rate: Double) -> Int {
    Int(min(max(rate * 0.01, Double(Block.size)), Double(256 << 10)))
  }
}
