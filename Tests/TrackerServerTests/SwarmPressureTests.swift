import Addresses
import Digest
import Testing
import TrackerProtocol

@testable import TrackerServer

@Suite("A swarm table under pressure")
struct SwarmPressureTests {
  func announce(
    _ table: SwarmTable, _ torrent: Int, _ peer: Int = 1, now: UInt32 = 0
  ) throws -> SwarmReply {
    var reply = SwarmReply()
    try table.announce(
      hash(torrent), endpoint(peer), SwarmAnnounce(isSeed: false, wanted: 50), now: now,
      random: UInt64(torrent), into: &reply)
    return reply
  }

  func limits(_ torrents: Int) -> SwarmLimits {
    var limits = SwarmLimits()
    limits.torrents = torrents
    return limits
  }

  @Test("Above three quarters of the bound a new torrent enters on its second announce, by whomever")
  func second() throws {
    let table = SwarmTable(limits: limits(1000), seed: 1)
    for torrent in 0..<748 { #expect(try !announce(table, torrent).isProvisional) }
    for torrent in 748..<900 { _ = try announce(table, torrent) }
    #expect(table.statistics.torrents < 760, "a few may be taken for known")
    let first = try announce(table, 5000)
    #expect(first.isProvisional)
    #expect(first.counts == SwarmCounts(leeches: 1, downloaded: 0, downloaders: 1))
    #expect(try !announce(table, 5000, 2).isProvisional)
    #expect(try announce(table, 5000, 3).peers == [endpoint(2)])
    #expect(try !announce(table, 3, 2).isProvisional, "those that are known are served as ever")
  }

  @Test("What came once is forgotten after a while")
  func ages() throws {
    let table = SwarmTable(limits: limits(8), seed: 1)
    for torrent in 0..<8 { _ = try announce(table, torrent, now: 0) }
    #expect(try announce(table, 100, now: 10).isProvisional)
    _ = try announce(table, 0, now: 900)
    #expect(try announce(table, 100, now: 1900).isProvisional)
    #expect(throws: Never.self) { try announce(table, 100, now: 2000) }
  }

  @Test(
    "A flood of random torrents leaves memory bounded and those who are in served", .timeLimit(.minutes(2)))
  func flood() throws {
    let bound = 40_000
    let table = SwarmTable(limits: limits(bound), seed: 2)
    for torrent in 0..<5000 { _ = try announce(table, torrent) }
    var refused = 0
    for torrent in 10_000..<400_000 {
      do { _ = try announce(table, torrent, now: UInt32(torrent / 40_000)) } catch { refused += 1 }
    }
    #expect(table.statistics.torrents <= bound)
    #expect(table.statistics.torrents >= bound * 3 / 4)
    // 62 bytes a torrent, the filter, and a page begun here and there.
    #expect(table.byteCount < bound * 64 + 64 * 4 * 4096)
    #expect(refused < 20_000, "only who insists is refused")
    for torrent in 0..<5000 { #expect(try announce(table, torrent, 2, now: 10).peers == [endpoint(1)]) }
    // An honest newcomer gets in within two announces.
    #expect(try announce(table, 500_000, now: 11).isProvisional)
    // The flood is over; so is its memory, but for a page here and there.
    for shard in 0..<table.shardCount { while !table.sweep(shard: shard, budget: 512, now: 2770) {} }
    for shard in 0..<table.shardCount { while !table.sweep(shard: shard, budget: 512, now: 2770) {} }
    #expect(table.statistics.torrents <= 5000)
    #expect(table.byteCount < 5000 * 64 + 64 * 11 * 4096)
  }

  @Test("A swarm that grows and shrinks again gives its memory back", arguments: [false, true])
  func shrinking(isV6: Bool) throws {
    let table = SwarmTable(shards: 1, seed: 3)
    var reply = SwarmReply()
    let count = 70_000
    var time: UInt32 = 0
    for number in Array(0..<count) + Array(0..<9) {
      if number == 0 { time += 1000 }
      try table.announce(
        hash(1), endpoint(number, isV6: isV6), SwarmAnnounce(isSeed: number % 2 == 0, wanted: 0),
        now: time, random: 1, into: &reply)
      if number == count - 1 { #expect(table.byteCount < count * (isV6 ? 34 : 20)) }
    }
    #expect(reply.counts.seeds + reply.counts.leeches == count)
    while !table.sweep(shard: 0, budget: 1000, now: 3800) {}
    #expect(table.scrape(hash(1)).map { $0.seeds + $0.leeches } == 9)
    #expect(table.byteCount < 16 * 4096)
    let left = try #require(table.peers(of: hash(1), limit: 100, now: 3800))
    #expect(Set(left.map(\.endpoint)) == Set((0..<9).map { endpoint($0, isV6: isV6) }))
  }
}
