import Foundation
import Synchronization
import TestSupport
import Testing

/// Trackers that misbehave: `apus download` gets its content from a peer that it was told of.
@Suite(.throttled)
struct BadTrackerTests {
  enum Fault: String, CaseIterable, CustomTestStringConvertible {
    case refuses
    case hangs
    case hangsInTheMiddle
    case closesAtOnce
    case redirectsToItself
    case redirectsToAFile
    case answers500
    case answersHTML
    case answersNothing
    case truncatedBencode
    case hugeBencode
    case endlessHeaders
    case deepBencode
    case hugeLength
    case oddPeers
    case badIntervals
    case failureReason
    case binaryFailureReason
    case garbage
    case byteASecond

    var testDescription: String { rawValue }

    /// The answer to a request, status line and all; `nil` if it is not just one piece of bytes.
    var answer: [UInt8]? {
      switch self {
      case .answers500: http("500 Internal Server Error", "oops")
      case .answersHTML: http("200 OK", "<html><body>It works!</body></html>")
      case .answersNothing: http("200 OK", "")
      case .truncatedBencode: http("200 OK", "d8:intervali1800e5:peers600:abc")
      case .deepBencode: http("200 OK", String(repeating: "l", count: 500_000))
      case .hugeLength: Array("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nd".utf8)
      // Nobody, oneself, everybody, a port of 0; and half a peer.
      case .oddPeers:
        http(
          "200 OK",
          Array("d8:intervali60e5:peers20:".utf8) + [
            0, 0, 0, 0, 0, 1, 255, 255, 255, 255, 26, 225, 224, 0, 0, 1, 26, 225, 10, 55,
          ] + [101])
      case .badIntervals:
        http("200 OK", "d8:intervali-9223372036854775808e12:min intervali9223372036854775807e5:peers0:e")
      case .failureReason: http("200 OK", "d14:failure reason12:go away then8:retry in5:nevere")
      case .binaryFailureReason:
        http("200 OK", Array("d14:failure reason6:".utf8) + [0x1b, 0x5b, 0x32, 0x4a, 0xff, 0x00, 0x65])
      case .garbage: (0..<5000).map { _ in UInt8.random(in: 0...255) }
      default: nil
      }
    }

    private func http(_ status: String, _ body: String) -> [UInt8] { http(status, Array(body.utf8)) }

    private func http(_ status: String, _ body: [UInt8]) -> [UInt8] {
      Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n".utf8) + body
    }

    /// Serves one connection.
    func serve(_ connection: Connection, at address: TestAddress?) throws {
      if self == .closesAtOnce { return }
      guard receiveRequestTarget(connection) != nil else { return }
      if let answer { return try connection.send(answer) }
      switch self {
      case .redirectsToItself:
        let place = address.map { "http://\($0)/announce?again=1" } ?? ""
        try connection.send(
          Array(
            "HTTP/1.1 302 Found\r\nLocation: \(place)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
        )
      case .redirectsToAFile:
        try connection.send(
          Array(
            "HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
              .utf8))
      case .hugeBencode:
        try connection.send(Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nd5:peers104857600:".utf8))
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for _ in 0..<100 { try connection.send(zeros) }
        try connection.send([101])
      case .endlessHeaders:
        try connection.send(Array("HTTP/1.1 200 OK\r\n".utf8))
        let line = Array("X-Filler: \(String(repeating: "x", count: 1000))\r\n".utf8)
        for _ in 0..<100_000 { try connection.send(line) }
      case .hangsInTheMiddle:
        try connection.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd8:inter".utf8))
        _ = connection.isClosed(within: .seconds(60))
      case .byteASecond:
        for byte in Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd8:intervali60e".utf8) {
          try connection.send([byte])
          if connection.isClosed(within: .seconds(1)) { return }
        }
      default: _ = connection.isClosed(within: .seconds(60))
      }
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: Fault.allCases)
  func doesNotKeepADownloadFromCompleting(_ fault: Fault) async throws {
    try await withStage { stage in
      let own = Mutex<TestAddress?>(nil)
      let answered = Atomic<Int>(0)
      let tracker = try stage.server { connection in
        // The client may well hang up on such a tracker.
        try? fault.serve(connection, at: own.withLock { $0 })
        answered.add(1, ordering: .relaxed)
      }
      own.withLock { $0 = tracker.address }
      if fault == .refuses { tracker.stop() }
      let torrent = TestTorrent(size: 2 << 20, tracker: "http://\(tracker.address)/announce")
      let honest = try HonestSeeder(torrent, on: stage, closed: true)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [honest.address])
      try leecher.download(path, into: target)
      switch fault {
      case .refuses: break
      case .hangs, .hangsInTheMiddle, .byteASecond:
        try await eventually("the tracker is asked") { tracker.accepted > 0 }
      default: try await eventually("the tracker has answered") { answered.load(ordering: .relaxed) > 0 }
      }
      honest.open()
      var memory = 0
      try await eventually("the download is done", within: .seconds(60)) {
        memory = max(memory, leecher.process?.memory("VmHWM") ?? 0)
        return try leecher.isComplete()
      }
      #expect(try torrent.faults(in: target) == [])
      #expect(memory < 150 << 20)
    }
  }
}
