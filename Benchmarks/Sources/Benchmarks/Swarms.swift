import Addresses
import Bytes
import Digest
import Glibc

@testable import TrackerServer

/// A tracker's table.
enum Swarms {
  static let all = [manyTorrents, largeSwarm, newTorrents, expiry, snapshot]

  /// A million torrents of one peer each, which renew in no order: what a real tracker sees most.
  private static let manyTorrents = Benchmark(
    "swarm table: announce, 1,000,000 torrents", operations: 500_000, stepped: 32
  ) {
    let table = million
    var reply = SwarmReply()
    return { count in renew(count, in: table, into: &reply) }
  }

  private static func renew(_ count: Int, in table: SwarmTable, into reply: inout SwarmReply) {
    var number = 0
    for _ in 0..<count {
      number = (number + 618_033) % torrents
      announce(number, peer: number, to: table, now: 2, into: &reply)
    }
    use(reply.counts.leeches)
  }

  private static let torrents = 1_000_000
  private static let million: SwarmTable = {
    let table = SwarmTable(seed: 1)
    var reply = SwarmReply()
    for number in 0..<torrents { announce(number, peer: number, to: table, now: 1, into: &reply) }
    return table
  }()

  /// One torrent of 10,000 peers, each of which is given 50 others.
  private static let largeSwarm = Benchmark(
    "swarm table: announce, 10,000 peers", operations: 500_000, stepped: 32
  ) {
    let table = SwarmTable(seed: 1)
    var reply = SwarmReply()
    for peer in 0..<10_000 { announce(0, peer: peer, to: table, now: 1, into: &reply) }
    return { count in askForPeers(count, of: table, into: &reply) }
  }

  private static func askForPeers(_ count: Int, of table: SwarmTable, into reply: inout SwarmReply) {
    var peer = 0
    for _ in 0..<count {
      peer = (peer + 6181) % 10_000
      announce(0, peer: peer, to: table, now: 2, into: &reply)
    }
    use(reply.peersV4.count)
  }

  /// Torrents that are new; the index grows on the way.
  private static let newTorrents = Benchmark("swarm table: a new torrent", operations: 200_000) {
    let table = SwarmTable(seed: 1)
    var reply = SwarmReply()
    return { count in fill(table, count, into: &reply) }
  }

  private static func fill(_ table: SwarmTable, _ count: Int, into reply: inout SwarmReply) {
    for number in 0..<count { announce(number, peer: number, to: table, now: 1, into: &reply) }
    use(reply.counts.leeches)
  }

  /// All torrents are past their lifetime.
  private static let expiry = Benchmark("swarm table: a torrent expires", operations: 200_000) {
    let table = SwarmTable(seed: 1)
    var reply = SwarmReply()
    fill(table, 200_000, into: &reply)
    // Shards that nobody looked at for a lifetime forget all at once.
    for shard in 0..<table.shardCount { _ = table.sweep(shard: shard, budget: 0, now: 2000) }
    return { _ in sweep(table) }
  }

  private static func sweep(_ table: SwarmTable) {
    for shard in 0..<table.shardCount { while !table.sweep(shard: shard, budget: 512, now: 3000) {} }
    precondition(table.statistics.torrents == 0)
  }

  private static let snapshot = Benchmark("swarm table: a torrent in a snapshot", operations: 200_000) {
    let table = SwarmTable(seed: 1)
    var reply = SwarmReply()
    fill(table, 200_000, into: &reply)
    return { _ in write(table) }
  }

  private static func write(_ table: SwarmTable) {
    let descriptor = open("/dev/null", O_WRONLY)
    defer { close(descriptor) }
    do throws(SnapshotFault) {
      use(try table.writeSnapshot(to: descriptor, wall: 0) { 1 }.torrents)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  private static func announce(
    _ torrent: Int, peer: Int, to table: SwarmTable, now: UInt32, into reply: inout SwarmReply
  ) {
    let endpoint = Endpoint(IPAddress(v4: 0x0b00_0000 + UInt32(peer)), port: 6881)
    let announce = SwarmAnnounce(isSeed: peer % 3 == 0, wanted: 50)
    let random = UInt64(peer) &* 0x9E37_79B9_7F4A_7C15
    do {
      try table.announce(
        infoHash(torrent), endpoint, announce, now: now, random: random, into: &reply)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  private static func infoHash(_ number: Int) -> InfoHash {
    // Twenty bytes that are spread like those of a digest.
    var words: InlineArray<5, UInt32> = .init(repeating: 0)
    for index in 0..<5 {
      words[index] = UInt32(truncatingIfNeeded: UInt64(number + index) &* 0x9E37_79B9_7F4A_7C15 >> 24)
    }
    return SHA1Digest(words.span.bytes, at: 0)
  }
}
