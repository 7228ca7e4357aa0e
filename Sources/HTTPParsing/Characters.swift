import Bytes

extension UInt8 {
  var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }

  var isBlank: Bool { self == .space || self == 9 }

  /// What names of methods and fields are made of (RFC 9110, section 5.6.2): two words of bits.
  var isTokenCharacter: Bool {
    if self < 64 { return 0x03ff_6cfa_0000_0000 as UInt64 >> UInt64(self) & 1 == 1 }
    return self < 128 && 0x57ff_ffff_c7ff_fffe as UInt64 >> UInt64(self - 64) & 1 == 1
  }
}

extension RawSpan {
  /// Whether `text` (ASCII) is what is at `offset`; the caller has checked that so many bytes are there.
  func isEqual(_ offset: Int, _ text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount where unsafe byte(at: offset + index) != text.utf8Start[index] {
      return false
    }
    return true
  }

  /// Whether a range has `text` (ASCII, lower case), in letters of either case.
  func spells(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<range.count {
      let byte = byte(at: range.lowerBound + index)
      let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
      guard unsafe lower == text.utf8Start[index] else { return false }
    }
    return true
  }

  /// A number of digits alone; `nil` for anything else, an empty range and what does not fit.
  func decimal(_ range: Range<Int>) -> Int? {
    guard !range.isEmpty, range.count <= 18 else { return nil }
    var number = 0
    for index in range {
      guard byte(at: index).isDigit else { return nil }
      number = number * 10 + Int(byte(at: index) - UInt8(ascii: "0"))
    }
    return number
  }

  /// The elements of a list with commas, without the blanks around them; empty ones are left out.
  func forEachElement(_ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var start = range.lowerBound
    while start < range.upperBound {
      var end = start
      while end < range.upperBound, byte(at: end) != UInt8(ascii: ",") { end += 1 }
      let element = trimmed(start..<end)
      if !element.isEmpty { body(element) }
      start = end + 1
    }
  }

  /// A range without the blanks around it.
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, byte(at: start).isBlank { start += 1 }
    while end > start, byte(at: end - 1).isBlank { end -= 1 }
    return start..<end
  }

  /// A range as text.
  func text(_ range: Range<Int>) -> String {
    unsafe extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
