/// Ranges that are apart, sorted: flat arrays of where each begins and how far it reaches.
///
/// A third array tells where in them to look for a key, by its upper bits: some eight ranges are left to be halved. It
/// costs half a byte a range. Lists whose ranges lie close together here and far apart there have more halving to do.
struct RangeTable<Key: FixedWidthInteger & UnsignedInteger & Sendable, Reach>: Sendable
where Reach: FixedWidthInteger & UnsignedInteger & Sendable {
  private static var rangesPerBucket: Int { 8 }

  private let firsts: [Key]
  /// The last of each minus its first.
  private let reaches: [Reach]
  /// For each value of the upper bits how many ranges begin below it, and at the end how many there are.
  private let buckets: [UInt32]
  /// Bits that do not tell buckets apart.
  private let shift: Int

  /// From ranges that are sorted and apart, none longer than `Reach` can tell.
  init(_ ranges: [ClosedRange<Key>]) {
    firsts = ranges.map(\.lowerBound)
    reaches = ranges.map { Reach($0.upperBound - $0.lowerBound) }
    var buckets: [UInt32] = []
    var shift = 0
    if let first = ranges.first?.lowerBound, let last = ranges.last?.lowerBound {
      let most = Key(max(1, ranges.count / Self.rangesPerBucket))
      while (last - first) >> shift >= most { shift += 1 }
      buckets.reserveCapacity(Int((last - first) >> shift) + 2)
      for (index, range) in ranges.enumerated() {
        let bucket = Int((range.lowerBound - first) >> shift)
        while buckets.count <= bucket { buckets.append(UInt32(index)) }
      }
      buckets.append(UInt32(ranges.count))
    }
    self.buckets = buckets
    self.shift = shift
  }

  var isEmpty: Bool { firsts.isEmpty }
  var count: Int { firsts.count }
  var byteCount: Int {
    count * (MemoryLayout<Key>.stride + MemoryLayout<Reach>.stride) + buckets.count
      * MemoryLayout<UInt32>.stride
  }

  func contains(_ key: Key) -> Bool {
    guard let first = firsts.first, key >= first else { return false }
    let bucket = Int(min((key - first) >> shift, Key(buckets.count - 2)))
    // The one before may reach into the bucket.
    var base = max(Int(buckets[bucket]) - 1, 0)
    var length = Int(buckets[bucket + 1]) - base
    while length > 1 {
      let half = length >> 1
      base = firsts[base + half] <= key ? base + half : base
      length -= half
    }
    return key - firsts[base] <= Key(reaches[base])
  }
}
