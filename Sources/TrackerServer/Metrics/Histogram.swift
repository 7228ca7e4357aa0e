internal import Synchronization

/// How long something took: counts by powers of two from half a microsecond to a quarter of a second.
final class Histogram: Sendable {
  /// Upper bounds in nanoseconds; what is longer is in one more.
  static let bounds: [UInt64] = (0..<20).map { 500 << UInt64($0) }

  /// An atomic that can be put into an array.
  private final class Cell: Sendable { let count = Atomic<Int>(0) }

  private let cells: [Cell] = (0...bounds.count).map { _ in Cell() }
  private let total = Atomic<UInt64>(0)

  /// Counts one. O(1), no lock.
  func observe(nanoseconds: UInt64) {
    // The number of bits of what is above the first bound.
    let above = nanoseconds <= 500 ? 0 : (nanoseconds - 1) / 500
    let index = min(UInt64.bitWidth - above.leadingZeroBitCount, Self.bounds.count)
    cells[index].count.add(1, ordering: .relaxed)
    total.add(nanoseconds, ordering: .relaxed)
  }

  /// Counts in the order of `bounds`, and nanoseconds in all.
  var values: (counts: [Int], total: UInt64) {
    (cells.map { $0.count.load(ordering: .relaxed) }, total.load(ordering: .relaxed))
  }

  /// Below which time a share of all lies, in nanoseconds: the bound above it; `nil` without any.
  static func quantile(_ share: Double, of counts: [Int]) -> UInt64? {
    let all = counts.reduce(0, +)
    guard all > 0 else { return nil }
    var sum = 0
    for (index, count) in counts.enumerated() {
      sum += count
      if Double(sum) >= Double(all) * share { return bounds[min(index, bounds.count - 1)] }
    }
    return bounds.last
  }
}
