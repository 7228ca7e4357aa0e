public import Addresses
public import Digest
internal import Synchronization
public import TrackerProtocol

/// All swarms of a tracker: who announced lately, by info-hash.
///
/// Sans-I/O: the time comes in as whole seconds of any clock that never goes back, randomness as a
/// word. Peers are known by address and port alone. Safe for many threads: each of the shards has a
/// lock of its own. 62 bytes of memory a torrent with up to three peers of IPv4, or one of each family; in
/// larger swarms 8 to 13 bytes a peer of IPv4 and 20 to 27 of IPv6.
public final class SwarmTable: Sendable {
  fileprivate final class Shard: Sendable {
    let state: Mutex<SwarmShard>
    init(_ shard: consuming sending SwarmShard) { state = Mutex(shard) }
  }

  /// The bounds it was made with.
  public let limits: SwarmLimits
  let key: TableKey
  fileprivate let shards: [Shard]
  private let torrentCount = Atomic<Int>(0)
  private let peerCount = Atomic<Int>(0)

  /// An empty table. `seed` must not be known to those who announce; it keeps them from choosing
  /// info-hashes and addresses that all land in the same place.
  public init(limits: SwarmLimits = SwarmLimits(), shards count: Int = 64, seed: UInt64) {
    let key = TableKey(seed: seed)
    let classes = BlockClasses()
    let count = max(1, count)
    self.limits = limits
    self.key = key
    shards = (0..<count).map { _ in
      Shard(SwarmShard(key: key, limits: limits, classes: classes, sightings: limits.torrents / count))
    }
  }

  /// Enters, renews or takes out `peer` and chooses peers for it, uniformly at random. O(1) and a copy
  /// of what is returned; no allocation once `reply` has grown to its size.
  public func announce(
    _ infoHash: InfoHash, _ peer: Endpoint, _ announce: SwarmAnnounce, now: UInt32, random: UInt64,
    into reply: inout SwarmReply
  ) throws(SwarmRefusal) {
    let words = HashWords(infoHash)
    let hash = words.hash(key)
    let address = PeerAddress(peer)
    let room = room
    var dice = Dice(state: random)
    try withShard(hash) { shard throws(SwarmRefusal) in
      try shard.announce(
        words, hash, address, announce, room: room, now: now, dice: &dice, into: &reply)
    }
  }

  var room: SwarmShard.Room {
    let torrents = torrentCount.load(ordering: .relaxed)
    return SwarmShard.Room(
      torrents: torrents * 4 < limits.torrents * 3 ? .open : torrents < limits.torrents ? .narrow : .none,
      peer: peerCount.load(ordering: .relaxed) < limits.peers)
  }

  /// Forgets everything, shard by shard.
  func removeAll() {
    for number in 0..<shardCount { withShard(number: number) { $0.removeAll() } }
  }

  /// The counts of a swarm; `nil` if the table does not know it.
  public func scrape(_ infoHash: InfoHash) -> SwarmCounts? {
    let words = HashWords(infoHash)
    let hash = words.hash(key)
    return withShard(hash) { shard in shard.scrape(words, hash) }
  }

  /// Peers, without taking a lock.
  var peersAtMoment: Int { peerCount.load(ordering: .relaxed) }

  /// Torrents and peers together, without taking a lock.
  var entries: Int { torrentCount.load(ordering: .relaxed) + peersAtMoment }

  /// Shards to sweep, numbered from 0.
  public var shardCount: Int { shards.count }

  /// Forgets peers and torrents of one shard that are past their lifetime, about `budget` entries a
  /// call; true once the shard has been gone through. Holds the shard's lock meanwhile.
  public func sweep(shard number: Int, budget: Int, now: UInt32) -> Bool {
    let isRoomy = torrentCount.load(ordering: .relaxed) < limits.torrents / 2
    return with(shards[number]) { shard in shard.sweep(budget: budget, isRoomy: isRoomy, now: now) }
  }

  /// Torrents, peers and seeds in the whole table. Takes every lock for a moment.
  public var statistics: SwarmStatistics {
    var sum = SwarmStatistics()
    for shard in shards {
      let (torrents, peers, seeds) = shard.state.withLock { ($0.torrents, $0.peers, $0.seeds) }
      sum.torrents += torrents
      sum.peers += peers
      sum.seeds += seeds
    }
    return sum
  }

  func withShard<Result: Sendable, Failure: Error>(
    of infoHash: InfoHash, _ body: (inout SwarmShard) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withShard(HashWords(infoHash).hash(key), body)
  }

  func withShard<Result: Sendable, Failure: Error>(
    number: Int, _ body: (inout SwarmShard) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try with(shards[number], body)
  }

  func withShard<Result: Sendable, Failure: Error>(
    _ hash: UInt64, _ body: (inout SwarmShard) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The low half: the place within a shard comes from the high bits.
    try with(shards[Int(UInt64(UInt32(truncatingIfNeeded: hash)) * UInt64(shards.count) >> 32)], body)
  }

  private func with<Result: Sendable, Failure: Error>(
    _ shard: Shard, _ body: (inout SwarmShard) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try shard.state.withLock { state throws(Failure) in
      let (torrents, peers) = (state.torrents, state.peers)
      defer {
        if state.torrents != torrents { torrentCount.add(state.torrents - torrents, ordering: .relaxed) }
        if state.peers != peers { peerCount.add(state.peers - peers, ordering: .relaxed) }
      }
      return try body(&state)
    }
  }
}

/// What a table holds.
public struct SwarmStatistics: Sendable, Equatable {
  /// Swarms, with or without peers.
  public var torrents = 0
  /// Peers in all of them.
  public var peers = 0
  /// Those that are seeds.
  public var seeds = 0

  /// Nothing.
  public init() {}
}

extension SwarmTable {
  /// Bytes of memory that the content takes, pages begun included. Takes every lock for a moment.
  public var byteCount: Int { shards.reduce(0) { sum, shard in sum + shard.state.withLock { $0.byteCount } } }
}
