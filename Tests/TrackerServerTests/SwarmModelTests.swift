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
    let wasSeed = swarm.peers[peer]?.isSeed == true
    swarm.peers[peer] = Peer(time: now, isSeed: announce.isSeed, isPaused: announce.event == .paused)
    if announce.event == .completed, announce.isSeed, !wasSeed { swarm.downloaded += 1 }
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
    // Near the point where the 24 bits of the clock go round.
    var now: UInt32 = seed % 2 == 0 ? 5000 : 0xff_f000
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
        if model.swarms[torrent] == nil { expected.downloaders = reply.counts.downloaders }
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
}
