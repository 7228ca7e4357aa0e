import Bytes

/// A strict decoder that fills a table of tokens in one pass, without recursion.
struct BencodeParser {
  private struct Open {
    let token: Int
    let isDictionary: Bool
    /// The key before, for the order of keys.
    var lastKey: Range<Int>?
    var awaitsValue = false
    var isSorted = true
  }

  private let options: BencodeOptions
  private(set) var tokens: [BencodeToken] = []
  private var open: [Open] = []
  private var position = 0

  init(options: BencodeOptions) { self.options = options }

  /// Decodes one value from the start of `bytes`; returns how many bytes it takes.
  mutating func parse(_ bytes: RawSpan) throws(BencodeError) -> Int {
    guard bytes.byteCount < UInt32.max else { throw .inputTooLong(at: Int(UInt32.max)) }
    repeat {
      let byte = try byte(bytes)
      if byte == UInt8(ascii: "e"), let top = open.last {
        try close(top, bytes)
      } else if let top = open.last, top.isDictionary, !top.awaitsValue {
        try key(bytes, first: byte)
      } else {
        try value(bytes, first: byte)
      }
    } while !open.isEmpty
    if position < bytes.byteCount, !options.allowsTrailingBytes { throw .trailingBytes(at: position) }
    return position
  }

  private func byte(_ bytes: RawSpan) throws(BencodeError) -> UInt8 {
    guard position < bytes.byteCount else { throw .truncated(at: position) }
    return bytes.byte(at: position)
  }

  private mutating func append(_ token: BencodeToken) throws(BencodeError) {
    guard tokens.count < options.maximumItems else {
      throw .tooManyItems(limit: options.maximumItems, at: Int(token.start))
    }
    tokens.append(token)
  }

  private mutating func value(_ bytes: RawSpan, first: UInt8) throws(BencodeError) {
    if !open.isEmpty { open[open.count - 1].awaitsValue = false }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try string(bytes)
    case UInt8(ascii: "i"): try integer(bytes)
    case UInt8(ascii: "l"), UInt8(ascii: "d"):
      guard open.count < options.maximumDepth else {
        throw .tooDeep(limit: options.maximumDepth, at: position)
      }
      let isDictionary = first == UInt8(ascii: "d")
      open.append(Open(token: tokens.count, isDictionary: isDictionary))
      try append(
        BencodeToken(start: UInt32(position), kind: isDictionary ? .dictionary : .list, prefix: 0))
      position += 1
    default: throw .unexpectedByte(first, at: position)
    }
  }

  private mutating func close(_ top: Open, _ bytes: RawSpan) throws(BencodeError) {
    if top.awaitsValue { throw .missingValue(at: position) }
    if !top.isSorted { try checkUnique(inside: top.token, bytes) }
    position += 1
    tokens[top.token].end = UInt32(position)
    tokens[top.token].next = UInt32(tokens.count)
    open.removeLast()
  }

  private mutating func key(_ bytes: RawSpan, first: UInt8) throws(BencodeError) {
    let start = position
    guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= first else { throw .keyIsNotString(at: start) }
    let content = try string(bytes)
    let top = open.count - 1
    if let last = open[top].lastKey, open[top].isSorted {
      let order = compare(last, content, bytes)
      if order == 0 { throw .duplicateKey(at: start) }
      if order > 0 {
        guard options.allowsUnsortedKeys else { throw .unsortedKey(at: start) }
        open[top].isSorted = false
      }
    }
    open[top].lastKey = content
    open[top].awaitsValue = true
  }

  /// A dictionary whose keys are not in order: sorts them once, so that a hostile one costs no more
  /// than n log n.
  private func checkUnique(inside dictionary: Int, _ bytes: RawSpan) throws(BencodeError) {
    var keys: [Int] = []
    var index = dictionary + 1
    while index < tokens.count {
      keys.append(index)
      index = Int(tokens[Int(tokens[index].next)].next)
    }
    // A span cannot be captured by the closure that sorting needs; the keys themselves can.
    let sorted = keys.map { (content: tokens[$0].content, start: Int(tokens[$0].start)) }
      .map { (bytes: bytes.array($0.content), start: $0.start) }
      .sorted { one, other in
        one.bytes == other.bytes ? one.start < other.start : one.bytes.lexicographicallyPrecedes(other.bytes)
      }
    for (one, other) in zip(sorted, sorted.dropFirst()) where one.bytes == other.bytes {
      throw .duplicateKey(at: other.start)
    }
  }

  private func compare(_ one: Range<Int>, _ other: Range<Int>, _ bytes: RawSpan) -> Int {
    for index in 0..<min(one.count, other.count) {
      let left = bytes.byte(at: one.lowerBound + index)
      let right = bytes.byte(at: other.lowerBound + index)
      if left != right { return Int(left) - Int(right) }
    }
    return one.count - other.count
  }

  /// Reads `<length>:<content>`; returns where the content lies.
  private mutating func string(_ bytes: RawSpan) throws(BencodeError) -> Range<Int> {
    let start = position
    var length = 0
    while true {
      let digit = try byte(bytes)
      if digit == UInt8(ascii: ":") { break }
      guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else {
        throw .unexpectedByte(digit, at: position)
      }
      if position > start, length == 0 { throw .leadingZero(at: start) }
      length = length * 10 + Int(digit - UInt8(ascii: "0"))
      // The input is shorter than this; more digits could not change that.
      if length > UInt32.max { throw .overflow(at: start) }
      position += 1
    }
    position += 1
    guard length <= bytes.byteCount - position else { throw .truncated(at: bytes.byteCount) }
    let content = position..<position + length
    position += length
    try append(
      BencodeToken(
        start: UInt32(start), end: UInt32(position), next: UInt32(tokens.count + 1), kind: .string,
        prefix: UInt8(content.lowerBound - start)))
    return content
  }

  private mutating func integer(_ bytes: RawSpan) throws(BencodeError) {
    let start = position
    position += 1
    let isNegative = try byte(bytes) == UInt8(ascii: "-")
    if isNegative { position += 1 }
    let digits = position
    var magnitude: UInt64 = 0
    while true {
      let digit = try byte(bytes)
      if digit == UInt8(ascii: "e"), position > digits { break }
      guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit else {
        throw .unexpectedByte(digit, at: position)
      }
      if position > digits, magnitude == 0 { throw .leadingZero(at: start) }
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      if overflow || carry || sum > UInt64(Int64.max) + (isNegative ? 1 : 0) {
        throw .overflow(at: start)
      }
      magnitude = sum
      position += 1
    }
    if isNegative, magnitude == 0 { throw .negativeZero(at: start) }
    position += 1
    try append(
      BencodeToken(
        start: UInt32(start), end: UInt32(position), next: UInt32(tokens.count + 1), kind: .integer,
        prefix: 0))
  }
}
