import Bytes

/// The part of a URL behind the question mark, split but not decoded: values keep their arbitrary
/// bytes until they are asked for.
///
/// `+` stands for a space, as form encoders write it; no client leaves a real `+` unescaped.
struct QueryString {
  struct Parameter {
    let key: String
    let value: Range<Int>
  }

  let bytes: [UInt8]
  let parameters: [Parameter]

  /// More parameters than this are not looked at: a scrape of 200 torrents has 200.
  static let maximumParameters = 1024

  init(_ bytes: [UInt8]) {
    var parameters: [Parameter] = []
    var start = 0
    while start < bytes.count, parameters.count < Self.maximumParameters {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "&")) ?? bytes.count
      let equals = bytes[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
      if equals > start {
        let key = String(decoding: bytes[start..<equals], as: UTF8.self)
        parameters.append(Parameter(key: key, value: min(equals + 1, end)..<end))
      }
      start = end + 1
    }
    self.bytes = bytes
    self.parameters = parameters
  }

  /// The bytes that a value stands for; `nil` if a percent sign is not followed by two digits.
  func decoded(_ value: Range<Int>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(value.count)
    var index = value.lowerBound
    while index < value.upperBound {
      switch bytes[index] {
      case UInt8(ascii: "%"):
        guard index + 2 < value.upperBound, let high = Self.digit(bytes[index + 1]),
          let low = Self.digit(bytes[index + 2])
        else { return nil }
        result.append(high << 4 | low)
        index += 3
      case UInt8(ascii: "+"):
        result.append(UInt8(ascii: " "))
        index += 1
      case let byte:
        result.append(byte)
        index += 1
      }
    }
    return result
  }

  /// A value as text; `nil` if it is badly encoded or not UTF-8.
  func text(_ value: Range<Int>) -> String? {
    decoded(value).flatMap { String(validating: $0, as: UTF8.self) }
  }

  static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// Percent-encodes all but the characters that RFC 3986 calls unreserved.
  static func encoded(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        text.append(byte)
      default:
        text.append(UInt8(ascii: "%"))
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `url` with `query` added to what query it has; a fragment is dropped.
  static func append(_ query: String, to url: String) -> String {
    let base = url.prefix { $0 != "#" }
    let separator =
      if !base.contains("?") { "?" } else if base.hasSuffix("?") || base.hasSuffix("&") { "" } else { "&" }
    return "\(base)\(separator)\(query)"
  }
}
