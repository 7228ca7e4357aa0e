/// A fixed number of bits with a running count of those set: which pieces someone has (BEP 3).
///
/// Bit 0 is the high bit of the first byte on the wire. Copies are values (copy on write).
public struct Bitfield: Sendable, Equatable {
  @usableFromInline var words: [UInt64]
  /// Bits in the field.
  public let count: Int
  /// Bits that are set. O(1).
  public private(set) var ones: Int

  /// `count` bits, all clear or all set.
  public init(count: Int, allSet: Bool = false) {
    self.count = count
    words = [UInt64](repeating: allSet ? .max : 0, count: (count + 63) / 64)
    ones = allSet ? count : 0
    if allSet, count % 64 != 0 { words[words.count - 1] = .max << UInt64(64 - count % 64) }
  }

  /// Reads the wire form; `nil` if the length is not that of `count` bits or a spare bit is set.
  public init?(wire bytes: RawSpan, count: Int) {
    guard bytes.byteCount == (count + 7) / 8 else { return nil }
    self.init(count: count)
    for index in 0..<bytes.byteCount {
      let byte = bytes.byte(at: index)
      words[index / 8] |= UInt64(byte) << UInt64(56 - index % 8 * 8)
      ones += byte.nonzeroBitCount
    }
    if count % 64 != 0, let last = words.last, last << UInt64(count % 64) != 0 { return nil }
  }

  /// The wire form: (count + 7) / 8 bytes, spare bits clear.
  public var wire: [UInt8] {
    (0..<(count + 7) / 8).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(56 - $0 % 8 * 8)) }
  }

  /// Whether every bit is set.
  public var isFull: Bool { ones == count }
  /// Whether no bit is set.
  public var isEmpty: Bool { ones == 0 }

  /// The bit at `index`; setting it keeps `ones` right. An index outside traps.
  public subscript(index: Int) -> Bool {
    @inlinable get {
      precondition(index >= 0 && index < count)
      return words[index >> 6] >> UInt64(63 - index & 63) & 1 == 1
    }
    set {
      guard self[index] != newValue else { return }
      words[index >> 6] ^= 1 << UInt64(63 - index & 63)
      ones += newValue ? 1 : -1
    }
  }

  /// 64-bit words, first bit highest, for callers that scan many bits at once.
  public var wordCount: Int { words.count }

  /// The word that holds bits 64·`index` and on, first bit highest.
  @inlinable
  public func word(_ index: Int) -> UInt64 { words[index] }
}
