import EventLoop

/// Bytes a second over the last few seconds, and the sum of all.
///
/// Ten slots of half a second in place: `add` is a few additions, no allocation.
struct RateMeter: Sendable {
  private static let slotCount = 10
  private static let slotNanoseconds: UInt64 = 500_000_000

  /// All bytes ever added.
  private(set) var total: Int64 = 0
  private var slots: InlineArray<10, Int64> = .init(repeating: 0)
  private var sum: Int64 = 0
  private var current: UInt64
  private let start: UInt64

  /// A meter that starts at `now` with nothing.
  init(now: Instant) {
    start = now.nanoseconds
    current = now.nanoseconds / Self.slotNanoseconds
  }

  /// `bytes` came at `now`, which is not before the last call. O(1).
  mutating func add(_ bytes: Int, now: Instant) {
    advance(to: now)
    slots[Int(current % UInt64(Self.slotCount))] += Int64(bytes)
    sum += Int64(bytes)
    total += Int64(bytes)
  }

  /// Bytes a second over the last 4.5 to 5 s, or since the start if that is less (but at least half a
  /// second). O(1).
  mutating func rate(now: Instant) -> Double {
    advance(to: now)
    let first = (current + 1) >= UInt64(Self.slotCount) ? current + 1 - UInt64(Self.slotCount) : 0
    let from = max(first * Self.slotNanoseconds, start)
    let nanoseconds = now.nanoseconds > from ? now.nanoseconds - from : 0
    return Double(sum) * 1e9 / Double(max(nanoseconds, Self.slotNanoseconds))
  }

  private mutating func advance(to now: Instant) {
    let slot = now.nanoseconds / Self.slotNanoseconds
    guard slot > current else { return }
    for passed in 0..<min(slot - current, UInt64(Self.slotCount)) {
      let index = Int((current + 1 + passed) % UInt64(Self.slotCount))
      sum -= slots[index]
      slots[index] = 0
    }
    current = slot
  }
}
