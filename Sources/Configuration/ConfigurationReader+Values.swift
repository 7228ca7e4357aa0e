extension ConfigurationReader {
  /// Reads a value; a list only outside of a list.
  mutating func value(inList: Bool) throws(Fault) -> ConfigurationValue {
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
    case UInt8(ascii: "["):
      guard !inList else { throw Fault(place, "lists in lists are not used here") }
      return .list(try list())
    case UInt8(ascii: "{"): throw Fault(place, "tables in one line are not used here: write a section")
    case nil, 0x0a, 0x0d, UInt8(ascii: "#"), UInt8(ascii: ","): throw Fault(place, "expected a value")
    default: return try bareValue()
    }
  }

  private mutating func list() throws(Fault) -> [ConfigurationValue] {
    let start = place
    position += 1
    var values: [ConfigurationValue] = []
    while true {
      try skipLines()
      if take("]") { return values }
      guard next != nil else { throw Fault(start, "the list has no ']'") }
      values.append(try value(inList: true))
      try skipLines()
      if take("]") { return values }
      guard take(",") else {
        throw next == nil
          ? Fault(start, "the list has no ']'") : Fault(place, "expected ',' or ']' in the list")
      }
    }
  }

  /// Blanks, comments and line ends within a list.
  private mutating func skipLines() throws(Fault) {
    while true {
      try skipComment()
      guard next == 0x0a else { return }
      endLine()
    }
  }

  // MARK: Numbers and booleans

  private mutating func bareValue() throws(Fault) -> ConfigurationValue {
    let start = position
    while let byte = next, Self.isBare(byte) || "+.:/*%@".utf8.contains(byte) { position += 1 }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    switch text {
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "": throw Fault(place(at: start), "expected a value; text is written in quotes")
    default: break
    }
    if let value = Self.number(text) { return value }
    throw Fault(place(at: start), Self.advice(text))
  }

  private static func advice(_ text: String) -> String {
    let lower = text.lowercased()
    if ["yes", "on", "true", "no", "off", "false"].contains(lower) {
      let word = ["yes", "on", "true"].contains(lower) ? "true" : "false"
      return "'\(text)' is no value: write \(word)"
    }
    return "'\(text)' is no value: text is written in quotes: \(ConfigurationValue.quoted(text))"
  }

  /// A number as TOML writes it, if it fits 64 bits.
  static func number(_ text: String) -> ConfigurationValue? {
    var digits = text.utf8[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    let isSigned = isNegative || digits.first == UInt8(ascii: "+")
    if isSigned { digits = digits.dropFirst() }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.starts(with: prefix.utf8) {
      guard !isSigned, let plain = joined(digits.dropFirst(2), isHexadecimal: radix == 16) else { return nil }
      return Int64(plain, radix: radix).map { .integer($0) }
    }
    let parts = split(digits)
    guard let whole = joined(parts.whole), whole == "0" || !whole.hasPrefix("0") else { return nil }
    let sign = isNegative ? "-" : ""
    if parts.fraction == nil, parts.exponent == nil { return Int64(sign + whole).map { .integer($0) } }
    var plain = sign + whole
    if let fraction = parts.fraction {
      guard let fraction = joined(fraction) else { return nil }
      plain += "." + fraction
    }
    if let exponent = parts.exponent {
      let isSigned = exponent.first == UInt8(ascii: "-") || exponent.first == UInt8(ascii: "+")
      guard let number = joined(isSigned ? exponent.dropFirst() : exponent) else { return nil }
      plain += "e" + (exponent.first == UInt8(ascii: "-") ? "-" : "") + number
    }
    guard let value = Double(plain), value.isFinite else { return nil }
    return .number(value)
  }

  private typealias Digits = Substring.UTF8View.SubSequence

  private static func split(_ digits: Digits) -> (whole: Digits, fraction: Digits?, exponent: Digits?) {
    var mantissa = digits
    var exponent: Digits?
    if let mark = digits.firstIndex(where: { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }) {
      mantissa = digits[..<mark]
      exponent = digits[digits.index(after: mark)...]
    }
    guard let point = mantissa.firstIndex(of: UInt8(ascii: ".")) else { return (mantissa, nil, exponent) }
    return (mantissa[..<point], mantissa[mantissa.index(after: point)...], exponent)
  }

  /// Digits without the underscores between them; `nil` if there is something else, or none.
  private static func joined(_ digits: Digits, isHexadecimal: Bool = false) -> String? {
    var result = ""
    var wasDigit = false
    for byte in digits {
      if byte == UInt8(ascii: "_") {
        guard wasDigit else { return nil }
        wasDigit = false
        continue
      }
      let character = Character(Unicode.Scalar(byte))
      guard isHexadecimal ? character.isHexDigit : character.isASCII && character.isNumber else { return nil }
      result.append(character)
      wasDigit = true
    }
    return wasDigit ? result : nil
  }

  // MARK: Strings

  private mutating func string() throws(Fault) -> String {
    let start = place
    let quote = bytes[position]
    if bytes[position...].starts(with: [quote, quote, quote]) {
      throw Fault(start, "strings of several lines are not used here: use one pair of quotes")
    }
    position += 1
    var text: [UInt8] = []
    while let byte = next, byte != 0x0a, byte != 0x0d {
      if byte == quote {
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw Fault(start, "the text is not UTF-8")
        }
        return string
      }
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        text.append(contentsOf: String(Character(try escape())).utf8)
        continue
      }
      guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else {
        throw Fault(place, "control character in the text")
      }
      text.append(byte)
      position += 1
    }
    throw Fault(start, "the text has no closing \(Self.shown(quote))")
  }

  private mutating func escape() throws(Fault) -> Unicode.Scalar {
    let start = place
    position += 1
    guard let byte = next else { throw Fault(start, "the text has no closing '\"'") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      let count = byte == UInt8(ascii: "u") ? 4 : 8
      var value: UInt32 = 0
      for _ in 0..<count {
        guard let digit = next.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }), value < 1 << 28
        else {
          throw Fault(
            start, "expected \(count) hexadecimal digits after '\\\(Character(Unicode.Scalar(byte)))'")
        }
        value = value << 4 | UInt32(digit)
        position += 1
      }
      guard let scalar = Unicode.Scalar(value) else { throw Fault(start, "there is no such character") }
      return scalar
    default:
      throw Fault(start, "unknown escape: write '\\\\' for a backslash, or use single quotes")
    }
  }
}
