import Addresses
import Bytes
import Digest
import Testing

@testable import TrackerProtocol

let empty: [UInt8] = []
let hash = InfoHash([UInt8](1...20)) ?? SHA1.hash(empty.rawBytes)
let peerID = [UInt8]("-AP0100-abcdefghijkl".utf8)

@Suite("Announce requests")
struct AnnounceRequestTests {
  static let base = "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-AP0100-abcdefghijkl"

  func request(_ query: String) throws(RequestFault) -> AnnounceRequest {
    try AnnounceRequest(query: [UInt8](query.utf8))
  }

  @Test("The example of the specification wiki is read byte for byte")
  func readsVector() throws {
    let request = try request(
      Self.base + "&port=6881&uploaded=1&downloaded=2&left=3&event=started&numwant=7&key=00ffee01&compact=1"
    )
    #expect(request.infoHash.description == "123456789abcdef123456789abcdef123456789a")
    #expect(request.peerID == peerID)
    #expect(request.port == 6881)
    #expect((request.uploaded, request.downloaded, request.left) == (1, 2, 3))
    #expect(request.event == .started)
    #expect(request.wanted == 7)
    #expect(request.key == 0x00ff_ee01)
    #expect(request.acceptsCompact)
  }

  @Test("What a client writes is what a tracker reads, with every byte in the info-hash")
  func roundTrips() throws {
    for start in stride(from: 0, to: 256, by: 20) {
      let bytes = (0..<20).map { UInt8(truncatingIfNeeded: start + $0) }
      var request = AnnounceRequest(
        infoHash: InfoHash(bytes) ?? hash, peerID: [UInt8](bytes.reversed()), port: 51413, uploaded: .max,
        downloaded: 17, left: 0, event: .paused, wanted: 0, key: 0xabc, trackerID: bytes,
        acceptsCompact: false)
      request.claimedAddresses = ["10.1.2.3", "2001:db8::7"].compactMap { IPAddress($0) }
      let url = request.url(on: "http://tracker.example/announce?passkey=1#part")
      #expect(url.hasPrefix("http://tracker.example/announce?passkey=1&info_hash="))
      let query = url.split(separator: "?", maxSplits: 1)[1]
      #expect(try self.request(String(query)) == request)
    }
  }

  @Test(
    "A malformed request says what is wrong",
    arguments: [
      ("", RequestFault.missing("info_hash")),
      ("peer_id=-AP0100-abcdefghijkl&port=1", .missing("info_hash")),
      ("info_hash=abc&port=1", .malformed("info_hash")),
      ("info_hash=%zz34567890123456789", .malformed("info_hash")),
      ("info_hash=1234567890123456789%1", .malformed("info_hash")),
      ("info_hash=12345678901234567890&port=1", .missing("peer_id")),
      ("info_hash=12345678901234567890&peer_id=short&port=1", .malformed("peer_id")),
      (base, .missing("port")), (base + "&port=0", .portZero), (base + "&port=65536", .malformed("port")),
      (base + "&port=-1", .malformed("port")), (base + "&port=", .malformed("port")),
      (base + "&port=80x", .malformed("port")),
      (base + "&port=1&left=18446744073709551616", .malformed("left")),
      (base + "&port=1&left=-1", .malformed("left")),
      (base + "&port=1&uploaded=99999999999999999999999", .malformed("uploaded")),
      (base + "&port=1&downloaded=1e3", .malformed("downloaded")),
      (base + "&port=1&numwant=99999999999999999999", .malformed("numwant")),
    ] as [(String, RequestFault)])
  func refuses(query: String, fault: RequestFault) {
    #expect(throws: fault) { try request(query) }
    #expect(!fault.description.isEmpty)
  }

  @Test("Odd but honest requests are taken")
  func lenient() throws {
    let base = Self.base + "&port=1"
    #expect(try request(base + "&numwant=-1").wanted == nil)
    #expect(try request(base + "&numwant=0").wanted == 0)
    #expect(try request(base + "&event=&left=0").event == .regular)
    #expect(try request(base + "&event=whatever").event == .regular)
    #expect(try request(base + "&compact=0").acceptsCompact == false)
    #expect(try request(base + "&&=&x&left=18446744073709551615").left == .max)
    #expect(try request(base).left == .max)
    #expect(try request("&" + base).port == 1)
    #expect(try request(base + "&ip=not-an-address&ipv6=[2001:db8::1]:99").claimedAddresses.count == 1)
    #expect(try request(base.replacing("abcdef", with: "+%2B%20def")).peerID.count == 20)
  }
}

@Suite("Announce replies")
struct AnnounceReplyTests {
  func decode(_ text: String) throws(TrackerFault) -> AnnounceReply {
    try AnnounceReply(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
  }

  @Test("Compact peers of both families, external ip, intervals, tracker id and warning")
  func compact() throws {
    let v6 = [UInt8](repeating: 0x20, count: 16).map { UnicodeScalar($0) }
    var text = "d8:completei3e11:external ip4:\u{c0}\u{00}\u{02}\u{01}10:incompletei4e8:intervali1800e"
    text += "12:min intervali900e5:peers6:\u{0a}\u{00}\u{00}\u{01}\u{1a}\u{e1}6:peers618:"
    text.unicodeScalars.append(contentsOf: v6)
    text += "\u{1a}\u{e2}10:tracker id3:abc15:warning message5:heedye"
    let reply = try decode(text)
    #expect(
      reply.peers.map(\.description) == ["10.0.0.1:6881", "[2020:2020:2020:2020:2020:2020:2020:2020]:6882"])
    #expect(reply.interval == 1800)
    #expect(reply.minimumInterval == 900)
    #expect((reply.seeds, reply.leeches) == (3, 4))
    #expect(reply.externalAddress == IPAddress("192.0.2.1"))
    #expect(reply.trackerID == [97, 98, 99])
    #expect(reply.warning == "heedy")
    #expect(try AnnounceReply(reply.encoded(compact: true)) == reply)
  }

  @Test("The dictionary form carries both families; unusable peers are left out")
  func dictionaries() throws {
    let text =
      "d8:intervali60e5:peersld2:ip9:192.0.2.57:peer id20:-AP0100-abcdefghijkl4:porti80ee"
      + "d2:ip11:2001:db8::14:porti81eed2:ip11:example.com4:porti81eed2:ip9:192.0.2.64:porti0ee"
      + "d2:ip9:192.0.2.64:porti65536eed2:ip7:0.0.0.04:porti1eei3e4:spamee"
    let reply = try decode(text)
    #expect(reply.peers.map(\.description) == ["192.0.2.5:80", "[2001:db8::1]:81"])
    #expect(try AnnounceReply(reply.encoded(compact: false)) == reply)
  }

  @Test("Unsorted keys, a trailing newline, missing or senseless numbers do not matter")
  func lenient() throws {
    let reply = try decode("d5:peers0:8:intervali-5e12:min intervali9223372036854775807ee\n")
    #expect(reply.interval == 0)
    #expect(reply.minimumInterval == .max)
    #expect(try decode("d5:peers0:e").interval == 1800)
    #expect(try decode("d8:intervali9e11:external ip3:abce").externalAddress == nil)
  }

  @Test("A failure is a refusal with its reason and its time to retry (BEP 31)")
  func failures() {
    #expect(throws: TrackerFault.refused(reason: "no", retryIn: nil)) {
      try decode("d14:failure reason2:noe")
    }
    for retryIn in [RetryIn.never, .minutes(5), .minutes(0)] {
      #expect(throws: TrackerFault.refused(reason: "later", retryIn: retryIn)) {
        try AnnounceReply(TrackerFault.encoded(reason: "later", retryIn: retryIn))
      }
    }
    #expect(throws: TrackerFault.refused(reason: "x", retryIn: .minutes(7))) {
      try decode("d14:failure reason1:x8:retry in1:7e")
    }
  }

  @Test(
    "What is no reply is malformed, with a reason",
    arguments: [
      "", "<html><body>It works!</body></html>", "d8:intervali1800e5:peers6:abc", "le", "i3e", "de",
      "d8:intervali1800e5:peers7:abcdefge", "d8:intervali1800e6:peers617:abcdefghijklmnopqe",
      "d8:intervali1800e5:peersi3ee", "d8:intervali99999999999999999999ee",
      String(repeating: "l", count: 100_000),
    ])
  func malformed(text: String) {
    #expect {
      try decode(text)
    } throws: { error in
      guard case .malformed(let what) = error as? TrackerFault else { return false }
      return !what.isEmpty
    }
  }

  @Test("No more peers are taken than the limit")
  func tooManyPeers() throws {
    let reply = AnnounceReply(interval: 1, peersV4: [UInt8](repeating: 9, count: 6 * 5000))
    #expect(try AnnounceReply(reply.encoded(compact: true)).peers.count == AnnounceReply.maximumPeers)
  }
}

@Suite("Scrapes")
struct ScrapeTests {
  @Test(
    "The scrape URL comes from the announce URL as BEP 48 says",
    arguments: [
      ("http://example.com/announce", "http://example.com/scrape?info_hash=H"),
      ("http://example.com/x/announce", "http://example.com/x/scrape?info_hash=H"),
      ("http://example.com/announce.php", "http://example.com/scrape.php?info_hash=H"),
      ("http://example.com/announce?x2%0644", "http://example.com/scrape?x2%0644&info_hash=H"),
      ("http://example.com/a", nil),
      ("http://example.com/announce?x=2/4", "http://example.com/scrape?x=2/4&info_hash=H"),
    ] as [(String, String?)])
  func url(announce: String, scrape: String?) {
    let encoded = "%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13%14"
    #expect(
      ScrapeRequest(infoHashes: [hash]).url(announce: announce) == scrape?.replacing("H", with: encoded))
  }

  @Test("Requests and replies survive encoding")
  func roundTrip() throws {
    let other = SHA1.hash([UInt8]("x".utf8).rawBytes)
    let url = try #require(ScrapeRequest(infoHashes: [hash, other]).url(announce: "http://t/announce"))
    let query = [UInt8](url.split(separator: "?")[1].utf8)
    #expect(try ScrapeRequest(query: query).infoHashes == [hash, other])
    #expect(throws: RequestFault.malformed("info_hash")) {
      try ScrapeRequest(query: [UInt8]("info_hash=1".utf8))
    }
    let reply = ScrapeReply(swarms: [
      hash: SwarmCounts(seeds: 1, leeches: 2, downloaded: 3, downloaders: 1), other: SwarmCounts(),
    ])
    #expect(try ScrapeReply(reply.encoded()) == reply)
  }
}
