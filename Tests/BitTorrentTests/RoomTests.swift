import Addresses
import EventLoop
import PeerProtocol
import Testing

@testable import BitTorrent

/// Who is kept and who is tried when there is room for few.
@Suite struct RoomTests {
  private func peer(_ idle: Double, _ wasUseful: Bool, _ priority: UInt32) -> RoomRule.Peer {
    RoomRule.Peer(idleSeconds: idle, wasUseful: wasUseful, priority: priority)
  }

  @Test func theMostUselessGoesFirstWhateverItsRank() {
    let peers = [peer(5, false, 1), peer(70, true, 900), peer(20, false, 2), peer(12, true, 0)]
    #expect(RoomRule.choose(peers, newcomer: 1) == 1)
  }

  @Test func thenTheLowestRankWhereNothingMoves() {
    let peers = [
      peer(5, true, 1), peer(12, true, 30), peer(50, true, 20), peer(59, true, 40), peer(9, false, 0),
    ]
    #expect(RoomRule.choose(peers, newcomer: 35) == 2)
    #expect(RoomRule.choose(peers, newcomer: 20) == nil)
    #expect(RoomRule.choose(peers, newcomer: 21) == 2)
    #expect(RoomRule.choose([], newcomer: .max) == nil)
  }

  @Test func oneVoiceIsNotBelieved() throws {
    let (real, other) = (try #require(IPAddress("1.2.3.4")), try #require(IPAddress("5.6.7.8")))
    let voters = try (1...40).map { try #require(IPAddress("9.0.\($0).1")) }
    let externals = ExternalAddresses()
    for _ in 0..<5 { #expect(!externals.vote(real, from: voters[0])) }
    #expect(externals.address(isV4: true) == nil)
    // A tracker and a peer, or a router, are voices of different kinds.
    #expect(externals.vote(real, fromTracker: "tracker.example:80"))
    #expect(externals.address(isV4: true) == real)
    #expect(externals.address(isV4: false) == nil)
    #expect(!externals.vote(other, from: voters[2]))
    #expect(!externals.vote(fromRouter: other))
    #expect(externals.address(isV4: true) == real)
    // The latest count.
    for voter in voters { _ = externals.vote(other, from: voter) }
    #expect(externals.address(isV4: true) == other)
    // What nodes of the DHT agree on goes before that.
    externals.agreed(real)
    #expect(externals.address(isV4: true) == real)
    externals.forget()
    #expect(externals.address(isV4: true) == nil)
  }

  /// BEP 40 says who is tried first, once we know who we are.
  @Test func candidatesOfHighRankAreTriedFirst() throws {
    var book = PeerBook()
    var random = SeededGenerator(seed: 1)
    let peers = try ["98.76.54.32:1", "123.213.32.234:1", "8.8.8.8:1", "9.1.2.3:1"].map {
      try #require(Endpoint($0))
    }
    let ours = try #require(Endpoint("123.213.32.10:7"))
    for peer in peers.prefix(3) { book.add(peer, from: .tracker) }
    book.weAre(ours)
    book.add(peers[3], from: .tracker)
    var order: [UInt32] = []
    while let next = book.next(now: Instant(nanoseconds: 1), using: &random) {
      order.append(PeerPriority.of(ours, next.endpoint))
    }
    #expect(order.count == 4)
    #expect(order == order.sorted(by: >))
  }
}
