import Bytes

/// The parts of a query, found where they lie: for the tracker's path that allocates nothing. Values keep their
/// percent-encoding until they are asked for.
enum QueryBytes {
  struct Parameter {
    let key: Range<Int>
    let value: Range<Int>
  }

  /// The parameter that starts at or behind `offset`, which is moved behind it; `nil` at the end. Those without
  /// a key are passed over.
  @inline(__always)
  static func next(_ bytes: RawSpan, _ offset: inout Int) -> Parameter? {
    while offset < bytes.byteCount {
      let start = offset
      var equals: Int?
      while offset < bytes.byteCount {
        let byte = bytes.byte(at: offset)
        if byte == UInt8(ascii: "&") { break }
        if byte == UInt8(ascii: "="), equals == nil { equals = offset }
        offset += 1
      }
      let end = offset
      offset += 1
      let keyEnd = equals ?? end
      if keyEnd > start { return Parameter(key: start..<keyEnd, value: min(keyEnd + 1, end)..<end) }
    }
    return nil
  }

  /// Whether a range has this text, byte for byte.
  @inline(__always)
  static func matches(_ bytes: RawSpan, _ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<range.count
    where unsafe bytes.byte(at: range.lowerBound + index) != text.utf8Start[index] {
      return false
    }
    return true
  }

  /// The 20 bytes that a value stands for; `nil` if it stands for more or fewer, or a percent sign is not followed
  /// by two digits. `+` stands for a space, as form encoders write it.
  static func twentyBytes(_ bytes: RawSpan, _ value: Range<Int>) -> InlineArray<20, UInt8>? {
    var result = InlineArray<20, UInt8>(repeating: 0)
    var index = value.lowerBound
    var count = 0
    while index < value.upperBound {
      guard count < 20 else { return nil }
      var byte = bytes.byte(at: index)
      if byte == UInt8(ascii: "%") {
        guard index + 2 < value.upperBound, let high = QueryString.digit(bytes.byte(at: index + 1)),
          let low = QueryString.digit(bytes.byte(at: index + 2))
        else { return nil }
        byte = high << 4 | low
        index += 2
      } else if byte == UInt8(ascii: "+") {
        byte = UInt8(ascii: " ")
      }
      result[count] = byte
      count += 1
      index += 1
    }
    return count == 20 ? result : nil
  }

  /// A decimal number; `nil` if it is empty, has another character, or does not fit.
  static func number(_ bytes: RawSpan, _ value: Range<Int>) -> UInt64? {
    guard !value.isEmpty else { return nil }
    var number: UInt64 = 0
    for index in value {
      let digit = bytes.byte(at: index) &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
      guard !overflow, !carry else { return nil }
      number = sum
    }
    return number
  }
}
