import Addresses
import Bytes
import Digest
import Testing

@testable import TrackerProtocol

@Suite("Datagrams of UDP trackers (BEP 15, 41)")
struct UDPTrackerMessageTests {
  static let hash: InfoHash = {
    let bytes = Array(0..<20 as Range<UInt8>)
    return InfoHash(bytes.rawBytes)
  }()
  static let peerID = Array("-AP0100-0123456789ab".utf8)
  static let request = AnnounceRequest(
    infoHash: hash, peerID: peerID, port: 6881, uploaded: 3, downloaded: 1, left: 2, event: .started,
    wanted: 50, key: 0xaabb_ccdd)

  static func read(_ bytes: [UInt8]) -> (request: UDPTrackerRequest, transaction: UInt32)? {
    UDPTrackerRequest.decode(bytes.rawBytes)
  }

  static func read(
    _ bytes: [UInt8], isV6: Bool
  ) throws -> (reply: UDPTrackerReply, transaction: UInt32) {
    try UDPTrackerReply.decode(bytes.rawBytes, isV6: isV6)
  }

  /// Laid out by hand from the tables of BEP 15.
  static let announce =
    "0102030405060708" + "00000001" + "deadbeef" + "000102030405060708090a0b0c0d0e0f10111213"
    + "2d4150303130302d303132333435363738396162" + "0000000000000001" + "0000000000000002"
    + "0000000000000003" + "00000002" + "00000000" + "aabbccdd" + "00000032" + "1ae1"

  @Test("Requests are laid out as the tables say, and read again")
  func requests() {
    let connection: UInt64 = 0x0102_0304_0506_0708
    let vectors: [(UDPTrackerRequest, String)] = [
      (.connect, "0000041727101980" + "00000000" + "deadbeef"),
      (.announce(Self.request, connection: connection, data: []), Self.announce),
      (
        .announce(Self.request, connection: connection, data: Array("/a?b".utf8)),
        Self.announce + "0204" + "2f613f62"
      ),
      (
        .scrape([Self.hash, Self.hash], connection: connection),
        "0102030405060708" + "00000002" + "deadbeef"
          + String(repeating: "000102030405060708090a0b0c0d0e0f10111213", count: 2)
      ),
    ]
    for (request, text) in vectors {
      let bytes = request.encoded(transaction: 0xdead_beef)
      #expect(bytes.hexadecimal == text)
      let read = Self.read(bytes)
      #expect(read?.request == request)
      #expect(read?.transaction == 0xdead_beef)
    }
  }

  @Test("Replies are laid out as the tables say, and read again", arguments: [false, true])
  func replies(isV6: Bool) throws {
    var reply = AnnounceReply(interval: 1800, seeds: 7, leeches: 3)
    let peer = isV6 ? String(repeating: "20", count: 16) + "1ae1" : "0a3700011ae1"
    if isV6 {
      reply.peersV6 = [UInt8](hexadecimal: peer) ?? []
    } else {
      reply.peersV4 = [UInt8](hexadecimal: peer) ?? []
    }
    let vectors: [(UDPTrackerReply, String)] = [
      (.connection(0x0102_0304_0506_0708), "00000000" + "deadbeef" + "0102030405060708"),
      (.announce(reply), "00000001" + "deadbeef" + "00000708" + "00000003" + "00000007" + peer),
      (
        .scrape([SwarmCounts(seeds: 1, leeches: 3, downloaded: 2)]),
        "00000002" + "deadbeef" + "00000001" + "00000002" + "00000003"
      ),
      (.error("no"), "00000003" + "deadbeef" + "6e6f"),
    ]
    for (reply, text) in vectors {
      let bytes = reply.encoded(transaction: 0xdead_beef, isV6: isV6)
      #expect(bytes.hexadecimal == text)
      let read = try Self.read(bytes, isV6: isV6)
      #expect(read.reply == reply)
      #expect(read.transaction == 0xdead_beef)
    }
  }

  @Test("Long paths are split over options; unknown options and padding are passed over")
  func options() throws {
    let path = (0..<600).map { UInt8(33 + $0 % 90) }
    let long = UDPTrackerRequest.announce(Self.request, connection: 1, data: path)
    let bytes = long.encoded(transaction: 1)
    #expect(bytes.count == 98 + 600 + 3 * 2)
    #expect(Self.read(bytes)?.request == long)
    let base = UDPTrackerRequest.announce(Self.request, connection: 1, data: []).encoded(transaction: 1)
    let tails: [([UInt8], [UInt8])] = [
      ([1, 1, 9, 2, 5, 5, 2, 1, 47, 0, 2, 1, 48], [47]), ([2], []), ([2, 9, 47], []), ([2, 1, 47, 7], [47]),
    ]
    for (tail, data) in tails {
      let read = Self.read(base + tail)?.request
      #expect(read == .announce(Self.request, connection: 1, data: data))
    }
  }

  @Test("Truncated replies are refused; peers that cannot be are left out")
  func badReplies() throws {
    for text in [
      "", "00000001", "0000000100000000000007", "00000000" + "00000000" + "01", "0000000900000000",
    ] {
      let bytes = try #require([UInt8](hexadecimal: text))
      #expect(throws: TrackerFault.self) { try Self.read(bytes, isV6: false) }
    }
    let head = "00000001" + "00000000" + "ffffffff" + "80000000" + "00000001"
    let peers = "000000001ae1" + "0a3700010000" + "e00000011ae1" + "0a3700011ae1" + "0a37"
    let bytes = try #require([UInt8](hexadecimal: head + peers))
    guard case .announce(let reply) = try Self.read(bytes, isV6: false).reply else {
      Issue.record("no announce")
      return
    }
    #expect(reply.interval == 0 && reply.leeches == 0 && reply.seeds == 1)
    #expect(reply.peers == [Endpoint("10.55.0.1:6881")])
    #expect(Self.read([UInt8](repeating: 0, count: 15)) == nil)
    #expect(Self.read([UInt8](repeating: 0, count: 16)) == nil)
  }

  @Test("URLs of UDP trackers")
  func urls() {
    let good: [(String, String, UInt16, String)] = [
      ("udp://tracker.example:6969/announce", "tracker.example", 6969, "/announce"),
      ("UDP://a:1", "a", 1, ""), ("udp://a:1/", "a", 1, ""), ("udp://a:1/p?q=1#f", "a", 1, "/p?q=1"),
      ("udp://a:80?k", "a", 80, "?k"), ("udp://[2001:db8::1]:99/x", "2001:db8::1", 99, "/x"),
      ("udp://user:pass@a:1/x", "a", 1, "/x"),
    ]
    for (text, host, port, data) in good {
      let url = UDPTrackerURL(text)
      #expect(url?.host == host && url?.port == port, "\(text)")
      #expect(url.map { String(decoding: $0.data, as: UTF8.self) } == data, "\(text)")
    }
    for text in [
      "", "udp", "udp:", "udp://", "udp://a", "udp://a:0/", "udp://a:65536", "udp://:80/", "http://a:1/",
      "udp://[::1:80", "udp://[zz]:80", "udp://a:b:1", "udp:/a:1",
      "udp://a:1/" + String(repeating: "x", count: 1001),
    ] {
      #expect(UDPTrackerURL(text) == nil, "\(text)")
    }
  }
}
