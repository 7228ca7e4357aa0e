import Foundation
import TestSupport

/// A request for a part of a file, and ways to answer it.
struct WebRequest {
  let connection: Connection
  let range: Range<Int>

  /// Reads one; throws at the end of the stream.
  init(from connection: Connection) throws {
    self.connection = connection
    var bytes: [UInt8] = []
    while !bytes.suffix(4).elementsEqual([13, 10, 13, 10]) {
      bytes += try connection.receive(exactly: 1)
    }
    let head = String(decoding: bytes, as: UTF8.self)
    guard let field = head.components(separatedBy: "\r\n").first(where: { $0.hasPrefix("Range: bytes=") })
    else { throw TestFailure("a request without a range: \(head)") }
    let ends = field.dropFirst(13).split(separator: "-").compactMap { Int($0) }
    guard ends.count == 2, ends[0] <= ends[1] else { throw TestFailure("a bad range: \(field)") }
    range = ends[0]..<ends[1] + 1
  }

  func send(_ status: String, _ fields: [String], _ body: [UInt8] = [], length: Int? = nil) throws {
    let fields = ["HTTP/1.1 \(status)", "Content-Length: \(length ?? body.count)"] + fields + ["", ""]
    try connection.send(Array(fields.joined(separator: "\r\n").utf8) + body)
  }

  /// As it should be.
  func sendPart(of torrent: TestTorrent) throws {
    try send(
      "206 Partial Content",
      ["Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(torrent.size)"],
      torrent.payload.bytes(range))
  }

  /// A body without an end, until the other side lets go.
  func sendEndlessly(_ status: String) throws {
    try connection.send(Array("HTTP/1.1 \(status)\r\n\r\n".utf8))
    while true { try connection.send([UInt8](repeating: 120, count: 65536)) }
  }
}

extension Stage {
  /// Starts a web server that answers each request by `serve`, which is told how many there were on its
  /// connection before; returns the path of a torrent that names it.
  func webSeed(
    _ torrent: TestTorrent, _ serve: @escaping @Sendable (WebRequest, TestTorrent, Int) throws -> Void
  ) throws -> String {
    let server = try server { connection in
      var count = 0
      while let request = try? WebRequest(from: connection) {
        guard (try? serve(request, torrent, count)) != nil else { return }
        count += 1
      }
    }
    var named = torrent
    named.metainfo["url-list"] = .text("http://\(server.address)/content")
    return try named.write(to: unique("named") + ".torrent")
  }
}
