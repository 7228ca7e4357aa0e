import Addresses
import Digest
import Testing
import TrackerProtocol

@testable import TrackerServer

/// The table's behaviour, spelled out with dictionaries.
private struct NaiveSwarms {
  struct Peer {
    var time: UInt32
    var isSeed: Bool
    var isPaused: Bool
    var hasCompleted: Bool
  }

  struct Swarm {
    var peers: [Endpoint: Peer] = [:]
    var downloaded = 0
    var lastSeen: UInt32 = 0
  }

  var swarms: [Int: Swarm] = [:]
  let limits: SwarmLimits

  mutating func announce(_ torrent: Int, _ peer: Endpoint, _ announce: SwarmAnnounce, now: UInt32) {
    guard announce.event != .stopped else {
      swarms[torrent]?.peers[peer] = nil
      return
    }
    var swarm = swarms[torrent] ?? Swarm()
    let old = swarm.peers[peer]
    let completes =
      announce.event == .completed && announce.isSeed && old?.isSeed != true && old?.hasCompleted != true
    swarm.peers[peer] = Peer(
      time: now, isSeed: announce.isSeed, isPaused: announce.event == .paused,
      hasCompleted: completes || old?.hasCompleted == true)
    if completes { swarm.downloaded += 1 }
    swarm.lastSeen = now
    swarms[torrent] = swarm
  }

  func counts(_ torrent: Int) -> SwarmCounts {
    guard let swarm = swarms[torrent] else { return SwarmCounts() }
    let leeches = swarm.peers.values.filter { !$0.isSeed }
    return SwarmCounts(
      seeds: swarm.peers.count - leeches.count, leeches: leeches.count, downloaded: swarm.downloaded,
      downloaders: leeches.count { !$0.isPaused })
  }

  func candidates(_ torrent: Int, for asker: Endpoint, leechesOnly: Bool) -> Set<Endpoint> {
    Set((swarms[torrent]?.peers ?? [:]).filter { $0.key != asker && !(leechesOnly && $0.value.isSeed) }.keys)
  }

  mutating func expire(now: UInt32) {
    for (torrent, swarm) in swarms {
      swarms[torrent]?.peers = swarm.peers.filter { now &- $0.value.time <= limits.peerLifetime }
      if swarms[torrent]?.peers.isEmpty == true,
        swarm.downloaded == 0 || now &- swarm.lastSeen > limits.torrentLifetime
      {
        swarms[torrent] = nil
      }
    }
  }
}

@Suite("The swarm table against a model")
struct SwarmModelTests {
  @Test("Random operations leave table and model alike", arguments: 0..<24)
  func random(seed: Int) throws {
    var dice = Dice(state: UInt64(seed))
    let table = SwarmTable(shards: [1, 2, 16][seed % 3], seed: dice.next())
    var model = NaiveSwarms(limits: table.limits)
    let torrents = [3, 40, 400][seed / 3 % 3]
    let peers = [4, 30, 400][seed / 9 % 3]
    // The clocks of peers and torrents go round many times, and so does that of the table.
    var now: UInt32 = seed % 2 == 0 ? 5000 : .max - 10_000
    var reply = SwarmReply()
    for _ in 0..<12 {
      for _ in 0..<600 {
        let torrent = dice.below(10) < 3 ? 0 : dice.below(torrents)
        let peer = endpoint(dice.below(peers), isV6: dice.below(3) == 0)
        let events: [AnnounceEvent] = [.regular, .regular, .started, .stopped, .completed, .paused]
        let announce = SwarmAnnounce(
          isSeed: dice.below(3) == 0, event: events[dice.below(events.count)], wanted: dice.below(60))
        try table.announce(hash(torrent), peer, announce, now: now, random: dice.next(), into: &reply)
        model.announce(torrent, peer, announce, now: now)

        var expected = model.counts(torrent)
        // A torrent that everybody left may have been let go of by a sweep in between, or not.
        if expected == SwarmCounts(downloaders: 0) || model.swarms[torrent] == nil {
          expected.downloaders = reply.counts.downloaders
        }
        #expect(reply.counts == expected)
        let leechesOnly = announce.isSeed || announce.event == .paused
        let candidates = model.candidates(torrent, for: peer, leechesOnly: leechesOnly)
        let given = reply.peers
        #expect(Set(given).count == given.count)
        #expect(candidates.isSuperset(of: given))
        #expect(given.count == (announce.event == .stopped ? 0 : min(announce.wanted, candidates.count)))
        // A sweep in between forgets nobody yet, but may be anywhere in a swarm when time passes.
        if dice.below(50) == 0 {
          _ = table.sweep(shard: dice.below(table.shardCount), budget: dice.below(40), now: now)
        }
      }
      now &+= UInt32(dice.below(Int(table.limits.peerLifetime) * 4 / 5))
      if dice.below(6) == 0 { now &+= 90_000 }
      for _ in 0..<2 {
        for shard in 0..<table.shardCount {
          while !table.sweep(shard: shard, budget: 1 + dice.below(30), now: now) {}
        }
      }
      model.expire(now: now)
      var sum = SwarmStatistics()
      for torrent in 0..<torrents {
        let counts = table.scrape(hash(torrent))
        #expect(counts == (model.swarms[torrent] == nil ? nil : model.counts(torrent)))
        sum.torrents += counts == nil ? 0 : 1
        sum.peers += (counts?.seeds ?? 0) + (counts?.leeches ?? 0)
        sum.seeds += counts?.seeds ?? 0
      }
      #expect(table.statistics == sum)
    }
  }

  @Test("Torrents come and go while the index grows and shrinks", arguments: 0..<4)
  func index(seed: Int) throws {
    var dice = Dice(state: UInt64(seed))
    let table = SwarmTable(shards: 1, seed: dice.next())
    var reply = SwarmReply()
    var announced: [Int: UInt32] = [:]
    var now: UInt32 = 1
    for round in 0..<24 {
      // Few and many by turns: up to 20,000 torrents and down to some hundred.
      for _ in 0..<[200, 9000][round / 4 % 2] {
        let torrent = dice.below(20_000)
        try table.announce(
          hash(torrent), endpoint(torrent), SwarmAnnounce(isSeed: true, wanted: 0), now: now, random: 1,
          into: &reply)
        announced[torrent] = now
        #expect(reply.counts.seeds == 1)
        if dice.below(8) == 0 { _ = table.sweep(shard: 0, budget: 1 + dice.below(5), now: now) }
      }
      now += 1000
      for _ in 0..<2 { while !table.sweep(shard: 0, budget: 1 + dice.below(9), now: now) {} }
      announced = announced.filter { now - $0.value <= table.limits.peerLifetime }
      #expect(table.statistics.torrents == announced.count)
      for torrent in 0..<20_000 where (table.scrape(hash(torrent)) != nil) != (announced[torrent] != nil) {
        Issue.record("torrent \(torrent) in round \(round)")
      }
    }
  }
}
