import Addresses
import Bytes
import Digest
import PeerProtocol
import Testing

private let second: UInt64 = 1_000_000_000

private func announce(_ text: String) -> LocalAnnounce? {
  let bytes = [UInt8](text.utf8)
  return LocalAnnounce(bytes.rawBytes)
}

private func hash(_ number: Int) -> InfoHash {
  var bytes = [UInt8](repeating: 0, count: 12)
  bytes.append(bigEndian: UInt64(number))
  return InfoHash(bytes.rawBytes)
}

/// Local service discovery (BEP 14).
@Suite struct LocalDiscoveryTests {
  static let sample = "0123456789abcdef0123456789ABCDEF01234567"

  // MARK: The datagram

  @Test func theDatagramOfTheSpecification() throws {
    let hash = try #require(InfoHash(hexadecimal: Self.sample))
    let bytes = LocalAnnounce(port: 6881, infoHashes: [hash], cookie: "x1").encoded(to: LocalAnnounce.groupV4)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n"
        + "Infohash: \(Self.sample.lowercased())\r\ncookie: x1\r\n\r\n\r\n")
    #expect(LocalAnnounce.groupV6.description == "[ff15::efc0:988f]:6771")
    #expect(announce(String(decoding: bytes, as: UTF8.self))?.infoHashes == [hash])
  }

  @Test func headersMayComeInAnyOrderAndCase() throws {
    let read = announce(
      "BT-SEARCH * HTTP/1.1\nX-More: 5\ninfohash:\(Self.sample)\nPORT:  80\nInfoHash: \(Self.sample)\n\n")
    #expect(read?.port == 80 && read?.infoHashes.count == 2 && read?.cookie == nil)
  }

  @Test(arguments: [
    "", "BT-SEARCH * HTTP/1.1\r\n\r\n", "BT-SEARCH * HTTP/1.1\r\nPort: 80\r\n\r\n",
    "BT-SEARCH * HTTP/1.1\r\nInfohash: \(sample)\r\n\r\n",
    "BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: \(sample)\r\n\r\n",
    "BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\nInfohash: \(sample)\r\n\r\n",
    "BT-SEARCH * HTTP/1.1\r\nPort: -1\r\nInfohash: \(sample)\r\n\r\n",
    "BT-SEARCH * HTTP/1.1\r\nPort: 80\r\nInfohash: \(sample)00\r\n\r\n",
    "BT-SEARCH * HTTP/1.1\r\nPort: 80\r\nInfohash: zz23456789abcdef0123456789ABCDEF01234567\r\n\r\n",
    "M-SEARCH * HTTP/1.1\r\nPort: 80\r\nInfohash: \(sample)\r\n\r\n",
  ])
  func whatIsNoAnnounceIsPassedOver(_ text: String) { #expect(announce(text) == nil) }

  @Test func aFullDatagramFits() {
    let full = LocalAnnounce(port: 65535, infoHashes: (0..<100).map(hash), cookie: "0123456789abcdef")
    let bytes = full.encoded(to: LocalAnnounce.groupV6)
    #expect(bytes.count <= LocalAnnounce.maximumSize)
    #expect(announce(String(decoding: bytes, as: UTF8.self))?.infoHashes == (0..<24).map(hash))
  }

  // MARK: When

  @Test func aTorrentIsAnnouncedAtOnceAndThenEveryFiveMinutes() {
    let discovery = Discovery()
    discovery.add(hash(1))
    var times: [UInt64] = []
    for now in 0..<1000 {
      let announced = discovery.next(now: UInt64(now) * second)
      if !announced.isEmpty {
        #expect(announced == [hash(1)])
        times.append(UInt64(now))
      }
    }
    #expect(times == [0, 300, 600, 900])
  }

  @Test func manyTorrentsTakeTurns() {
    let discovery = Discovery()
    for number in 0..<200 { discovery.add(hash(number)) }
    var times: [InfoHash: [UInt64]] = [:]
    var datagrams = 0
    for now in 0..<3600 {
      let announced = discovery.next(now: UInt64(now) * second)
      if !announced.isEmpty { datagrams += 1 }
      #expect(announced.count <= 24)
      for hash in announced { times[hash, default: []].append(UInt64(now)) }
    }
    #expect(datagrams <= 4 + 60)
    #expect(times.count == 200)
    for announced in times.values {
      #expect(announced.count >= 6)
      for pair in zip(announced, announced.dropFirst()) {
        #expect(pair.1 - pair.0 >= 300 && pair.1 - pair.0 <= 700)
      }
    }
  }

  @Test func whatIsTakenOutIsAnnouncedNoMore() {
    let discovery = Discovery()
    for number in 0..<3 { discovery.add(hash(number)) }
    #expect(discovery.next(now: 0).count == 3)
    discovery.remove(hash(1))
    discovery.add(hash(5))
    discovery.remove(hash(5))
    #expect(discovery.next(now: 61 * second) == [])
    #expect(discovery.next(now: 300 * second) == [hash(0), hash(2)])
    // Out and in again: new, and only once.
    discovery.remove(hash(0))
    discovery.add(hash(0))
    #expect(discovery.next(now: 361 * second) == [hash(0)])
    #expect(discovery.next(now: 600 * second) == [hash(2)])
    #expect(discovery.next(now: 661 * second) == [hash(0)])
    #expect(discovery.count == 2)
  }

  @Test func theDeadlineIsWhenThereIsSomethingToSend() {
    let discovery = Discovery()
    #expect(discovery.deadline(now: 0) == nil)
    var now: UInt64 = 10 * second
    for number in 0..<10 {
      discovery.add(hash(number))
      let deadline = discovery.deadline(now: now) ?? 0
      #expect(deadline == now || number >= 4)
      if deadline > now + 1 { #expect(discovery.next(now: deadline - 1) == []) }
      now = max(now, deadline)
      #expect(discovery.next(now: now).first == hash(number))
    }
  }

  // MARK: What others say

  private func heard(_ discovery: Discovery, from sender: String, cookie: String? = nil, now: UInt64 = 0)
    throws
    -> Endpoint?
  {
    let announce = LocalAnnounce(port: 7000, infoHashes: [hash(1)], cookie: cookie)
    let heard = discovery.heard(
      announce.encoded(to: LocalAnnounce.groupV4), from: try #require(IPAddress(sender)), now: now)
    if let heard { #expect(heard.infoHashes == [hash(1)]) }
    return heard?.peer
  }

  @Test func othersAreHeardAndWeAreNot() throws {
    let discovery = Discovery()
    #expect(try heard(discovery, from: "10.0.0.2", cookie: "other") == Endpoint("10.0.0.2:7000"))
    #expect(try heard(discovery, from: "10.0.0.2") == Endpoint("10.0.0.2:7000"))
    #expect(try heard(discovery, from: "10.0.0.2", cookie: "mine") == nil)
  }

  @Test func aFloodIsNotListenedTo() throws {
    let discovery = Discovery()
    let taken = try (0..<1000).count { _ in try heard(discovery, from: "10.0.0.2") != nil }
    #expect(taken == 8)
    // Others still are, until there are too many of them.
    let senders = try (0..<1000).count { number in
      try heard(discovery, from: "10.1.\(number / 256).\(number % 256)") != nil
    }
    #expect(senders == 255)
    #expect(try heard(discovery, from: "10.9.9.9", now: 30 * second) != nil)
  }
}
