/// The least delay of one direction over the last two minutes (BEP 29): what the way takes without queues,
/// plus the unknown difference of two clocks. 32-bit numbers around the wrap.
struct DelayHistory {
  private static let bucketTime: UInt64 = 20_000_000
  private static let bucketCount = 6

  private var buckets: [UInt32] = []
  private var turnsAt: UInt64 = 0
  /// The least delay; meaningless before the first sample.
  private(set) var base: UInt32 = 0

  var isEmpty: Bool { buckets.isEmpty }

  /// Takes a sample in; by how much the base went down, 0 if it did not.
  mutating func add(_ delay: UInt32, now: UInt64) -> Int {
    guard let current = buckets.last else {
      buckets.reserveCapacity(Self.bucketCount)
      buckets.append(delay)
      base = delay
      turnsAt = now + Self.bucketTime
      return 0
    }
    let before = base
    if now >= turnsAt {
      if buckets.count == Self.bucketCount { buckets.removeFirst() }
      buckets.append(delay)
      turnsAt = now + Self.bucketTime
      base = buckets.reduce(delay) { Self.isLess($1, $0) ? $1 : $0 }
    } else if Self.isLess(delay, current) {
      buckets[buckets.count - 1] = delay
      if Self.isLess(delay, base) { base = delay }
    }
    return max(0, Int(Int32(bitPattern: before &- base)))
  }

  /// The clocks drift apart: what was measured would be more by now.
  mutating func shift(by delay: Int) {
    let delay = UInt32(truncatingIfNeeded: delay)
    for index in buckets.indices { buckets[index] &+= delay }
    base &+= delay
  }

  /// How much longer than the least a delay is, µs.
  func queueing(_ delay: UInt32) -> Int { max(0, Int(Int32(bitPattern: delay &- base))) }

  private static func isLess(_ one: UInt32, _ other: UInt32) -> Bool { Int32(bitPattern: one &- other) < 0 }
}
