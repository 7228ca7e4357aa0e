import Addresses
import Digest
import Testing
import TrackerProtocol

@testable import TrackerServer

@Suite("What a swarm table holds")
struct SwarmContentTests {
  struct Entry {
    var torrent: Int
    var peer: Endpoint
    var isSeed: Bool
    var event: AnnounceEvent = .regular
  }

  func table(_ entries: [Entry], shards: Int = 4, seed: UInt64 = 1, now: UInt32 = 7) throws -> SwarmTable {
    let table = SwarmTable(shards: shards, seed: seed)
    var reply = SwarmReply()
    for entry in entries {
      try table.announce(
        hash(entry.torrent), entry.peer, SwarmAnnounce(isSeed: entry.isSeed, event: entry.event, wanted: 0),
        now: now, random: 1, into: &reply)
    }
    return table
  }

  var entries: [Entry] {
    (0..<300).map { number in
      Entry(
        torrent: number % 23 * (number % 2), peer: endpoint(number, isV6: number % 5 == 0),
        isSeed: number % 3 == 0, event: number % 3 == 0 ? .completed : number % 7 == 0 ? .paused : .regular)
    }
  }

  @Test("Two tables with the same content have the same digest, however it came")
  func digest() throws {
    let entries = entries
    let one = try table(entries).digest
    #expect(one.peers == 300)
    #expect(one.torrents == 23)
    #expect(try table(entries.reversed(), shards: 9, seed: 77, now: 2000).digest == one)
    // Whoever left makes no difference.
    let guest = Entry(torrent: 5, peer: endpoint(999), isSeed: false)
    var stopped = guest
    stopped.event = .stopped
    #expect(try table(entries + [guest]).digest != one)
    #expect(try table(entries + [guest, stopped]).digest == one)
  }

  @Test("Each detail makes a difference to the digest")
  func digestDetails() throws {
    let base = Entry(torrent: 1, peer: endpoint(1), isSeed: false)
    let reference = try table([base]).digest
    var others = Array(repeating: base, count: 5)
    others[0].torrent = 2
    others[1].peer = endpoint(1, isV6: true)
    others[2].isSeed = true
    others[3].event = .paused
    (others[4].isSeed, others[4].event) = (true, .completed)
    let digests = try others.map { try table([$0]).digest.sum } + [reference.sum, SwarmDigest().sum]
    #expect(Set(digests).count == 7)
  }

  @Test("Going through the table meets every torrent, also while others leave", arguments: [1, 7, 1000])
  func cursor(budget: Int) throws {
    var all: [Entry] = []
    for torrent in 0..<500 { all.append(Entry(torrent: torrent, peer: endpoint(torrent), isSeed: false)) }
    let table = try table(all, now: 10)
    var reply = SwarmReply()
    // Even torrents stay.
    for torrent in stride(from: 0, to: 500, by: 2) {
      try table.announce(
        hash(torrent), endpoint(torrent), SwarmAnnounce(isSeed: true, wanted: 0), now: 2700, random: 1,
        into: &reply)
    }
    var seen: [InfoHash: Int] = [:]
    var cursor = SwarmCursor()
    var turn = 0
    while table.torrents(
      from: &cursor, budget: budget, { hash, counts in seen[hash, default: 0] += counts.seeds })
    {
      _ = table.sweep(shard: turn % table.shardCount, budget: 5, now: 3000)
      turn += 1
    }
    #expect(!table.torrents(from: &cursor, budget: budget) { _, _ in Issue.record("after the end") })
    for torrent in stride(from: 0, to: 500, by: 2) { #expect(seen[hash(torrent)] ?? 0 >= 1) }
  }

  @Test("The members of a swarm, with their age", arguments: [2, 3, 40, 400])
  func members(count: Int) throws {
    let table = try table(
      (0..<count).map { Entry(torrent: 1, peer: endpoint($0, isV6: $0 % 4 == 3), isSeed: $0 % 2 == 0) })
    let members = try #require(table.peers(of: hash(1), limit: .max, now: 107))
    #expect(Set(members.map(\.endpoint)) == Set((0..<count).map { endpoint($0, isV6: $0 % 4 == 3) }))
    #expect(members.count { $0.isSeed } == (count + 1) / 2)
    #expect(members.allSatisfy { $0.age == 100 && !$0.isPaused })
    #expect(table.peers(of: hash(1), limit: 2, now: 107)?.count == 2)
    #expect(table.peers(of: hash(2), limit: 2, now: 107) == nil)
  }
}
