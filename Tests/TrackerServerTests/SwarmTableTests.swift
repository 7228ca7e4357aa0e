import Addresses
import Digest
import Testing
import TrackerProtocol

@testable import TrackerServer

@Suite("The swarm table")
struct SwarmTableTests {
  func reply(
    _ table: SwarmTable, _ torrent: Int, _ peer: Endpoint, isSeed: Bool = false,
    _ event: AnnounceEvent = .regular, wanted: Int = 50, now: UInt32 = 0, random: UInt64 = 1
  ) throws -> SwarmReply {
    var reply = SwarmReply()
    let announce = SwarmAnnounce(isSeed: isSeed, event: event, wanted: wanted)
    try table.announce(hash(torrent), peer, announce, now: now, random: random, into: &reply)
    return reply
  }

  func sweepAll(_ table: SwarmTable, now: UInt32, budget: Int = 100) {
    for _ in 0..<2 {
      for shard in 0..<table.shardCount {
        while !table.sweep(shard: shard, budget: budget, now: now) {}
      }
    }
  }

  @Test("Peers of both families come in one reply, never the asker")
  func families() throws {
    let table = SwarmTable(seed: 1)
    let v4 = endpoint(1)
    let v6 = endpoint(1, isV6: true)
    #expect(try reply(table, 1, v4).peers == [])
    #expect(try reply(table, 1, v6).peers == [v4])
    #expect(try reply(table, 1, v4).peers == [v6])
    for number in 2..<6 { _ = try reply(table, 1, endpoint(number, isV6: number % 2 == 0)) }
    #expect(try reply(table, 1, v4).peers.count == 5)
    #expect(try !reply(table, 1, v6).peers.contains(v6))
    #expect(try reply(table, 2, v4).peers == [], "another torrent is another swarm")
  }

  @Test("Exactly as many peers as wanted, 0 and 1 and odd numbers too", arguments: [2, 3, 7, 64, 65, 300])
  func wanted(population: Int) throws {
    let table = SwarmTable(seed: 2)
    for number in 0..<population { _ = try reply(table, 1, endpoint(number, isV6: number % 3 == 0)) }
    for wanted in [0, 1, 2, 3, 5, population - 2, population - 1, population, 1000] {
      for random in 0..<6 as Range<UInt64> {
        let peers = try reply(table, 1, endpoint(1), wanted: wanted, random: random).peers
        #expect(peers.count == min(wanted, population - 1))
        #expect(Set(peers).count == peers.count)
        #expect(!peers.contains(endpoint(1)))
      }
    }
  }

  @Test("Seeds and partial seeds get leeches only, those who stop get nobody")
  func seeds() throws {
    let table = SwarmTable(seed: 3)
    for number in 0..<20 { _ = try reply(table, 1, endpoint(number), isSeed: number < 12) }
    let leeches = Set((12..<20).map { endpoint($0) })
    #expect(try Set(reply(table, 1, endpoint(3), isSeed: true).peers) == leeches)
    #expect(try reply(table, 1, endpoint(15)).peers.count == 19)
    let paused = try reply(table, 1, endpoint(15), .paused)
    #expect(Set(paused.peers) == leeches.subtracting([endpoint(15)]))
    #expect(paused.counts == SwarmCounts(seeds: 12, leeches: 8, downloaded: 0, downloaders: 7))
    let stopped = try reply(table, 1, endpoint(15), .stopped)
    #expect(stopped.peers == [])
    #expect(stopped.counts.leeches == 7)
    #expect(try reply(table, 9, endpoint(15), .stopped).counts == SwarmCounts())
    #expect(table.scrape(hash(9)) == nil, "leaving a torrent that nobody knows does not make it known")
  }

  @Test("downloaded counts completions, not repetitions nor seeds that come back")
  func downloaded() throws {
    let table = SwarmTable(seed: 4)
    func count() -> Int? { table.scrape(hash(1))?.downloaded }
    _ = try reply(table, 1, endpoint(1), isSeed: true, .started)
    #expect(count() == 0)
    _ = try reply(table, 1, endpoint(2), .started)
    _ = try reply(table, 1, endpoint(2), isSeed: true, .completed)
    _ = try reply(table, 1, endpoint(2), isSeed: true, .completed)
    #expect(count() == 1)
    _ = try reply(table, 1, endpoint(3), .completed)
    #expect(count() == 1, "something is left to download")
    _ = try reply(table, 1, endpoint(1), isSeed: true, .completed)
    #expect(count() == 1, "it was a seed")
    for number in 10..<20 {
      _ = try reply(table, 1, endpoint(number), .started)
      _ = try reply(table, 1, endpoint(number), isSeed: true, .completed)
    }
    #expect(count() == 11)
    // The count outlives the peers, for a day.
    sweepAll(table, now: 10_000)
    #expect(table.scrape(hash(1)) == SwarmCounts(downloaded: 11, downloaders: 0))
    sweepAll(table, now: 90_000)
    #expect(table.scrape(hash(1)) == nil)
  }

  @Test("Peers are forgotten after their lifetime, a little at a time, and the memory with them")
  func expiry() throws {
    let table = SwarmTable(shards: 4, seed: 5)
    for torrent in 0..<200 {
      for number in 0..<(torrent % 7 == 0 ? 150 : torrent % 4) {
        _ = try reply(table, torrent, endpoint(number, isV6: number % 5 == 0), now: UInt32(number % 2 * 1000))
      }
    }
    let before = table.statistics
    sweepAll(table, now: table.limits.peerLifetime, budget: 3)
    #expect(table.statistics.peers == before.peers)
    sweepAll(table, now: table.limits.peerLifetime + 1, budget: 3)
    #expect(table.statistics.peers > 0 && table.statistics.peers < before.peers)
    sweepAll(table, now: table.limits.peerLifetime + 1001, budget: 3)
    #expect(table.statistics == SwarmStatistics())
  }

  @Test("A budget bounds what one sweep looks at")
  func sweepBudget() throws {
    let table = SwarmTable(shards: 1, seed: 6)
    for number in 0..<1000 { _ = try reply(table, 1, endpoint(number)) }
    _ = try reply(table, 1, endpoint(0), now: 2000)
    var calls = 0
    while !table.sweep(shard: 0, budget: 100, now: 3000) {
      calls += 1
      #expect(table.statistics.peers >= 1000 - calls * 100)
    }
    #expect(calls >= 9)
    #expect(table.statistics.peers == 1)
    // After a silence longer than any lifetime there is nothing to look at.
    #expect(table.sweep(shard: 0, budget: 1, now: 2000 + 3000))
    #expect(table.statistics == SwarmStatistics())
  }

  @Test("At its bounds the table answers, but takes nobody in")
  func bounds() throws {
    var limits = SwarmLimits()
    limits.torrents = 5
    limits.peers = 40
    limits.peersPerTorrent = 10
    let table = SwarmTable(limits: limits, seed: 7)
    for number in 0..<20 { _ = try reply(table, 0, endpoint(number)) }
    #expect(table.statistics.peers == 10)
    #expect(try reply(table, 0, endpoint(19)).peers.count == 10, "a stranger is answered")
    #expect(try reply(table, 0, endpoint(3)).peers.count == 9, "a member is renewed")
    for torrent in 1..<5 {
      for number in 0..<20 { _ = try reply(table, torrent, endpoint(number)) }
    }
    #expect(table.statistics.peers == 40)
    #expect(try reply(table, 5, endpoint(1)).isProvisional)
    #expect(throws: SwarmRefusal.tooManyTorrents) { try reply(table, 5, endpoint(1)) }
    #expect(table.statistics.torrents == 5)
    _ = try reply(table, 1, endpoint(1), .stopped)
    #expect(table.statistics.peers == 39)
  }

  @Test("Every peer is as likely as the others, alone and in a window (chi-square)", arguments: [1, 10])
  func uniform(wanted: Int) throws {
    let table = SwarmTable(seed: 8)
    let population = 300
    for number in 0..<population {
      _ = try reply(table, 1, endpoint(number, isV6: number % 3 == 0), isSeed: number % 4 == 0)
    }
    // A leech in the middle of things asks.
    let asker = endpoint(133)
    var dice = Dice(state: 99)
    var counts: [Endpoint: Int] = [:]
    let rounds = 15_000
    for _ in 0..<rounds {
      for peer in try reply(table, 1, asker, wanted: wanted, random: dice.next()).peers {
        counts[peer, default: 0] += 1
      }
    }
    #expect(counts.count == population - 1)
    let expected = Double(rounds * wanted) / Double(population - 1)
    let chiSquare = counts.values.reduce(0) { sum, count in
      let difference = Double(count) - expected
      return sum + difference * difference / expected
    }
    // Mean n - wanted; neighbours in a window go together, which widens the spread. Five deviations.
    let freedom = Double(population - 1 - wanted)
    let deviation = (2 * freedom * max(1, 2 * Double(wanted) / 3)).squareRoot()
    #expect(chiSquare < freedom + 5 * deviation)
    #expect(chiSquare > freedom - 5 * deviation)
  }

  @Test("A hundred thousand torrents with one peer each stay within their memory", .timeLimit(.minutes(1)))
  func manyTorrents() throws {
    let table = SwarmTable(seed: 9)
    var reply = SwarmReply()
    let count = 100_000
    for number in 0..<count {
      try table.announce(
        hash(number), endpoint(number), SwarmAnnounce(isSeed: false, wanted: 10), now: 1,
        random: UInt64(number), into: &reply)
    }
    #expect(
      table.statistics
        == {
          var sum = SwarmStatistics()
          sum.torrents = count
          sum.peers = count
          return sum
        }())
    // 56 and an index; a page each begun by 64 shards in each of the two.
    #expect(table.byteCount < count * 64 + 64 * 8192)
    for number in stride(from: 0, to: count, by: 997) { #expect(table.scrape(hash(number))?.leeches == 1) }
  }
}
