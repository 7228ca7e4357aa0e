/// The part of a whole that an answer holds: HTTP's `Content-Range` (RFC 9110, 14.4).
public struct ContentRange: Sendable, Equatable, CustomStringConvertible {
  /// The bytes that follow; `nil` if the server could not send what was asked for.
  public let range: Range<Int64>?
  /// Bytes of the whole; `nil` if the server does not know.
  public let total: Int64?

  /// Reads the field's value; `nil` unless it is one, of bytes, that makes sense. O(length), at most 64 bytes.
  public init?(_ text: some Collection<UInt8>) {
    guard text.count <= 64, text.starts(with: "bytes ".utf8) else { return nil }
    let parts = text.dropFirst(6).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let star = [UInt8(ascii: "*")]
    let total = Self.number(parts[1])
    guard total != nil || parts[1].elementsEqual(star) else { return nil }
    self.total = total
    if parts[0].elementsEqual(star) {
      guard total != nil else { return nil }
      range = nil
      return
    }
    let ends = parts[0].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last,
      last < total ?? .max
    else { return nil }
    range = first..<last + 1
  }

  /// At most 18 digits, which cannot overflow.
  private static func number(_ digits: some Collection<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.count <= 18 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard 48...57 ~= digit else { return nil }
      value = value * 10 + Int64(digit - 48)
    }
    return value
  }

  /// The field's value.
  public var description: String {
    let part = range.map { "\($0.lowerBound)-\($0.upperBound - 1)" } ?? "*"
    return "bytes \(part)/\(total.map(String.init) ?? "*")"
  }
}
