import Bytes
private import Glibc

extension RequestHead {
  /// More fields than this are refused.
  public static let maximumFields = 100

  /// Reads the head in `start..<end`, where `end` is what `end(in:from:searchedTo:)` gave. O(n).
  public init(_ bytes: RawSpan, from start: Int, to end: Int) throws(RequestHeadFault) {
    let lineEnd = try Self.lineEnd(bytes, from: start, to: end)
    let first = try RequestLine(bytes, start..<lineEnd)
    var framing = Framing()
    var offset = lineEnd + 2
    let fields = offset
    var count = 0
    while true {
      let lineEnd = try Self.lineEnd(bytes, from: offset, to: end)
      // The empty line is the last: that is where `end` was found.
      if lineEnd == offset { break }
      count += 1
      guard count <= Self.maximumFields else { throw .size }
      try framing.take(Field(bytes, offset..<lineEnd), in: bytes)
      offset = lineEnd + 2
    }
    try framing.check(isVersion11: first.isVersion11)
    method = first.method
    path = first.path
    query = first.query
    self.fields = fields..<offset
    self.end = end
    isVersion11 = first.isVersion11
    isKeptAlive = first.isVersion11 ? !framing.saysClose : framing.saysKeepAlive && !framing.saysClose
    bodySize = framing.isChunked ? nil : framing.length ?? 0
  }

  /// The end of the line that starts at `offset`, before its CR LF.
  static func lineEnd(_ bytes: RawSpan, from offset: Int, to end: Int) throws(RequestHeadFault) -> Int {
    let feed = unsafe bytes.withUnsafeBytes { buffer -> Int? in
      guard offset < end, end <= buffer.count, let base = buffer.baseAddress,
        let found = unsafe memchr(base + offset, Int32(UInt8.lineFeed), end - offset)
      else { return nil }
      return unsafe found - UnsafeMutableRawPointer(mutating: base)
    }
    guard let feed, feed > offset, bytes.byte(at: feed - 1) == .carriageReturn else { throw .control }
    return feed - 1
  }

  /// Calls `body` with the values of all fields of a name (lower case), in order. O(n).
  public func forEachValue(
    of name: StaticString, in bytes: RawSpan, _ body: (Range<Int>) -> Void
  ) {
    var offset = fields.lowerBound
    while offset < fields.upperBound, let end = try? Self.lineEnd(bytes, from: offset, to: fields.upperBound)
    {
      if let field = try? Field(bytes, offset..<end), bytes.spells(field.name, name) { body(field.value) }
      offset = end + 2
    }
  }
}

/// `GET /path?query HTTP/1.1`
private struct RequestLine {
  let method: RequestHead.Method
  let path: Range<Int>
  let query: Range<Int>
  let isVersion11: Bool

  init(_ bytes: RawSpan, _ line: Range<Int>) throws(RequestHeadFault) {
    var offset = line.lowerBound
    while offset < line.upperBound, bytes.byte(at: offset).isTokenCharacter { offset += 1 }
    let methodEnd = offset
    guard methodEnd > line.lowerBound, offset < line.upperBound, bytes.byte(at: offset) == .space else {
      throw .line
    }
    switch methodEnd - line.lowerBound {
    case 3 where bytes.isEqual(line.lowerBound, "GET"): method = .get
    case 4 where bytes.isEqual(line.lowerBound, "HEAD"): method = .head
    default: method = .other
    }
    offset += 1
    let start = offset
    var mark: Int?
    while offset < line.upperBound {
      let byte = bytes.byte(at: offset)
      if byte == .space { break }
      guard byte > .space, byte != 0x7f else { throw .control }
      if byte == UInt8(ascii: "?"), mark == nil { mark = offset }
      offset += 1
    }
    guard offset > start, mark != start else { throw .line }
    path = start..<(mark ?? offset)
    query = (mark.map { $0 + 1 } ?? offset)..<offset
    // " HTTP/1.1"
    guard line.upperBound - offset == 9, bytes.isEqual(offset, " HTTP/"), bytes.byte(at: offset + 7) == 0x2e
    else { throw .line }
    let (major, minor) = (bytes.byte(at: offset + 6), bytes.byte(at: offset + 8))
    guard major.isDigit, minor.isDigit else { throw .line }
    guard major == UInt8(ascii: "1") else { throw .version }
    isVersion11 = minor != UInt8(ascii: "0")
  }
}

/// `Name: value`, without the white space around the value.
private struct Field {
  let name: Range<Int>
  let value: Range<Int>

  init(_ bytes: RawSpan, _ line: Range<Int>) throws(RequestHeadFault) {
    var offset = line.lowerBound
    let first = bytes.byte(at: offset)
    if first == .space || first == 9 { throw .folding }
    while offset < line.upperBound, bytes.byte(at: offset).isTokenCharacter { offset += 1 }
    guard offset > line.lowerBound, offset < line.upperBound, bytes.byte(at: offset) == UInt8(ascii: ":")
    else { throw .fieldName }
    name = line.lowerBound..<offset
    var start = offset + 1
    var end = line.upperBound
    while start < end, bytes.byte(at: start).isBlank { start += 1 }
    while end > start, bytes.byte(at: end - 1).isBlank { end -= 1 }
    for index in start..<end {
      let byte = bytes.byte(at: index)
      guard byte >= .space || byte == 9, byte != 0x7f else { throw .control }
    }
    value = start..<end
  }
}

/// What the fields say of the body's length and the connection's future.
private struct Framing {
  var length: Int?
  var isChunked = false
  var saysClose = false
  var saysKeepAlive = false
  private var hosts = 0

  mutating func take(_ field: Field, in bytes: RawSpan) throws(RequestHeadFault) {
    switch field.name.count {
    case 4 where bytes.spells(field.name, "host"):
      hosts += 1
    case 10 where bytes.spells(field.name, "connection"):
      bytes.forEachElement(field.value) { element in
        if bytes.spells(element, "close") { saysClose = true }
        if bytes.spells(element, "keep-alive") { saysKeepAlive = true }
      }
    case 14 where bytes.spells(field.name, "content-length"):
      guard length == nil, !isChunked, let number = bytes.decimal(field.value) else { throw .length }
      length = number
    case 17 where bytes.spells(field.name, "transfer-encoding"):
      guard length == nil, !isChunked else { throw .length }
      guard bytes.spells(field.value, "chunked") else { throw .coding }
      isChunked = true
    default: break
    }
  }

  func check(isVersion11: Bool) throws(RequestHeadFault) {
    guard hosts == 1 || !isVersion11 && hosts == 0 else { throw .host }
    // What HTTP/1.0 makes of chunks is anyone's guess.
    guard isVersion11 || !isChunked else { throw .length }
  }
}
