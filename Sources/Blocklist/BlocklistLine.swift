internal import Bytes

/// What one line of a list says.
///
/// Forms, of IPv4 and IPv6: `name:FIRST-LAST` (p2p), `FIRST - LAST , level , name` (eMule; above level 127 it is
/// allowed), `ADDRESS/PREFIX`, `FIRST-LAST` and `ADDRESS`. Lines that begin with `#`, `;` or `//`, and what follows a
/// `#` or `;` behind one of the last three, are comments.
enum BlocklistLine: Equatable {
  case range(AddressRange)
  /// A comment, or nothing.
  case blank
  /// A range that the list says to let through.
  case allowed
  case malformed

  /// Levels of eMule's lists up to this one are blocked.
  private static let highestBlockedLevel = 127

  init(_ text: RawSpan) {
    let line = Self.trimmed(text, 0..<text.byteCount)
    guard let first = line.first.map({ text.byte(at: $0) }) else {
      self = .blank
      return
    }
    let isRemark =
      line.count >= 2 && first == UInt8(ascii: "/") && text.byte(at: line.lowerBound + 1) == first
    if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") || isRemark {
      self = .blank
    } else if let found = Self.plain(text, line) {
      self = .range(found)
    } else if let found = Self.levelled(text, line) {
      self = found
    } else if let found = Self.named(text, line) {
      self = .range(found)
    } else {
      self = .malformed
    }
  }

  /// Without a name, perhaps with a comment.
  private static func plain(_ text: RawSpan, _ line: Range<Int>) -> AddressRange? {
    let end = line.first { text.byte(at: $0) == UInt8(ascii: "#") || text.byte(at: $0) == UInt8(ascii: ";") }
    return addresses(text, line.lowerBound..<(end ?? line.upperBound))
  }

  /// eMule's form.
  private static func levelled(_ text: RawSpan, _ line: Range<Int>) -> BlocklistLine? {
    guard let comma = line.first(where: { text.byte(at: $0) == UInt8(ascii: ",") }),
      let range = addresses(text, line.lowerBound..<comma)
    else { return nil }
    let rest = comma + 1..<line.upperBound
    let next = rest.first { text.byte(at: $0) == UInt8(ascii: ",") } ?? rest.upperBound
    let level = trimmed(text, rest.lowerBound..<next)
    if level.isEmpty { return .range(range) }
    guard let number = AddressText.number(text, level, below: 1 << 20) else { return .malformed }
    return number > highestBlockedLevel ? .allowed : .range(range)
  }

  /// The form with a name, which may have colons and dashes in it. IPv6 begins behind the first colon from which on
  /// everything is an address.
  private static func named(_ text: RawSpan, _ line: Range<Int>) -> AddressRange? {
    guard let dash = line.last(where: { text.byte(at: $0) == UInt8(ascii: "-") }),
      let last = AddressText.address(text, trimmed(text, dash + 1..<line.upperBound))
    else { return nil }
    for index in line.lowerBound..<dash where text.byte(at: index) == UInt8(ascii: ":") {
      if let first = AddressText.address(text, trimmed(text, index + 1..<dash)),
        let range = AddressRange(first, last)
      {
        return range
      }
    }
    return nil
  }

  /// `FIRST-LAST`, `ADDRESS/PREFIX` or `ADDRESS`.
  private static func addresses(_ text: RawSpan, _ part: Range<Int>) -> AddressRange? {
    for index in part {
      switch text.byte(at: index) {
      case UInt8(ascii: "-"):
        guard let first = AddressText.address(text, trimmed(text, part.lowerBound..<index)),
          let last = AddressText.address(text, trimmed(text, index + 1..<part.upperBound))
        else { return nil }
        return AddressRange(first, last)
      case UInt8(ascii: "/"):
        return AddressText.network(
          text, trimmed(text, part.lowerBound..<index),
          prefix: trimmed(text, index + 1..<part.upperBound))
      default: break
      }
    }
    return AddressText.address(text, trimmed(text, part)).flatMap { AddressRange($0, $0) }
  }

  private static func trimmed(_ text: RawSpan, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isSpace(text.byte(at: start)) { start += 1 }
    while start < end, isSpace(text.byte(at: end - 1)) { end -= 1 }
    return start..<end
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 }
}
