import Testing

@testable import Transfer

/// `Content-Range` (RFC 9110, 14.4), which decides whether an answer is what was asked for.
@Suite struct ContentRangeTests {
  @Test(
    arguments: [
      ("bytes 0-99/1234", 0..<100, 1234), ("bytes 5-5/*", 5..<6, nil), ("bytes */77", nil, 77),
      ("bytes 0-999999999999999998/999999999999999999", 0..<999_999_999_999_999_999, 999_999_999_999_999_999),
    ] as [(String, Range<Int64>?, Int64?)])
  func isRead(_ text: String, _ range: Range<Int64>?, _ total: Int64?) throws {
    let read = try #require(ContentRange(text.utf8))
    #expect(read.range == range && read.total == total)
    #expect(read.description == text)
  }

  @Test(arguments: [
    "", "bytes", "bytes ", "bytes 0-1", "bytes 1-0/5", "bytes 0-5/5", "bytes -1/5", "bytes 0-/5", "bytes */*",
    "bytes 0-1/5/6", "items 0-1/5", "bytes 0-1/-5", "bytes 0--1/5", "bytes 0-1/9999999999999999999",
    "bytes +0-1/5", "bytes 0-1/5 ", "bytes 0 -1/5",
  ])
  func nonsenseIsNotRead(_ text: String) {
    #expect(ContentRange(text.utf8) == nil)
  }

  /// Whatever comes, it is refused or means what it says.
  @Test func anythingIsReadOrRefused() {
    let alphabet = Array("bytes 0123456789-/*\0\u{7f}".utf8)
    var taken = 0
    for _ in 0..<200_000 {
      let tail = (0..<Int.random(in: 0..<12)).map { _ in alphabet[Int.random(in: 6..<alphabet.count)] }
      guard let range = ContentRange(Array("bytes ".utf8) + tail) else { continue }
      taken += 1
      #expect(ContentRange(range.description.utf8) == range)
      if let part = range.range { #expect(!part.isEmpty && part.upperBound <= range.total ?? .max) }
    }
    #expect(taken > 0)
  }
}
