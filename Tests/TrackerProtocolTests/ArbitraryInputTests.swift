import Testing

@testable import TrackerProtocol

@Suite("Arbitrary input")
struct ArbitraryInputTests {
  @Test("Damaged requests and replies are taken or refused, never fatal", arguments: 0..<8 as Range<UInt64>)
  func damaged(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let samples =
      [
        AnnounceRequest(infoHash: hash, peerID: peerID, port: 1, left: 5, wanted: 3).query
          + "&ip=10.0.0.1&ipv6=[2001:db8::1]:5",
        "info_hash=%01%02&info_hash=",
      ].map { [UInt8]($0.utf8) } + [
        AnnounceReply(interval: 5, minimumInterval: 3, peersV4: [1, 2, 3, 4, 5, 6], trackerID: [1]).encoded(
          compact: true),
        AnnounceReply(interval: 5, peersV4: [1, 2, 3, 4, 5, 6]).encoded(compact: false),
        TrackerFault.encoded(reason: "no", retryIn: .minutes(3)),
        ScrapeReply(swarms: [hash: SwarmCounts(seeds: 1)]).encoded(),
      ]
    var refused = 0
    for _ in 0..<3000 {
      var bytes = samples.randomElement(using: &generator) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<max(1, bytes.count), using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 1 where place < bytes.count: bytes.remove(at: place)
        case 2: bytes.removeLast(bytes.count - place)
        default: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &generator) }
        }
      }
      if (try? AnnounceRequest(query: bytes)) == nil { refused += 1 }
      if let reply = try? AnnounceReply(bytes) {
        #expect(reply.peers.allSatisfy { $0.port != 0 })
        #expect(reply.interval >= 0)
      }
      _ = try? ScrapeRequest(query: bytes)
      _ = try? ScrapeReply(bytes)
    }
    #expect(refused > 0)
  }
}
