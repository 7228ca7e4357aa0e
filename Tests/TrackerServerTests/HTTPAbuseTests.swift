import Addresses
import Bytes
import Glibc
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

@Suite("Abuse of HTTP")
struct HTTPAbuseTests {
  @Test(
    "A request that others could read differently is refused, and what follows it is not read",
    arguments: [
      ("Content-Length: 50\r\nTransfer-Encoding: chunked\r\n", 400), ("Content-Length: 5\r\n", 400),
      ("Transfer-Encoding: chunked\r\n", 400), ("Transfer-Encoding: xchunked\r\n", 501),
      ("Content-Length: 0\r\nContent-Length: 0\r\n", 400), ("Content-Length : 5\r\n", 400),
      ("A: b\n", 400), ("A: b\r\n c\r\n", 400), ("A: b\u{0}c\r\n", 400), ("A\r\n", 400), ("Host: y\r\n", 400),
      (String(repeating: "A: b\r\n", count: 101), 431),
    ])
  func smuggling(fields: String, status: Int) throws {
    try withTracker { tracker in
      for target in [announceTarget(), "/stats"] {
        let connection = try Connection(tracker.endpoints[0])
        // On the loops, what is elsewhere has to pass the same check first.
        guard target != "/stats" || fields.contains("A") || status != 400 || fields.hasPrefix("Host") else {
          continue
        }
        connection.send(get(target, fields) + get(announceTarget(2, port: 9)))
        #expect(connection.response()?.status == status)
        #expect(connection.response() == nil)
        #expect(tracker.statistics.torrents == 0)
      }
    }
  }

  @Test(
    "A head without end is refused when it is too long",
    arguments: [
      "GET /announce?" + String(repeating: "a", count: 40_000),
      get("/stats").dropLast(2) + "A: " + String(repeating: "a", count: 40_000),
    ])
  func endless(text: String) throws {
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      connection.send(text)
      #expect(connection.response()?.status == 431)
      #expect(connection.isClosed())
    }
  }

  @Test("Connections that say nothing, drip, rest or do not read are closed in time; honest ones are not")
  func slow() throws {
    try withTracker {
      $0.requestTimeout = 0.4
      $0.idleTimeout = 1
    } _: { tracker in
      let endpoint = tracker.endpoints[0]
      let honest = try Connection(endpoint)
      let silent = try Connection(endpoint)
      silent.send("G")
      let dripping = try Connection(endpoint)
      dripping.send("GET /announce?")
      let greedy = try Connection(endpoint)
      var size: Int32 = 4096
      setsockopt(greedy.socket, SOL_SOCKET, SO_RCVBUF, &size, 4)
      for number in 0..<250 { honest.send(get(announceTarget(port: UInt16(1000 + number), wanted: 0))) }
      for _ in 0..<250 { #expect(honest.response()?.status == 200) }
      for _ in 0..<40 where greedy.send(String(repeating: get(announceTarget(wanted: 200)), count: 100)) {}
      var drops = 0
      while drops < 300, dripping.send("a") {
        drops += 1
        honest.send(get(announceTarget()))
        #expect(honest.response()?.status == 200)
        usleep(10_000)
      }
      #expect(drops < 300)
      #expect(dripping.isClosed())
      #expect(silent.isClosed())
      #expect(greedy.isClosed())
      let resting = try Connection(endpoint)
      resting.send(get(announceTarget()))
      #expect(resting.response()?.status == 200)
      #expect(resting.isClosed())
    }
  }

  /// 10,000 with `APUS_ABUSE=full`, which also needs as many descriptors; else as many as fit.
  @Test("Of very many slow connections none keeps an honest client from its answer", .timeLimit(.minutes(2)))
  func crowd() throws {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let isFull = getenv("APUS_ABUSE").map { String(cString: $0) == "full" } ?? false
    let count = min(isFull ? 10_000 : 600, Int(limit.rlim_cur) / 2 - 200)
    try withTracker {
      $0.threads = 2
      $0.maximumConnections = isFull ? 4000 : 200
      $0.maximumConnectionsPerAddress = 0
    } _: { tracker in
      let endpoint = tracker.endpoints[0]
      var crowd: [Connection] = []
      var served = 0
      for number in 0..<count {
        let slow = try Connection(endpoint)
        switch number % 4 {
        case 0: break
        case 1: slow.send("GET /announce?info_hash=")
        case 2: slow.send("POST /api HTTP/1.1\r\nHost: x\r\nContent-Le")
        default: slow.send(get(announceTarget()))
        }
        crowd.append(slow)
        guard number % 10 == 0 else { continue }
        let honest = try Connection(endpoint)
        honest.send(get(announceTarget(2, port: UInt16(1 + number % 60_000))))
        if honest.response()?.status == 200 { served += 1 }
      }
      #expect(served == (count + 9) / 10)
      let watcher = try Connection(endpoint)
      watcher.send(get("/metrics"))
      let metrics = String(decoding: try #require(watcher.response()).body, as: UTF8.self)
      let evicted = metrics.split(separator: "\n").first { $0.contains("fate=\"evicted\"") }
      #expect((evicted?.split(separator: " ").last).flatMap { Int($0) } ?? 0 > 0, "none made room")
      withExtendedLifetime(crowd) {}
    }
  }

  @Test("Noise, and requests with changed, lost and repeated bytes: no crash, and no connection left")
  func noise() throws {
    try withTracker {
      $0.requestTimeout = 0.3
      $0.idleTimeout = 1
    } _: { tracker in
      var random = SystemRandomNumberGenerator()
      let seeds = [
        get(announceTarget()), get("/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa"),
        get("/stats", "Connection: close\r\n"),
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      ].map { [UInt8]($0.utf8) }
      for _ in 0..<600 {
        var bytes = (seeds.randomElement(using: &random) ?? []) + (seeds.randomElement(using: &random) ?? [])
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
          let index = Int.random(in: 0..<bytes.count, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
          case 1: bytes.remove(at: index)
          case 2: bytes.insert([0, 10, 13, 32, 37, 255].randomElement(using: &random) ?? 0, at: index)
          default: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
          }
          if bytes.isEmpty { break }
        }
        let connection = try Connection(tracker.endpoints[0])
        connection.send(bytes)
      }
      let honest = try Connection(tracker.endpoints[0])
      honest.send(get(announceTarget(5)))
      #expect(try honest.announced().leeches == 1)
    }
  }
}
