/// What a `Range` field asks for of a body whose size is known (RFC 9110, section 14.2).
public enum ByteRange: Sendable, Equatable {
  /// All of it: there is no such field, or it is not understood, or asks for several ranges.
  case whole
  /// These bytes, at least one: status 206.
  case part(Range<Int64>)
  /// Nothing that is there: status 416.
  case unsatisfiable

  /// Reads the value of a `Range` field, for a body of `size` bytes.
  public init(_ value: String?, size: Int64) {
    self = .whole
    guard let value, value.lowercased().hasPrefix("bytes=") else { return }
    let ends = value.dropFirst(6).filter { $0 != " " }
      .split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]) else { return }
    switch (first, last) {
    case (nil, nil): return
    case (nil, let count?):
      self = count > 0 && size > 0 ? .part(max(0, size - count)..<size) : .unsatisfiable
    case (let start?, let last):
      if let last, last < start { return }
      guard start < size else {
        self = .unsatisfiable
        return
      }
      self = .part(start..<min(last.map { $0 == .max ? .max : $0 + 1 } ?? size, size))
    }
  }

  /// The `Content-Range` of an answer with this; `nil` for the whole.
  public func contentRange(size: Int64) -> String? {
    switch self {
    case .whole: nil
    case .part(let range): "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
    case .unsatisfiable: "bytes */\(size)"
    }
  }

  /// `.some(nil)` if there is no text, `nil` if it is no number.
  private static func number(_ text: some StringProtocol) -> Int64?? {
    if text.isEmpty { return .some(nil) }
    guard text.utf8.allSatisfy({ $0.isDigit }) else { return nil }
    return .some(Int64(text) ?? .max)
  }
}
