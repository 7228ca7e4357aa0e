import Bytes

/// A value inside a decoded document: a view that costs one reference.
public struct BencodeValue: Sendable {
  let storage: BencodeDocument.Storage
  let index: Int

  var token: BencodeToken { storage.tokens[index] }

  /// The exact bytes of the value in the document, as they came: what an info-hash is made of.
  public var range: Range<Int> { Int(token.start)..<Int(token.end) }

  /// Where the value begins.
  public var offset: Int { Int(token.start) }

  /// A copy of the value's exact bytes.
  public var bytes: [UInt8] { [UInt8](storage.bytes[range]) }

  /// The number, if the value is one.
  public var integer: Int64? {
    guard token.kind == .integer else { return nil }
    var magnitude: UInt64 = 0
    var isNegative = false
    for byte in storage.bytes[range.lowerBound + 1..<range.upperBound - 1] {
      if byte == UInt8(ascii: "-") {
        isNegative = true
      } else {
        magnitude = magnitude * 10 + UInt64(byte - UInt8(ascii: "0"))
      }
    }
    return isNegative ? Int64(truncatingIfNeeded: 0 &- magnitude) : Int64(magnitude)
  }

  /// Where a string's content lies in the document.
  public var stringRange: Range<Int>? { token.kind == .string ? token.content : nil }

  /// A copy of a string's content.
  public var string: [UInt8]? { stringRange.map { [UInt8](storage.bytes[$0]) } }

  /// A string's content as text, if it is valid UTF-8.
  public var text: String? {
    guard let range = stringRange else { return nil }
    return String(validating: storage.bytes[range], as: UTF8.self)
  }

  /// Calls `body` with a string's content without copying it; `nil` if the value is no string.
  public func withString<Result>(_ body: (RawSpan) -> Result) -> Result? {
    guard let range = stringRange else { return nil }
    let bytes = storage.bytes
    return body(bytes.rawBytes.extracting(range))
  }

  /// Whether the value is a string with exactly these bytes.
  public func isString(_ text: StaticString) -> Bool {
    guard let range = stringRange, range.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { wanted in unsafe wanted.elementsEqual(storage.bytes[range]) }
  }

  /// Whether the value is a list.
  public var isList: Bool { token.kind == .list }

  /// Whether the value is a dictionary.
  public var isDictionary: Bool { token.kind == .dictionary }

  /// The elements of a list, in order.
  public var list: [BencodeValue]? { elements.map { Array($0) } }

  /// The entries of a dictionary, in the order of the document.
  public var entries: [(key: [UInt8], value: BencodeValue)]? {
    members.map { members in members.map { ($0.key.string ?? [], $0.value) } }
  }

  /// The value under `key`, if this is a dictionary that has it. Linear in the number of entries.
  public subscript(key: String) -> BencodeValue? {
    guard let members else { return nil }
    let wanted = key.utf8
    for (key, value) in members {
      if storage.bytes[key.token.content].elementsEqual(wanted) { return value }
    }
    return nil
  }
}
