import Foundation
import Synchronization
import TestSupport
import Testing

/// Web seeds that are broken or lie: an honest peer gets the download done, what is wrong is said, and memory
/// stays bounded.
@Suite(.throttled) struct BadWebSeedTests {
  enum Fault: String, CaseIterable, CustomTestStringConvertible {
    case absent, forbidden, redirectLoop, redirectElsewhere, shortBody, shortRange, otherRange, otherTotal
    case wholeForPart, endlessWhole, endlessError, wrongData, garbage, hugeHeader, hangsUp, fails

    var testDescription: String { rawValue }

    /// What is said of it.
    var words: String {
      switch self {
      case .absent: "not there (404)"
      case .forbidden: "refuses (403)"
      case .redirectLoop: "too many redirects"
      case .redirectElsewhere: "URL cannot be used"
      case .shortBody, .garbage, .hangsUp: "connection broke"
      case .shortRange, .otherRange, .otherTotal: "another length"
      case .wholeForPart, .endlessWhole: "no parts of files"
      case .endlessError, .fails: "fails (500)"
      case .wrongData: "wrong data and is banned"
      case .hugeHeader: "larger than"
      }
    }

    func answer(_ request: WebRequest, _ torrent: TestTorrent) throws {
      let size = torrent.size
      let (first, last) = (request.range.lowerBound, request.range.upperBound - 1)
      let part = "Content-Range: bytes \(first)-\(last)/\(size)"
      switch self {
      case .absent: try request.send("404 Not Found", [])
      case .forbidden: try request.send("403 Forbidden", [])
      case .redirectLoop: try request.send("302 Found", ["Location: /again"])
      case .redirectElsewhere: try request.send("302 Found", ["Location: file:///etc/passwd"])
      case .shortBody:
        try request.send("206 Partial Content", [part], [1, 2, 3], length: request.range.count)
        request.connection.close()
      case .shortRange:
        try request.send(
          "206 Partial Content", ["Content-Range: bytes \(first)-\(last - 1)/\(size)"],
          torrent.payload.bytes(first..<last))
      case .otherRange:
        try request.send(
          "206 Partial Content", ["Content-Range: bytes 0-\(last - first)/\(size)", "X: y"],
          torrent.payload.bytes(0..<request.range.count), length: request.range.count + (first == 0 ? 1 : 0))
      case .otherTotal:
        try request.send(
          "206 Partial Content", ["Content-Range: bytes \(first)-\(last)/\(size + 1)"],
          torrent.payload.bytes(request.range))
      case .wholeForPart: try request.send("200 OK", [], torrent.payload.bytes(0..<size))
      case .endlessWhole: try request.sendEndlessly("200 OK")
      case .endlessError: try request.sendEndlessly("500 Internal Server Error")
      case .wrongData:
        var bytes = torrent.payload.bytes(request.range)
        for index in stride(from: 0, to: bytes.count, by: 1000) { bytes[index] ^= 1 }
        try request.send("206 Partial Content", [part], bytes)
      case .garbage:
        try request.connection.send((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 77) })
        request.connection.close()
      case .hugeHeader:
        try request.connection.send(Array("HTTP/1.1 206 Partial Content\r\n".utf8))
        for _ in 0..<100_000 {
          try request.connection.send(Array("X-Field: \(String(repeating: "y", count: 1000))\r\n".utf8))
        }
      case .hangsUp: request.connection.close()
      case .fails: try request.send("500 Internal Server Error", [])
      }
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: Fault.allCases)
  func completesDespite(_ fault: Fault) async throws {
    try await download { request, torrent, _ in
      try fault.answer(request, torrent)
    } then: { output in
      output.contains(fault.words)
    }
  }

  /// Both versions find out who sent wrong data, and do not ask again.
  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2])
  func whoSendsWrongDataIsAskedNoMore(_ format: TorrentFormat) async throws {
    let requests = Mutex(0)
    try await download(format) { request, torrent, _ in
      requests.withLock { $0 += 1 }
      try Fault.wrongData.answer(request, torrent)
    } then: {
      $0.contains("is banned")
    }
    #expect(requests.withLock { $0 } < 16)
  }

  /// One that sends a byte a second holds nobody up.
  @Test(.timeLimit(.minutes(2)))
  func completesBesideADrip() async throws {
    try await download { request, torrent, count in
      try request.send(
        "206 Partial Content",
        ["Content-Range: bytes \(request.range.lowerBound)-\(request.range.upperBound - 1)/\(torrent.size)"],
        [], length: request.range.count)
      for byte in torrent.payload.bytes(request.range) {
        try request.connection.send([byte])
        usleep(1_000_000)
      }
    } then: { _ in
      true
    }
  }

  /// It is left alone for as long as it asks, and then has everything.
  @Test(.timeLimit(.minutes(1)), arguments: ["503 Service Unavailable", "429 Too Many Requests"])
  func aBusyServerIsAskedAgainWhenItSays(_ status: String) async throws {
    let first = Mutex<ContinuousClock.Instant?>(nil)
    let again = Mutex<ContinuousClock.Instant?>(nil)
    try await withStage { stage in
      let torrent = TestTorrent(size: 3 << 20)
      let web = try stage.webSeed(torrent) { request, torrent, _ in
        let now = ContinuousClock.now
        let start = first.withLock { start in
          start = start ?? now
          return start ?? now
        }
        guard now - start > .milliseconds(1500) else {
          return try request.send(status, ["Retry-After: 3"])
        }
        again.withLock { $0 = $0 ?? now }
        try request.sendPart(of: torrent)
      }
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage)
      try leecher.download(web, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
    }
    let pause = try #require(again.withLock { $0 }) - #require(first.withLock { $0 })
    #expect(pause > .seconds(2.9) && pause < .seconds(10))
  }

  /// Small files are also taken from a server that knows no ranges.
  @Test(.timeLimit(.minutes(1)))
  func aSmallFileComesWhole() async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 900_001)
      let web = try stage.webSeed(torrent) { request, torrent, _ in
        try request.send("200 OK", [], torrent.payload.bytes(0..<torrent.size))
      }
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage)
      try leecher.download(web, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
    }
  }

  /// Redirects are followed, to other servers too.
  @Test(.timeLimit(.minutes(1)))
  func redirectsAreFollowed() async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 3 << 20)
      let other = try stage.server { connection in
        while let request = try? WebRequest(from: connection) { try? request.sendPart(of: torrent) }
      }
      let web = try stage.webSeed(torrent) { request, _, _ in
        try request.send("302 Found", ["Location: http://\(other.address)/there"])
      }
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage)
      try leecher.download(web, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
    }
  }

  /// Downloads from a web seed that `serve`s, and from an honest peer that joins once `isSaid` of the output.
  private func download(
    _ format: TorrentFormat = .v1,
    _ serve: @escaping @Sendable (WebRequest, TestTorrent, Int) throws -> Void,
    then isSaid: @escaping @Sendable (String) -> Bool
  ) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 67 * 65536 - 100, format: format)
      let path = try stage.webSeed(torrent, serve)
      let honest = try HonestSeeder(torrent, on: stage, closed: true)
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [honest.address])
      try leecher.download(path, into: target)
      let process = try #require(leecher.process)
      try await eventually("it is said what is wrong", within: .seconds(30)) { isSaid(process.output) }
      honest.open()
      var memory = 0
      try await eventually("the download is done", within: .seconds(80)) {
        memory = max(memory, process.memory("VmHWM") ?? 0)
        return try leecher.isComplete()
      }
      #expect(try torrent.faults(in: target) == [])
      #expect(memory < 200 << 20)
    }
  }
}
