public import Bytes

/// Some pieces of a torrent, by number: as ranges, or as bits where that is smaller (X1 of docs/EXTENSIONS.md).
///
/// The size of the torrent is not known here: numbers go up to `limit`, and "all from 0 on" is one range.
public struct PieceSet: Sendable, Equatable {
  /// Numbers are below this: no torrent has more pieces in practice.
  public static let limit = 1 << 20

  private enum Form: Sendable, Equatable {
    /// Lower and upper bounds in turn; apart from each other and in order.
    case ranges([UInt32])
    /// Piece 0 is the lowest bit of the first word; the last word is not 0.
    case bits([UInt64])
  }

  private var form: Form
  /// Pieces in the set.
  public private(set) var count: Int

  /// No piece.
  public init() {
    form = .ranges([])
    count = 0
  }

  /// Every piece there can be: what a seed has.
  public static let all = PieceSet([0..<limit])

  /// The pieces in `ranges`, which may overlap and be in any order; what is beyond `limit` is left out.
  public init(_ ranges: some Sequence<Range<Int>>) {
    let clamped = ranges.map { $0.clamped(to: 0..<Self.limit) }.filter { !$0.isEmpty }
    var bounds: [UInt32] = []
    for range in clamped.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = bounds.last, Int(last) >= range.lowerBound {
        bounds[bounds.count - 1] = max(last, UInt32(range.upperBound))
      } else {
        bounds.append(UInt32(range.lowerBound))
        bounds.append(UInt32(range.upperBound))
      }
    }
    self.init(bounds: bounds)
  }

  /// The pieces whose bits are set.
  public init(_ field: Bitfield) {
    var ranges: [Range<Int>] = []
    var start: Int?
    for piece in 0..<min(field.count, Self.limit) {
      if field[piece] {
        if start == nil { start = piece }
      } else if let begun = start.take() {
        ranges.append(begun..<piece)
      }
    }
    if let start { ranges.append(start..<min(field.count, Self.limit)) }
    self.init(ranges)
  }

  /// Takes bounds that are in order and apart, and chooses the smaller form.
  private init(bounds: [UInt32]) {
    count = stride(from: 0, to: bounds.count, by: 2).reduce(0) { $0 + Int(bounds[$1 + 1] - bounds[$1]) }
    let words = (Int(bounds.last ?? 0) + 63) / 64
    guard words * 2 < bounds.count else {
      form = .ranges(bounds)
      return
    }
    var bits = [UInt64](repeating: 0, count: words)
    for index in stride(from: 0, to: bounds.count, by: 2) {
      for piece in bounds[index]..<bounds[index + 1] { bits[Int(piece / 64)] |= 1 << UInt64(piece % 64) }
    }
    form = .bits(bits)
  }

  /// Whether there is none.
  public var isEmpty: Bool { count == 0 }

  /// Bytes of memory beyond the value itself.
  public var memory: Int {
    switch form {
    case .ranges(let bounds): bounds.isEmpty ? 0 : 32 + bounds.capacity * 4
    case .bits(let words): 32 + words.capacity * 8
    }
  }

  /// Whether the set has a piece. O(log ranges).
  public func contains(_ piece: Int) -> Bool {
    guard piece >= 0, piece < Self.limit else { return false }
    switch form {
    case .bits(let words):
      return piece / 64 < words.count && words[piece / 64] >> UInt64(piece % 64) & 1 == 1
    case .ranges(let bounds):
      // The number of bounds that are not above the piece is odd inside of a range.
      var (low, high) = (0, bounds.count)
      while low < high {
        let middle = (low + high) / 2
        if Int(bounds[middle]) <= piece { low = middle + 1 } else { high = middle }
      }
      return low % 2 == 1
    }
  }

  /// The ranges of the set in order. O(pieces) for a set of bits.
  public var ranges: [Range<Int>] {
    let bounds = bounds
    return stride(from: 0, to: bounds.count, by: 2).map { Int(bounds[$0])..<Int(bounds[$0 + 1]) }
  }

  /// The highest piece and one; 0 if there is none.
  public var upperBound: Int { Int(bounds.last ?? 0) }

  private var bounds: [UInt32] {
    guard case .bits(let words) = form else {
      guard case .ranges(let bounds) = form else { return [] }
      return bounds
    }
    var bounds: [UInt32] = []
    var isInside = false
    for (index, word) in words.enumerated() {
      // Every change of a bit is a bound.
      var changes = word ^ (word << 1 | (isInside ? 1 : 0))
      while changes != 0 {
        bounds.append(UInt32(index * 64 + changes.trailingZeroBitCount))
        changes &= changes - 1
      }
      isInside = word >> 63 == 1
    }
    if isInside { bounds.append(UInt32(words.count * 64)) }
    return bounds
  }

  /// Those of this set and those of `other`. O(ranges).
  public func union(_ other: PieceSet) -> PieceSet { merged(other) { $0 || $1 } }

  /// Those of this set without those of `other`. O(ranges).
  public func subtracting(_ other: PieceSet) -> PieceSet { merged(other) { $0 && !$1 } }

  private func merged(_ other: PieceSet, _ isIn: (Bool, Bool) -> Bool) -> PieceSet {
    let (mine, theirs) = (bounds, other.bounds)
    var result: [UInt32] = []
    var (first, second) = (0, 0)
    while first < mine.count || second < theirs.count {
      let place = min(
        first < mine.count ? mine[first] : .max, second < theirs.count ? theirs[second] : .max)
      if first < mine.count, mine[first] == place { first += 1 }
      if second < theirs.count, theirs[second] == place { second += 1 }
      if isIn(first % 2 == 1, second % 2 == 1) != (result.count % 2 == 1) { result.append(place) }
    }
    return PieceSet(bounds: result)
  }
}

extension PieceSet {
  /// Ranges that a text may have.
  public static let maximumRanges = 8192

  /// Reads `0-99,105,200-`: single pieces and ranges, both ends included, the last possibly open. `nil` if it is
  /// anything else. O(n log n).
  public init?(_ text: some Sequence<UInt8>) {
    var ranges: [Range<Int>] = []
    var lower: Int?
    var number: Int?
    var hasDash = false
    func range() -> Range<Int>? {
      guard hasDash else { return number.map { $0..<$0 + 1 } }
      guard let lower else { return nil }
      guard let number else { return lower..<Self.limit }
      return number >= lower ? lower..<number + 1 : nil
    }
    var isBlank = true
    for character in text {
      isBlank = false
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let value = (number ?? 0) * 10 + Int(character - UInt8(ascii: "0"))
        guard value < Self.limit else { return nil }
        number = value
      case UInt8(ascii: "-"):
        guard !hasDash, let begun = number.take() else { return nil }
        lower = begun
        hasDash = true
      case UInt8(ascii: ","):
        guard let range = range(), ranges.count < Self.maximumRanges else { return nil }
        ranges.append(range)
        (lower, number, hasDash) = (nil, nil, false)
      default: return nil
      }
    }
    if !isBlank {
      guard let range = range() else { return nil }
      ranges.append(range)
    }
    self.init(ranges)
  }

  /// The text that `init` reads; empty for no piece.
  public var text: String {
    ranges.map { range in
      if range.upperBound == Self.limit { return "\(range.lowerBound)-" }
      return range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound - 1)"
    }.joined(separator: ",")
  }

  /// Reads a bitmap as peers send it: piece 0 is the high bit of the first byte (BEP 3). `nil` if it has more than
  /// `limit` bits.
  public init?(bitmap bytes: [UInt8]) {
    guard bytes.count * 8 <= Self.limit else { return nil }
    guard let field = Bitfield(wire: bytes.rawBytes, count: bytes.count * 8) else { return nil }
    self.init(field)
  }

  /// The bitmap, as short as it can be.
  public var bitmap: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (upperBound + 7) / 8)
    for range in ranges { for piece in range { bytes[piece / 8] |= 0x80 >> UInt8(piece % 8) } }
    return bytes
  }
}
