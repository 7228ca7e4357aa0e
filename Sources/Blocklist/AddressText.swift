internal import Bytes

/// Addresses in text, read where they lie. IPv4 comes in its mapped form, so that all are 128 bits.
enum AddressText {
  /// An address that fills the range: IPv4 with or without leading zeros, or IPv6.
  static func address(_ text: RawSpan, _ range: Range<Int>) -> UInt128? {
    v4(text, range).map { 0xffff_0000_0000 | UInt128($0) } ?? v6(text, range)
  }

  /// `1.2.3.4` or `001.002.003.004`, decimal in any case.
  static func v4(_ text: RawSpan, _ range: Range<Int>) -> UInt32? {
    guard range.count >= 7, range.count <= 15 else { return nil }
    var value: UInt32 = 0
    var part: UInt32 = 0
    var digits = 0
    var dots = 0
    for index in range {
      let byte = text.byte(at: index)
      if byte == UInt8(ascii: ".") {
        guard digits > 0, dots < 3 else { return nil }
        value = value << 8 | part
        (part, digits) = (0, 0)
        dots += 1
      } else {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 3 else { return nil }
        part = part * 10 + UInt32(byte - UInt8(ascii: "0"))
        digits += 1
        guard part <= 255 else { return nil }
      }
    }
    guard dots == 3, digits > 0 else { return nil }
    return value << 8 | part
  }

  /// RFC 4291: groups, `::` once at most, the last 32 bits perhaps as IPv4. No zone, no brackets.
  static func v6(_ text: RawSpan, _ range: Range<Int>) -> UInt128? {
    guard range.count >= 2, range.count <= 45 else { return nil }
    var value: UInt128 = 0
    var groups = 0
    /// Groups before the `::`.
    var gap: Int?
    var index = range.lowerBound
    if text.byte(at: index) == colon {
      guard text.byte(at: index + 1) == colon else { return nil }
      gap = 0
      index += 2
    }
    while index < range.upperBound {
      let start = index
      var group: UInt128 = 0
      while index < range.upperBound, let digit = hexadecimal(text.byte(at: index)) {
        guard index - start < 4 else { return nil }
        group = group << 4 | UInt128(digit)
        index += 1
      }
      if index < range.upperBound, text.byte(at: index) == UInt8(ascii: ".") {
        guard groups <= 6, let tail = v4(text, start..<range.upperBound) else { return nil }
        value = value << 32 | UInt128(tail)
        groups += 2
        index = range.upperBound
        break
      }
      guard index > start, groups < 8 else { return nil }
      value = value << 16 | group
      groups += 1
      guard index < range.upperBound else { break }
      guard text.byte(at: index) == colon else { return nil }
      index += 1
      // A single colon at the end leads nowhere.
      guard index < range.upperBound else { return nil }
      if text.byte(at: index) == colon {
        guard gap == nil else { return nil }
        gap = groups
        index += 1
      }
    }
    guard let gap else { return groups == 8 ? value : nil }
    guard groups < 8 else { return nil }
    // What came behind the gap stays at the end, what came before it moves to the front.
    let behind = UInt128(groups - gap) * 16
    let tail = behind == 0 ? 0 : value & (~UInt128(0) >> (128 - behind))
    let head = gap == 0 ? 0 : (value >> behind) << UInt128(128 - gap * 16)
    return head | tail
  }

  /// The addresses of `base/prefix`; host bits of the base do not matter.
  static func network(_ text: RawSpan, _ base: Range<Int>, prefix: Range<Int>) -> AddressRange? {
    guard let address = address(text, base), let length = number(text, prefix, below: 129) else { return nil }
    let isShort = v4(text, base) != nil
    let bits = isShort ? length + 96 : length
    guard bits <= 128 else { return nil }
    let hosts = bits == 0 ? ~UInt128(0) : bits == 128 ? 0 : ~UInt128(0) >> UInt128(bits)
    return AddressRange(address & ~hosts, address | hosts)
  }

  /// A decimal number.
  static func number(_ text: RawSpan, _ range: Range<Int>, below limit: Int) -> Int? {
    guard !range.isEmpty, range.count <= 9 else { return nil }
    var value = 0
    for index in range {
      let byte = text.byte(at: index)
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value < limit ? value : nil
  }

  private static let colon = UInt8(ascii: ":")

  private static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
