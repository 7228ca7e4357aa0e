import Addresses
import Digest
import JSON
import Testing
import TrackerProtocol

@testable import TrackerServer

@Suite("Who gives most")
struct RankBookTests {
  /// A swarm in which every peer announces every 100 seconds.
  private struct Swarm {
    let book = RankBook()
    var now: UInt32 = 0
    var dice = Dice(state: 1)
    /// Bytes a second, sent and received, as announced.
    var peers: [Endpoint: (up: Double, down: Double)] = [:]

    mutating func pass(rounds: Int = 3) {
      for _ in 0...rounds {
        for (peer, rates) in peers {
          book.note(
            RankBook.Report(
              peer: peer, isSeed: rates.down == 0, uploaded: UInt64(rates.up * Double(now)),
              downloaded: UInt64(rates.down * Double(now))),
            in: hash(1), asks: true, now: now)
        }
        now += 100
      }
    }

    mutating func pick(_ count: Int, for asker: Endpoint = endpoint(999)) -> [Endpoint] {
      book.pick(count, for: asker, leechesOnly: false, in: hash(1), now: now, using: &dice)
    }

    /// How often each is among those named.
    mutating func shares(_ rounds: Int = 2000, of count: Int = 5) -> [Endpoint: Double] {
      var named: [Endpoint: Double] = [:]
      for _ in 0..<rounds {
        for peer in pick(count) { named[peer, default: 0] += 1 / Double(rounds * count) }
      }
      return named
    }
  }

  @Test("Nothing is known before two announces, then the best come first")
  func order() {
    var swarm = Swarm()
    for number in 0..<10 { swarm.peers[endpoint(number)] = (Double(number) * 1000, 4500) }
    #expect(swarm.pick(5) == [])
    swarm.pass(rounds: 0)
    #expect(swarm.pick(5) == [])
    swarm.pass()
    let rates = swarm.book.rates(in: hash(1), now: swarm.now)
    #expect(rates[endpoint(9)].map { abs($0 - 9000) < 10 } == true && rates[endpoint(0)] == nil)
    for _ in 0..<50 {
      let picked = swarm.pick(5)
      #expect(
        picked == picked.sorted { rates[$0] ?? 0 > rates[$1] ?? 0 } && Set(picked).count == picked.count)
    }
    let shares = swarm.shares()
    #expect((shares[endpoint(9)] ?? 0) > 2 * (shares[endpoint(2)] ?? 0) && shares[endpoint(0)] == nil)
    #expect(!swarm.pick(9, for: endpoint(9)).contains(endpoint(9)))
  }

  @Test(
    "Forgers share the top with the honest, and never have more than their share of it",
    arguments: [1, 5, 20])
  func forgers(count: Int) {
    var swarm = Swarm()
    // 40 honest peers send as much as they receive; ten of them are fast.
    for number in 0..<40 { swarm.peers[endpoint(number)] = number < 10 ? (40_000, 17_500) : (10_000, 17_500) }
    swarm.pass()
    let honest = swarm.shares()
    for number in 0..<count {
      swarm.peers[endpoint(100 + number, isV6: false)] = (1e12, 0)
    }
    swarm.pass()
    let shares = swarm.shares()
    let forged = (0..<count).reduce(0.0) { $0 + (shares[endpoint(100 + $1)] ?? 0) }
    // One of them counts as one of the fast, or as one of all if there are many.
    let bound = Double(count) / Double(count + (count > 10 ? 20 : 10))
    #expect(forged <= bound * 1.1, "\(forged) of at most \(bound)")
    // The fast still come before the slow unless there is no telling.
    if count <= 5 {
      #expect((shares[endpoint(3)] ?? 0) > 1.5 * (shares[endpoint(30)] ?? 0))
      #expect((honest[endpoint(3)] ?? 0) > 2 * (honest[endpoint(30)] ?? 0))
    }
  }

  @Test("Friends who say that they received it all make little room for claims")
  func friends() {
    var swarm = Swarm()
    for number in 0..<40 { swarm.peers[endpoint(number)] = (10_000, 10_000) }
    swarm.peers[endpoint(100)] = (1e12, 0)
    swarm.peers[endpoint(101)] = (0, 1e12)
    swarm.pass()
    let rates = swarm.book.rates(in: hash(1), now: swarm.now)
    #expect((rates[endpoint(100)] ?? 0) <= 40_010, "\(rates)")
    // Ports of one address speak once.
    var many = Swarm()
    let public1 = IPAddress("203.0.113.1") ?? .anyV4
    for number in 0..<20 {
      many.peers[Endpoint(IPAddress(v4: 0x0808_0800 + UInt32(number)), port: 1)] = (10_000, 10_000)
      many.peers[Endpoint(public1, port: UInt16(number + 1))] = (1e12, 1e12)
    }
    many.pass()
    #expect(many.book.rates(in: hash(1), now: many.now).keys.count { $0.address == public1 } == 1)
  }

  @Test("The level cuts claims down to the budget, and no lower")
  func level() {
    #expect(RankedSwarm.level([1, 2, 3], budget: 10) == .infinity)
    #expect(RankedSwarm.level([1, 2, 3], budget: 6) == 3)
    #expect(RankedSwarm.level([1, 2, 1000], budget: 6) == 3)
    #expect(RankedSwarm.level([5, 5, 5, 5], budget: 10) == 2.5)
    #expect(RankedSwarm.level([5, 5], budget: 0) == 0)
    #expect(RankedSwarm.level([], budget: 5) == .infinity)
  }

  @Test("Only swarms that somebody asks for cost anything, and not for longer than they ask")
  func watching() {
    var limits = RankBook.Limits()
    limits.lifetime = 1000
    limits.peersPerTorrent = 3
    let book = RankBook(limits: limits)
    func note(_ number: Int, _ torrent: Int, asks: Bool, now: UInt32 = 0) {
      book.note(
        RankBook.Report(peer: endpoint(number), isSeed: false, uploaded: 0, downloaded: 0), in: hash(torrent),
        asks: asks, now: now)
    }
    note(1, 1, asks: false)
    #expect(!book.isWatching(hash(1)) && book.memory == 0)
    note(1, 1, asks: true)
    #expect(book.isWatching(hash(1)))
    #expect((2..<2000).count { book.isWatching(hash($0)) } < 40)
    for number in 2..<9 { note(number, 1, asks: false) }
    #expect(book.memory == RankedSwarm.cost + 3 * RankedSwarm.peerCost)
    book.leave(endpoint(2), hash(1))
    #expect(book.memory == RankedSwarm.cost + 2 * RankedSwarm.peerCost)
    note(1, 1, asks: false, now: 1000)
    for shard in 0..<book.shardCount { book.sweep(shard: shard, now: 1000) }
    #expect(book.isWatching(hash(1)))
    for shard in 0..<book.shardCount { book.sweep(shard: shard, now: 1001) }
    #expect(!book.isWatching(hash(1)) && book.memory == 0)
    var none = RankBook.Limits()
    none.memory = 0
    #expect(RankBook(limits: none).memory == 0)
  }

  @Test("A newcomer's word counts a little, until it is measured")
  func hints() {
    var swarm = Swarm()
    for number in 0..<10 { swarm.peers[endpoint(number)] = (10_000, 10_000) }
    swarm.pass()
    swarm.book.note(
      RankBook.Report(peer: endpoint(50), isSeed: false, uploaded: 0, downloaded: 0, bandwidth: 1 << 50),
      in: hash(1), asks: false, now: swarm.now)
    let rates = swarm.book.rates(in: hash(1), now: swarm.now)
    #expect(rates[endpoint(50)].map { abs($0 - 5000) < 10 } == true, "\(rates)")
  }

  @Test("Who asks gets the best first over HTTP, others get them for half, stock clients see the same reply")
  func announces() throws {
    let tracker = TestTracker()
    func announce(_ number: Int, rate: UInt64, seconds: UInt64, extra: String = "") throws -> AnnounceReply {
      let request = AnnounceRequest(
        infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: 1, uploaded: rate * seconds,
        downloaded: 5000 * seconds, left: 1, wanted: 20)
      return try AnnounceReply(
        tracker.get("/announce", request.query + extra, from: "203.0.113.\(number)").body)
    }
    #expect(try announce(250, rate: 0, seconds: 0, extra: "&x_rank=1").extensions?.isRanked == true)
    for round in 0..<3 as Range<UInt64> {
      for number in 1...100 {
        let reply = try announce(number, rate: number > 90 ? 41_000 : 1000, seconds: round * 100)
        #expect(reply.extensions == nil && reply.peers.count <= 20)
        #expect(Set(reply.peers).count == reply.peers.count)
      }
      tracker.pass(100)
    }
    func fast(_ extra: String) throws -> Double {
      var found = 0
      for _ in 0..<40 {
        let reply = try announce(250, rate: 0, seconds: 0, extra: extra)
        #expect(reply.peers.count == 20)
        if !extra.isEmpty { #expect(reply.peers.prefix(3).allSatisfy { $0.address.bytes[3] > 90 }) }
        found += reply.peers.count { $0.address.bytes[3] > 90 }
      }
      return Double(found) / 40
    }
    let (asked, plain) = (try fast("&x_rank=1"), try fast(""))
    // Ten of 101 are fast: at random there would be two of twenty.
    #expect(asked > 6 && plain > 4 && asked > plain, "\(asked) \(plain)")
    let path = "/api/torrents/\(hash(1))"
    let report = try JSONValue(utf8: tracker.get(path, "limit=1000").body)
    let rates = (report["peers"]?.array ?? []).compactMap { $0["rate"]?.integer }
    #expect(rates.count { $0 > 30_000 } == 10, "\(rates)")
    _ = try announce(1, rate: 1000, seconds: 400, extra: "&x_name=box")
    #expect(
      String(decoding: tracker.get(path, "limit=1000").body, as: UTF8.self).contains("\"name\":\"box\""))
  }
}
