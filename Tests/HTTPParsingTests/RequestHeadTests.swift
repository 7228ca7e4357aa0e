import Bytes
import Testing

@testable import HTTPParsing

/// What the parser makes of a text, in words.
func reading(_ text: String) -> String { reading([UInt8](text.utf8)) }

func reading(_ bytes: [UInt8]) -> String {
  guard let end = RequestHead.end(in: bytes.rawBytes, from: 0, searchedTo: 0) else { return "incomplete" }
  do {
    let head = try RequestHead(bytes.rawBytes, from: 0, to: end)
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    let body = head.bodySize.map { "\($0)" } ?? "chunks"
    return
      "\(head.method) \(text(head.path)) ?\(text(head.query)) \(head.isKeptAlive ? "keep" : "close") \(body)"
  } catch {
    return "\(error)"
  }
}

@Suite("Heads of requests")
struct RequestHeadTests {
  @Test(
    "A head is read",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "get / ? keep 0"),
      ("GET /announce?a=b?c HTTP/1.1\r\nhOST:x\r\n\r\nGET /more", "get /announce ?a=b?c keep 0"),
      ("HEAD /a%20b? HTTP/1.1\r\nHost: x\r\nConnection: foo , CLOSE\r\n\r\n", "head /a%20b ? close 0"),
      ("GET /old HTTP/1.0\r\n\r\n", "get /old ? close 0"),
      ("GET /old HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "get /old ? keep 0"),
      ("GET /o HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "get /o ? close 0"),
      ("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length:  12\t\r\n\r\n", "other /p ? keep 12"),
      ("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", "other /p ? keep chunks"),
      (
        "GET http://tracker.example/announce?x HTTP/1.1\r\nHost: x\r\n\r\n",
        "get http://tracker.example/announce ?x keep 0"
      ),
      ("OPTIONS * HTTP/1.1\r\nHost: x\r\nEmpty:\r\n\r\n", "other * ? keep 0"),
      ("GeT / HTTP/1.1\r\nHost: x\r\n\r\n", "other / ? keep 0"),
      ("GET / HTTP/1.2\r\nHost: x\r\nX-Y: caf\u{e9}\r\n\r\n", "get / ? keep 0"),
    ])
  func good(text: String, result: String) { #expect(reading(text) == result) }

  @Test(
    "What two programs could read differently is refused (RFC 9112, section 11.2)",
    arguments: [
      ("GET / HTTP/1.1\nHost: x\n\n", "control"),
      ("GET / HTTP/1.1\r\nHost: x\n\r\n", "control"),
      ("GET / HTTP/1.1\r\nHost: x\r\nA: b\nContent-Length: 5\r\n\r\n", "control"),
      ("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", "control"),
      ("GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}\r\n\r\n", "control"),
      ("GET /\u{0} HTTP/1.1\r\nHost: x\r\n\r\n", "control"),
      ("GET /\t HTTP/1.1\r\nHost: x\r\n\r\n", "control"),
      ("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c: d\r\n\r\n", "folding"),
      ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", "folding"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "coding"),
      (
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "length"
      ),
      ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "length"),
      ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n", "fieldName"),
      ("GET / HTTP/1.1\r\nHost: x\r\n: 5\r\n\r\n", "fieldName"),
      ("GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n", "fieldName"),
      ("GET / HTTP/1.1\r\nHost: x\r\nA\u{e9}: b\r\n\r\n", "fieldName"),
      ("GET / HTTP/1.1\r\n\r\n", "host"),
      ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "host"),
      ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "version"),
      ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "line"),
      ("GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "line"),
      ("GET / http/1.1\r\nHost: x\r\n\r\n", "line"),
      ("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "line"),
      ("GET / HTTP/1.11\r\nHost: x\r\n\r\n", "line"),
      ("GET ?/ HTTP/1.1\r\nHost: x\r\n\r\n", "line"), ("GET /\r\n\r\n", "line"), ("GET\r\n\r\n", "line"),
      (" / HTTP/1.1\r\n\r\n", "line"),
      ("\r\n\r\n", "line"),
      ("\u{16}\u{3}\u{1}\r\n\r\n", "line"),
      ("GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 100) + "\r\n", "size"),
    ])
  func refused(text: String, fault: String) { #expect(reading(text) == fault) }

  @Test("The end is found wherever the bytes are cut, and only when it is there")
  func cuts() {
    let bytes = [UInt8]("GET /announce?x HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nGET /next".utf8)
    let end = bytes.count - 9
    for searched in 0..<end {
      let part = Array(bytes[..<searched])
      #expect(RequestHead.end(in: part.rawBytes, from: 0, searchedTo: 0) == nil)
      #expect(RequestHead.end(in: bytes.rawBytes, from: 0, searchedTo: searched) == end)
    }
    #expect(RequestHead.end(in: bytes.rawBytes, from: end, searchedTo: end) == nil)
    #expect(RequestHead.end(in: [UInt8]("GET / HTTP/1.0\n\nX".utf8).rawBytes, from: 0, searchedTo: 0) == 16)
  }

  @Test(
    "Dates",
    arguments: [
      (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
      (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
      (-5, "Thu, 01 Jan 1970 00:00:00 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
  func dates(seconds: Int, text: String) {
    var bytes: [UInt8] = []
    HTTPDate.append(seconds, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == text)
  }

  @Test("Any bytes, and any single change of a good head, give a result")
  func noise() {
    var random = SystemRandomNumberGenerator()
    let good = [UInt8]("GET /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
    for index in good.indices {
      for byte in [0, 9, 10, 13, 32, 58, 127, 255] as [UInt8] {
        var bytes = good
        bytes[index] = byte
        _ = reading(bytes)
        bytes = good
        bytes.remove(at: index)
        _ = reading(bytes)
      }
    }
    for _ in 0..<2000 {
      let bytes = (0..<60).map { _ in
        [13, 10, 32, 58, 65, 63, 47][Int.random(in: 0..<7, using: &random)] as UInt8
      }
      _ = reading(bytes)
    }
  }
}
