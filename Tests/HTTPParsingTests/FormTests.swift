import Testing

@testable import HTTPParsing

@Suite("Forms and ranges")
struct FormTests {
  static let body =
    "ignored\r\n--aB'1\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nvalue\r\n--aB'1 \r\n"
    + "content-disposition: form-data; NAME=file; filename=\"a;\\\"b\\\".torrent\"\r\n"
    + "Content-Type: application/x-bittorrent\r\nX: y\r\n\r\n\r\n--aB'\r\n--aB'1-\r\n\u{0}\r\n--aB'1--\r\nmore"

  /// The fields with their values joined, however they came.
  func fields(_ body: [UInt8], cut: Int) throws -> [String] {
    var form = try #require(
      MultipartForm(contentType: "multipart/form-data; charset=utf-8; boundary=\"aB'1\""))
    var fields: [String] = []
    for start in stride(from: 0, to: body.count, by: cut) {
      for event in try form.append(Array(body[start..<min(start + cut, body.count)])) {
        switch event {
        case .begin(let part):
          fields.append("\(part.name) \(part.fileName ?? "-") \(part.contentType ?? "-") ")
        case .data(let bytes): fields[fields.count - 1] += String(decoding: bytes, as: UTF8.self)
        case .end: fields[fields.count - 1] += "."
        }
      }
    }
    try form.finish()
    return fields
  }

  @Test("A form is read the same wherever it is cut")
  func form() throws {
    let good = Self.body.replacing("--aB'1-\r\n", with: "--aB'2\r\n")
    for cut in 1...good.utf8.count {
      #expect(
        try fields([UInt8](good.utf8), cut: cut) == [
          "text - - value.", "file a;\"b\".torrent application/x-bittorrent \r\n--aB'\r\n--aB'2\r\n\u{0}.",
        ])
    }
    #expect(try fields([UInt8]("--aB'1--".utf8), cut: 3) == [])
  }

  @Test("What is no form is refused, in bounded memory")
  func faults() throws {
    let head = "--aB'1\r\nContent-Disposition: form-data; name=a"
    for (body, fault) in [
      (Self.body, MultipartForm.Fault.head), ("--aB'1\r\n\r\n\r\n", .head), ("--aB'1xy", .head),
      ("--aB'1\r\nContent-Disposition: form-data\r\n\r\n", .head), ("--aB'1\r\nnothing\r\n\r\n", .head),
      (head + String(repeating: "a", count: 9000), .size),
      (String(repeating: head + "\r\n\r\nx\r\n", count: 101), .size), (head + "\r\n\r\nvalue", .cut),
      ("", .cut),
    ] {
      #expect(throws: fault, "\(body.prefix(60))") { try fields([UInt8](body.utf8), cut: 1000) }
    }
    for type in ["multipart/form-data", "text/plain; boundary=a", "multipart/form-data; boundary=", ""] {
      #expect(MultipartForm(contentType: type) == nil)
    }
    var form = try #require(MultipartForm(contentType: "multipart/form-data; boundary=b"))
    _ = try form.append([UInt8]("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n".utf8))
    var longest = 0
    for _ in 0..<100 {
      let count = try form.append([UInt8](repeating: 13, count: 1000)).reduce(0) { sum, event in
        guard case .data(let bytes) = event else { return sum }
        return sum + bytes.count
      }
      longest = max(longest, abs(1000 - count))
    }
    #expect(longest < 10, "values are handed on as they come")
  }

  @Test(
    "Ranges",
    arguments: [
      (nil, 100, ByteRange.whole), ("bytes=0-9", 100, .part(0..<10)), ("bytes=90-", 100, .part(90..<100)),
      ("bytes=90-1000", 100, .part(90..<100)), ("bytes=-5", 100, .part(95..<100)),
      ("bytes=-500", 100, .part(0..<100)), ("bytes=100-", 100, .unsatisfiable),
      ("bytes=-0", 100, .unsatisfiable),
      ("bytes=0-", 0, .unsatisfiable), ("bytes=5-4", 100, .whole), ("bytes=0-1,5-6", 100, .whole),
      ("items=0-1", 100, .whole), ("bytes=-", 100, .whole), ("bytes=a-b", 100, .whole),
      ("bytes=+1-2", 100, .whole),
      ("BYTES=1 - 2", 100, .part(1..<3)), ("bytes=0-9223372036854775807", 5, .part(0..<5)),
      ("bytes=99999999999999999999-", 5, .unsatisfiable), ("bytes=0-0", 1, .part(0..<1)),
    ] as [(String?, Int64, ByteRange)])
  func ranges(value: String?, size: Int64, range: ByteRange) {
    #expect(ByteRange(value, size: size) == range)
  }

  @Test("What an answer says of its range")
  func contentRanges() {
    #expect(ByteRange.part(5..<10).contentRange(size: 20) == "bytes 5-9/20")
    #expect(ByteRange.unsatisfiable.contentRange(size: 20) == "bytes */20")
    #expect(ByteRange.whole.contentRange(size: 20) == nil)
  }
}
