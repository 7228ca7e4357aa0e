import Bytes

/// Takes records apart: bytes, and numbers in seven bits a byte, the lowest first.
struct RecordReader {
  private let content: [UInt8]
  private var position = 0

  init(_ content: [UInt8]) { self.content = content }

  var isAtEnd: Bool { position == content.count }

  mutating func byte() -> UInt8? {
    guard position < content.count else { return nil }
    position += 1
    return content[position - 1]
  }

  mutating func bytes(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= content.count - position else { return nil }
    position += count
    return Array(content[position - count..<position])
  }

  /// A number of at most 64 bits; `nil` if it is longer or cut off.
  mutating func number() -> UInt64? {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = byte() else { return nil }
      let part = UInt64(byte & 127)
      if shift == 63, part > 1 { return nil }
      number |= part << shift
      if byte < 128 { return number }
    }
    return nil
  }
}

extension [UInt8] {
  /// Appends a number as `RecordReader` takes it.
  mutating func append(sevenBits number: UInt64) {
    var rest = number
    while rest >= 128 {
      append(UInt8(truncatingIfNeeded: rest) | 128)
      rest >>= 7
    }
    append(UInt8(rest))
  }
}
