import Addresses
import Bytes
import Digest
import Synchronization
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

/// A tracker without sockets, whose clock stands still until it is set.
final class TestTracker: Sendable {
  private let seconds = Atomic<UInt32>(1000)
  let service: TrackerService

  init(
    interval: Int = 1800, adminToken: String? = nil, limits: (inout SwarmLimits) -> Void = { _ in }
  ) {
    var configuration = TrackerConfiguration(listen: [], interval: interval)
    configuration.adminToken = adminToken
    limits(&configuration.limits)
    let box = Box()
    service = TrackerService(
      TrackerCore(configuration, seed: 7) { box.tracker?.seconds.load(ordering: .relaxed) ?? 1000 })
    box.tracker = self
  }

  private final class Box: @unchecked Sendable {
    weak var tracker: TestTracker?
  }

  func pass(_ seconds: UInt32) { self.seconds.add(seconds, ordering: .relaxed) }

  func get(_ path: String, _ query: String = "", from address: String = "203.0.113.1", method: String = "GET")
    -> HTTPResponse
  {
    let remote = Endpoint(IPAddress(address) ?? .anyV4, port: 40_000)
    return service.answer(
      HTTPRequest(
        method: method, path: path, query: [UInt8](query.utf8), remote: remote, headers: [:], body: []))
  }

  /// Announces for torrent 1 from `address`.
  func announce(
    _ address: String, port: UInt16 = 6881, left: UInt64 = 1, _ event: AnnounceEvent = .regular,
    wanted: Int? = nil, extra: String = "", peerID: UInt8 = 65
  ) throws -> AnnounceReply {
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: peerID, count: 20), port: port, left: left, event: event,
      wanted: wanted)
    return try AnnounceReply(get("/announce", request.query + extra, from: address).body)
  }
}

func texts(_ reply: AnnounceReply) -> Set<String> { Set(reply.peers.map(\.description)) }

@Suite("The tracker's answers")
struct TrackerServiceTests {
  @Test("An announce is answered with counts, intervals, the asker's address and peers of both families")
  func announce() throws {
    let tracker = TestTracker()
    let first = try tracker.announce("203.0.113.1", left: 0)
    #expect(first.peers == [])
    #expect((first.seeds, first.leeches, first.interval, first.minimumInterval) == (1, 0, 1800, 900))
    #expect(first.externalAddress == IPAddress("203.0.113.1"))
    _ = try tracker.announce("2001:db8::5", port: 5)
    // A mapped address is an IPv4 address.
    let third = try tracker.announce("::ffff:203.0.113.9")
    #expect(texts(third) == ["203.0.113.1:6881", "[2001:db8::5]:5"])
    #expect((third.seeds, third.leeches) == (1, 2))
    #expect(third.externalAddress == IPAddress("203.0.113.9"))
    #expect(texts(try tracker.announce("203.0.113.1", left: 0)) == ["203.0.113.9:6881", "[2001:db8::5]:5"])
  }

  @Test("The dictionary form is there for those who ask, and peers are there even if there are none")
  func forms() throws {
    let tracker = TestTracker()
    let empty = String(
      decoding: tracker.get(
        "/announce",
        AnnounceRequest(infoHash: hash(2), peerID: [UInt8](repeating: 66, count: 20), port: 1, left: 1).query
      ).body,
      as: UTF8.self)
    #expect(empty.contains("5:peers0:"))
    _ = try tracker.announce("203.0.113.1")
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 67, count: 20), port: 2, left: 1, acceptsCompact: false)
    let answer = String(
      decoding: tracker.get("/announce", request.query, from: "203.0.113.2").body, as: UTF8.self)
    #expect(answer.contains("5:peersld2:ip11:203.0.113.14:porti6881eee"))
  }

  @Test("numwant is obeyed to the peer, from 0 to the limit of 200")
  func numwant() throws {
    let tracker = TestTracker()
    for number in 0..<300 { _ = try tracker.announce("203.0.113.\(number % 250)", port: UInt16(number + 1)) }
    for (wanted, given) in [(nil, 50), (0, 0), (1, 1), (7, 7), (200, 200), (201, 200), (Int.max, 200)]
      as [(Int?, Int)]
    {
      #expect(try tracker.announce("198.51.100.1", wanted: wanted).peers.count == given)
    }
    #expect(try tracker.announce("198.51.100.1", extra: "&numwant=-1").peers.count == 50)
    #expect(try tracker.announce("198.51.100.1", .stopped, wanted: 50).peers.count == 0)
  }

  @Test("Only those who come from near may say where they are (BEP 7)")
  func claimed() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.1", extra: "&ip=8.8.8.8&ipv4=8.8.4.4&ipv6=2001:4860::8888")
    #expect(texts(try tracker.announce("198.51.100.1")) == ["203.0.113.1:6881"])
    for (source, claim) in [
      ("127.0.0.1", "192.0.2.1"), ("10.1.2.3", "192.0.2.2"), ("fd00::1", "2001:db8::3"),
    ] {
      _ = try tracker.announce(source, extra: "&ip=\(claim)")
    }
    #expect(
      texts(try tracker.announce("198.51.100.1"))
        == ["203.0.113.1:6881", "192.0.2.1:6881", "192.0.2.2:6881", "[2001:db8::3]:6881"])
    _ = try tracker.announce("10.1.2.3", extra: "&ip=0.0.0.0&ip=224.0.0.1")
    #expect(texts(try tracker.announce("198.51.100.1")).contains("10.1.2.3:6881"))
  }

  @Test("A client near with an address of each family has two entries and is given neither")
  func dualStack() throws {
    let tracker = TestTracker()
    let reply = try tracker.announce("192.168.1.2", left: 1, .started, extra: "&ipv6=2001:db8::2")
    #expect(reply.peers == [])
    #expect(try tracker.announce("192.168.1.2", left: 1, extra: "&ipv6=2001:db8::2").peers == [])
    #expect(texts(try tracker.announce("203.0.113.1")) == ["192.168.1.2:6881", "[2001:db8::2]:6881"])
    let done = try tracker.announce("192.168.1.2", left: 0, .completed, extra: "&ipv6=2001:db8::2")
    #expect(done.seeds == 2)
    #expect(tracker.service.core.table.scrape(hash(1))?.downloaded == 1)
    _ = try tracker.announce("192.168.1.2", left: 0, .stopped, extra: "&ipv6=2001:db8::2")
    #expect(texts(try tracker.announce("203.0.113.9")) == ["203.0.113.1:6881"])
  }

  @Test("An address is a peer, whatever its peer id: no duplicates, and nobody ends another's entry")
  func identity() throws {
    let tracker = TestTracker()
    for peerID in 65..<90 as Range<UInt8> { _ = try tracker.announce("203.0.113.1", peerID: peerID) }
    let reply = try tracker.announce("203.0.113.2", .stopped, peerID: 65)
    #expect(reply.leeches == 1)
    #expect(texts(try tracker.announce("203.0.113.3")) == ["203.0.113.1:6881"])
  }

  @Test("Peers leave after an interval and a half and a minute")
  func expiry() throws {
    let tracker = TestTracker(interval: 60)
    _ = try tracker.announce("203.0.113.1")
    _ = try tracker.announce("203.0.113.2")
    _ = try tracker.announce("203.0.113.3")
    tracker.pass(150)
    tracker.service.core.sweep(shards: 512)
    #expect(tracker.service.core.table.statistics.peers == 3)
    tracker.pass(1)
    tracker.service.core.sweep(shards: 512)
    #expect(tracker.service.core.table.statistics.peers == 0)
  }

  @Test(
    "A malformed request gets a failure with a reason, never silence",
    arguments: [
      ("/announce", ""), ("/announce", "info_hash=%"), ("/announce", "info_hash=abc&peer_id=x&port=1"),
      ("/announce", "\u{0}\u{1}&&&==="),
      ("/announce", "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa&port=0"),
      (
        "/announce",
        "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa&port=1&left=99999999999999999999"
      ),
      ("/scrape", "info_hash=abc"), ("/scrape", ""), ("/elsewhere", "x=y"), ("/announce/../../etc", ""),
    ])
  func malformed(path: String, query: String) {
    let response = TestTracker().get(path, query)
    #expect {
      try AnnounceReply(response.body)
    } throws: { error in
      guard case .refused(let reason, _) = error as? TrackerFault else { return false }
      return !reason.isEmpty
    }
  }

  @Test("A wrong path says never to come back, a full table when to (BEP 31)")
  func retryIn() throws {
    let wrong = TestTracker().get("/nothing")
    #expect(wrong.status == 404)
    #expect(String(decoding: wrong.body, as: UTF8.self).contains("8:retry in5:never"))
    #expect(TestTracker().get("/announce", method: "PUT").status == 405)
    let full = TestTracker { $0.torrents = 0 }
    let first = try full.announce("203.0.113.1")
    #expect(first.peers == [], "who comes once is sent away politely")
    #expect(first.interval == 30)
    #expect(first.minimumInterval == 15)
    #expect {
      try full.announce("203.0.113.1")
    } throws: { error in
      guard case .refused(_, .minutes(15)) = error as? TrackerFault else { return false }
      return true
    }
  }

  @Test("A scrape has true counts, downloaders among them, for each torrent asked for")
  func scrape() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.1", left: 0)
    _ = try tracker.announce("203.0.113.2", left: 5, .started)
    _ = try tracker.announce("203.0.113.2", left: 0, .completed)
    _ = try tracker.announce("203.0.113.3", left: 5)
    _ = try tracker.announce("203.0.113.4", left: 5, .paused)
    let url = ScrapeRequest(infoHashes: [hash(1), hash(2)]).url(announce: "http://t/announce") ?? ""
    let reply = try ScrapeReply(tracker.get("/scrape", String(url.split(separator: "?")[1])).body)
    #expect(
      reply.swarms == [
        hash(1): SwarmCounts(seeds: 2, leeches: 2, downloaded: 1, downloaders: 1),
        hash(2): SwarmCounts(downloaders: 0),
      ])
  }

  @Test("Statistics count what happened")
  func statistics() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.1", left: 0)
    _ = try tracker.announce("203.0.113.2")
    _ = tracker.get("/announce")
    _ = tracker.get("/scrape")
    tracker.pass(5)
    let response = tracker.get("/stats")
    #expect(response.contentType == "application/json")
    let text = String(decoding: response.body, as: UTF8.self)
    for part in [
      "\"torrents\": 1,", "\"peers\": 2,", "\"seeds\": 1,", "\"leeches\": 1,", "\"announces\": 2,",
      "\"scrapes\": 1,", "\"failures\": 2,", "\"uptime\": 5,",
    ] {
      #expect(text.contains(part), "\(text)")
    }
    #expect(tracker.get("/").status == 200)
  }
}
