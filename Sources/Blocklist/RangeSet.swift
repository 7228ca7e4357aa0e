/// Ranges as they are read, in any order, and put in order once.
struct RangeSet {
  private(set) var v4: [ClosedRange<UInt32>] = []
  private(set) var v6: [ClosedRange<UInt128>] = []
  private var isMerged = true

  var count: Int { v4.count + v6.count }

  /// Adds a range.
  mutating func insert(_ range: AddressRange) {
    isMerged = false
    if range.isV4 {
      v4.append(UInt32(truncatingIfNeeded: range.first)...UInt32(truncatingIfNeeded: range.last))
    } else {
      v6.append(range.first...range.last)
    }
  }

  /// Sorts, and makes one of those that overlap or touch. O(n log n), not again if nothing was added.
  mutating func merge() {
    guard !isMerged else { return }
    v4 = Self.merged(v4)
    v6 = Self.merged(v6)
    isMerged = true
  }

  private static func merged<Key: FixedWidthInteger>(_ ranges: consuming [ClosedRange<Key>]) -> [ClosedRange<
    Key
  >] {
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var kept = 0
    for index in ranges.indices {
      let range = ranges[index]
      if kept > 0 {
        let last = ranges[kept - 1]
        // Behind the largest number nothing begins.
        if last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
          ranges[kept - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
          continue
        }
      }
      ranges[kept] = range
      kept += 1
    }
    ranges.removeLast(ranges.count - kept)
    return ranges
  }
}

/// Addresses from one to another, both included and of one family. IPv4 in its mapped form.
struct AddressRange: Equatable {
  let first: UInt128
  let last: UInt128

  /// `nil` if that is no range.
  init?(_ first: UInt128, _ last: UInt128) {
    guard first <= last, Self.isV4(first) == Self.isV4(last) else { return nil }
    self.first = first
    self.last = last
  }

  var isV4: Bool { Self.isV4(first) }

  private static func isV4(_ address: UInt128) -> Bool { address >> 32 == 0xffff }
}
