/// Ranges that are apart, sorted: two flat arrays, where each begins and how far it reaches.
struct RangeTable<Key: FixedWidthInteger & UnsignedInteger & Sendable, Reach>: Sendable
where Reach: FixedWidthInteger & UnsignedInteger & Sendable {
  private let firsts: [Key]
  /// The last of each minus its first.
  private let reaches: [Reach]

  /// From ranges that are sorted and apart, none longer than `Reach` can tell.
  init(_ ranges: [ClosedRange<Key>]) {
    firsts = ranges.map(\.lowerBound)
    reaches = ranges.map { Reach($0.upperBound - $0.lowerBound) }
  }

  var isEmpty: Bool { firsts.isEmpty }
  var count: Int { firsts.count }
  var byteCount: Int { count * (MemoryLayout<Key>.stride + MemoryLayout<Reach>.stride) }

  /// Halves without a branch that the processor would have to guess.
  func contains(_ key: Key) -> Bool {
    var base = 0
    var length = firsts.count
    guard length > 0 else { return false }
    while length > 1 {
      let half = length >> 1
      base = firsts[base + half] <= key ? base + half : base
      length -= half
    }
    let first = firsts[base]
    return key >= first && key - first <= Key(reaches[base])
  }
}
