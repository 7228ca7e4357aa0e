import Addresses
import Bytes
import CZlib
import Glibc
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

/// Runs a tracker on loopback, of one loop, and stops it.
func withTracker(
  _ configure: (inout TrackerConfiguration) -> Void = { _ in }, _ body: (Tracker) throws -> Void
) throws {
  var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 60)
  configuration.threads = 1
  configure(&configuration)
  let tracker = try Tracker(configuration)
  defer { tracker.stop() }
  try body(tracker)
}

/// The target of an announce for torrent `number`.
func announceTarget(
  _ number: Int = 1, port: UInt16 = 7000, left: UInt64 = 1, _ event: AnnounceEvent = .regular,
  wanted: Int? = nil, extra: String = "", path: String = "/announce"
) -> String {
  let request = AnnounceRequest(
    infoHash: hash(number), peerID: [UInt8](repeating: 65, count: 20), port: port, left: left, event: event,
    wanted: wanted)
  return "\(path)?\(request.query)\(extra)"
}

func get(_ target: String, _ fields: String = "") -> String {
  "GET \(target) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
}

extension Connection {
  /// The reply to an announce.
  func announced() throws -> AnnounceReply { try AnnounceReply(#require(response()).body) }

  /// The reason of a refusal.
  func refused() -> String? {
    guard let body = response()?.body else { return nil }
    do {
      _ = try AnnounceReply(body)
      return nil
    } catch {
      guard case .refused(let reason, _) = error else { return nil }
      return reason
    }
  }

  func send(_ bytes: [UInt8]) { _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
}

@Suite("Announces over HTTP, on the loops")
struct HTTPFrontEndTests {
  @Test("Announces on one kept connection, at once, mixed with what the library answers, in order")
  func pipelining() throws {
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      let scrape = ScrapeRequest(infoHashes: [hash(1)]).url(announce: "/announce") ?? ""
      connection.send(
        (1...30).map { get(announceTarget(port: UInt16(7000 + $0))) }.joined() + get(scrape) + get("/stats")
          + get(announceTarget(port: 7031)) + get("/"))
      for number in 1...30 {
        let reply = try connection.announced()
        #expect(reply.leeches == number)
        #expect(reply.peers.count == number - 1)
      }
      #expect(try ScrapeReply(try #require(connection.response()).body).swarms[hash(1)]?.leeches == 30)
      #expect(
        String(decoding: try #require(connection.response()).body, as: UTF8.self).contains("\"peers\": 30"))
      #expect(try connection.announced().leeches == 31)
      #expect(connection.response()?.status == 200)
    }
  }

  @Test("A request may come byte by byte, its end with the start of the next")
  func drops() throws {
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      var flag: Int32 = 1
      setsockopt(connection.socket, Int32(IPPROTO_TCP), TCP_NODELAY, &flag, 4)
      let text = get(announceTarget(), "X-Long: \(String(repeating: "a", count: 60))\r\n")
      for character in text { connection.send(String(character)) }
      #expect(try connection.announced().leeches == 1)
      for end in stride(from: 1, to: text.utf8.count, by: 37) {
        let bytes = [UInt8](text.utf8)
        connection.send(bytes + bytes[..<end])
        #expect(try connection.announced().leeches == 1)
        connection.send(Array(bytes[end...]))
        #expect(try connection.announced().leeches == 1)
      }
    }
  }

  @Test(
    "A client that closes its side after a request still gets the answer; versions and fields decide on keeping"
  )
  func closing() throws {
    try withTracker { tracker in
      let half = try Connection(tracker.endpoints[0])
      half.send(get(announceTarget()))
      shutdown(half.socket, Int32(SHUT_WR))
      #expect(try half.announced().leeches == 1)
      #expect(half.isClosed())
      for (request, keeps) in [
        ("GET \(announceTarget()) HTTP/1.0\r\n\r\n", false),
        ("GET \(announceTarget()) HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        (get(announceTarget(), "Connection: close\r\n"), false), (get(announceTarget()), true),
      ] {
        let connection = try Connection(tracker.endpoints[0])
        connection.send(request)
        let response = try #require(connection.response())
        #expect(response.status == 200)
        #expect(response.header.contains("Connection: close") == !keeps)
        #expect(response.header.contains(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/))
        if keeps {
          connection.send(get(announceTarget(), "Connection: close\r\n"))
          #expect(connection.response()?.status == 200)
        }
        #expect(connection.isClosed())
      }
      // What is cut off in the middle of a head is no request.
      let cut = try Connection(tracker.endpoints[0])
      cut.send("GET /announce?x HTT")
      let start = ContinuousClock.now
      shutdown(cut.socket, Int32(SHUT_WR))
      #expect(cut.isClosed())
      #expect(ContinuousClock.now - start < .seconds(5), "it was only closed when its time was up")
    }
  }

  @Test("Other methods and paths on the same port are the library's; HEAD has the length and no body")
  func elsewhere() throws {
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      connection.send(get(announceTarget()))
      let length = try #require(connection.response()).body.count
      connection.send("HEAD \(announceTarget()) HTTP/1.1\r\nHost: x\r\n\r\n")
      let head = try #require(connection.response(isHead: true))
      #expect(head.header.contains("Content-Length: \(length)\r\n"))
      connection.send("PUT /announce HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
      #expect(connection.response()?.status == 405)
      connection.send(get("/nothing"))
      #expect(connection.response()?.status == 404)
      connection.send(get("http://tracker.example" + announceTarget(port: 7001)))
      #expect(try connection.announced().leeches == 2)
    }
  }

  @Test("A passkey in the path reaches the core, other words in its place are no announce")
  func passkeys() throws {
    let key = "0123456789abcdefABCDEF0123456789"
    #expect(RequestRoute(path: [UInt8]("/\(key)/announce".utf8)) == .announce(Passkey(key.utf8)))
    #expect(RequestRoute(path: [UInt8]("/\(key)/scrape".utf8)) == .scrape(Passkey(key.utf8)))
    for path in [
      "/\(key)", "/\(key)/", "/\(key)x/announce", "/\(key.dropLast())/announce",
      "/\(key.dropLast())g/announce",
      "/announce/", "/announce/\(key)", "//announce", "announce", "/\(key)/announces", "", "/", "/Announce",
    ] {
      #expect(RequestRoute(path: [UInt8](path.utf8)) == .elsewhere, "\(path)")
    }
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      connection.send(get(announceTarget(path: "/\(key)/announce")))
      #expect(try connection.announced().leeches == 1)
    }
  }

  @Test("Bodies of announces say the same on the loops and in the library")
  func sameAnswers() throws {
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      for target in [
        announceTarget(wanted: 0), announceTarget(extra: "&ipv6=2001:db8::1"),
        announceTarget(extra: "&compact=0"),
        announceTarget(left: 0), announceTarget(1, .stopped), "/announce?info_hash=x", "/announce",
        "/scrape?x",
        "/scrape?info_hash=%zz",
      ] {
        connection.send(get(target))
        let one = connection.response()
        let other = try Connection(tracker.endpoints[0])
        other.send(get("http://x" + target))
        #expect(one?.status == 200)
        #expect(one?.body == other.response()?.body, "\(target)")
      }
    }
  }

  @Test("A scrape of everything is packed, made now and then, and there only for those who may have it")
  func fullScrape() throws {
    for interval in [nil, 3600] {
      try withTracker {
        $0.fullScrapeInterval = interval
      } _: { tracker in
        let connection = try Connection(tracker.endpoints[0])
        for number in 1...300 {
          connection.send(get(announceTarget(number)))
          #expect(try connection.announced().leeches == 1)
        }
        connection.send(get("/scrape"))
        #expect(
          connection.refused()
            == (interval == nil
              ? "name the torrents to scrape by info_hash" : "a scrape of everything comes as gzip only"))
        guard interval != nil else { return }
        connection.send(get("/scrape?", "Accept-Encoding: br, gzip;q=0.5\r\n"))
        let response = try #require(connection.response())
        #expect(response.header.contains("Content-Encoding: gzip\r\n"))
        let scrape = try ScrapeReply(unpacked(response.body))
        #expect(Set(scrape.swarms.keys) == Set((1...300).map { hash($0) }))
        #expect(scrape.swarms.values.allSatisfy { $0.leeches == 1 })
        connection.send(get("/scrape", "Accept-Encoding: gzip\r\n"))
        #expect(connection.refused() == "a scrape of everything is made now and then")
      }
    }
  }

  @Test("Who accepts gzip")
  func codings() {
    for value in ["gzip", "br,gzip", "GZIP ; q=0.1", "*", "identity, *;q=0.5", "x-gzip"] {
      #expect(Gzip.isAccepted(by: value), "\(value)")
    }
    for value in [nil, "", "br", "gzip;q=0", "*, gzip;q=0", "gzip;q=0.0, *", "*;q=0"] {
      #expect(!Gzip.isAccepted(by: value), "\(value ?? "nil")")
    }
    let text = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 100 * $0) }
    #expect(unpacked(Gzip.packed(text)) == text)
    #expect(unpacked(Gzip.packed([])) == [])
  }

  @Test("numwant is exact over both families, and both are in one reply")
  func families() throws {
    try withTracker { tracker in
      let connection = try Connection(tracker.endpoints[0])
      for number in 0..<60 {
        let claim = number % 2 == 0 ? "&ip=10.1.0.\(number)" : "&ip=203.0.113.9&ipv6=2001:db8::\(number)"
        connection.send(get(announceTarget(port: UInt16(7000 + number), wanted: 0, extra: claim)))
        #expect(try connection.announced().peers == [])
      }
      for wanted in [0, 1, 7, 50, 60] {
        connection.send(get(announceTarget(port: 9999, left: 1, .stopped)))
        _ = connection.response()
        connection.send(get(announceTarget(port: 9999, wanted: wanted)))
        let reply = try connection.announced()
        #expect(reply.peers.count == wanted)
        #expect(reply.externalAddress == .loopbackV4)
        if wanted >= 50 {
          #expect(reply.peersV4.count >= 6 && reply.peersV6.count >= 18)
        }
      }
    }
  }
}

/// What a gzip has in it; empty if it is broken.
func unpacked(_ packed: [UInt8]) -> [UInt8] {
  var packed = packed
  var output = [UInt8](repeating: 0, count: 4 << 20)
  var stream = z_stream()
  guard apus_gunzip_start(&stream) == Z_OK else { return [] }
  defer { inflateEnd(&stream) }
  let (room, size) = (output.count, packed.count)
  let status = packed.withUnsafeMutableBufferPointer { input in
    output.withUnsafeMutableBufferPointer { output in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(size)
      stream.next_out = output.baseAddress
      stream.avail_out = UInt32(room)
      return inflate(&stream, Z_FINISH)
    }
  }
  guard status == Z_STREAM_END, stream.avail_in == 0 else { return [] }
  return Array(output[..<Int(stream.total_out)])
}
