/// How often each length of time was met: 64 steps in each power of two of nanoseconds, so that what is read is
/// less than two percent off, from a nanosecond to hours.
struct LatencyHistogram: Sendable {
  private static let stepBits = 6
  private static let steps = 1 << stepBits
  private var counts = [UInt64](repeating: 0, count: (65 - stepBits) * steps)
  /// Lengths that were recorded.
  private(set) var total: UInt64 = 0
  private(set) var longest: UInt64 = 0

  /// Notes a length. O(1), no allocation.
  mutating func record(_ nanoseconds: UInt64) {
    counts[Self.place(nanoseconds)] += 1
    total += 1
    longest = max(longest, nanoseconds)
  }

  mutating func merge(_ other: LatencyHistogram) {
    for place in counts.indices { counts[place] += other.counts[place] }
    total += other.total
    longest = max(longest, other.longest)
  }

  /// The length that `share` of all lengths do not exceed; 0 if there is none.
  func quantile(_ share: Double) -> UInt64 {
    let wanted = max(1, UInt64((share * Double(total)).rounded(.up)))
    var sum: UInt64 = 0
    for place in counts.indices {
      sum += counts[place]
      if sum >= wanted { return min(Self.value(place), longest) }
    }
    return longest
  }

  private static func place(_ value: UInt64) -> Int {
    let power = max(0, 63 - value.leadingZeroBitCount - stepBits)
    // Below 2 · 64 each number has a place of its own.
    return power == 0 ? Int(value) : power * steps + Int(value >> UInt64(power))
  }

  /// The largest length that belongs to a place.
  private static func value(_ place: Int) -> UInt64 {
    guard place >= 2 * steps else { return UInt64(place) }
    let power = UInt64(place / steps - 1)
    return (UInt64(place) - power * UInt64(steps) + 1) << power &- 1
  }
}
