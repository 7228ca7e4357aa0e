import Addresses
import Digest
internal import Synchronization

/// Which peers give most, learnt from what announces say anyway (X4 of docs/EXTENSIONS.md).
///
/// Kept only for swarms in which somebody lately asked for it, beside the table, bounded and in shards with a lock
/// each: announces of other swarms cost a load of an atomic. Sans-I/O; seconds of any clock, randomness from the
/// caller.
final class RankBook: Sendable {
  /// Bounds; times in seconds.
  struct Limits: Sendable {
    /// Bytes of all shards; 0 ranks nobody.
    var memory = 32 << 20
    /// Peers of one swarm that are ranked.
    var peersPerTorrent = 1000
    /// After a peer's last announce, and after the last question for a swarm.
    var lifetime: UInt32 = 2760
    /// Between two new orders of one swarm.
    var refresh: UInt32 = 5
    /// Shorter spans between two announces are no measure.
    var shortest: UInt32 = 10
  }

  /// What an announce says that counts here.
  struct Report: Sendable {
    var peer: Endpoint
    var isSeed: Bool
    var uploaded: UInt64
    var downloaded: UInt64
    /// Bytes a second that it says it can send (X5).
    var bandwidth: UInt64?
  }

  private final class Shard: Sendable {
    let swarms = Mutex<[InfoHash: RankedSwarm]>([:])
    /// How many, by a hash of their info-hashes: most announces find 0 and go on.
    let marks: Atomic<UInt64> = Atomic(0)
  }

  let limits: Limits
  private let shards: [Shard]
  private let watched = Atomic<Int>(0)
  private let peers = Atomic<Int>(0)

  init(limits: Limits = Limits(), shards: Int = 64) {
    self.limits = limits
    self.shards = (0..<max(1, shards)).map { _ in Shard() }
  }

  /// Shard and mark of a torrent. Not secret: who collides on purpose only has others looked up.
  private func place(_ hash: InfoHash) -> (shard: Shard, mark: UInt64) {
    let words = HashWordsForRank(hash)
    return (shards[Int(words.low % UInt64(shards.count))], 1 << (words.high & 63))
  }

  /// Whether the swarm may be one that somebody asked for. A load or two; sometimes true for others.
  func isWatching(_ hash: InfoHash) -> Bool {
    guard watched.load(ordering: .relaxed) > 0 else { return false }
    let (shard, mark) = place(hash)
    return shard.marks.load(ordering: .relaxed) & mark != 0
  }

  /// Whether an announce is to be noted: the swarm is watched, or shall be.
  func concerns(_ hash: InfoHash, asks: Bool) -> Bool { asks ? limits.memory > 0 : isWatching(hash) }

  /// Takes in what an announce says. With `asks`, the swarm is watched from now on; else nothing happens for one
  /// that is not.
  func note(_ report: Report, in hash: InfoHash, asks: Bool, now: UInt32) {
    let (shard, mark) = place(hash)
    shard.swarms.withLock { swarms in
      if swarms[hash] == nil {
        guard asks, watched.load(ordering: .relaxed) * RankedSwarm.cost < limits.memory else { return }
        swarms[hash] = RankedSwarm()
        watched.add(1, ordering: .relaxed)
        shard.marks.store(shard.marks.load(ordering: .relaxed) | mark, ordering: .relaxed)
      }
      if asks { swarms[hash]?.askedAt = now }
      let hasRoom = peers.load(ordering: .relaxed) * RankedSwarm.peerCost < limits.memory
      let grown = swarms[hash]?.note(report, hasRoom: hasRoom, limits, now: now) ?? 0
      if grown != 0 { peers.add(grown, ordering: .relaxed) }
    }
  }

  /// A peer has left.
  func leave(_ peer: Endpoint, _ hash: InfoHash) {
    place(hash).shard.swarms.withLock { swarms in
      if swarms[hash]?.leave(peer) == true { peers.subtract(1, ordering: .relaxed) }
    }
  }

  /// Up to `count` peers, best first: drawn by what they give, so that not everybody is sent to the same few. None
  /// where nothing is known.
  func pick(
    _ count: Int, for asker: Endpoint, leechesOnly: Bool, in hash: InfoHash, now: UInt32,
    using generator: inout some RandomNumberGenerator
  ) -> [Endpoint] {
    var dice = generator
    defer { generator = dice }
    return place(hash).shard.swarms.withLock { swarms in
      swarms[hash]?.pick(
        count, for: asker, leechesOnly: leechesOnly, limits, now: now, using: &dice) ?? []
    }
  }

  var shardCount: Int { shards.count }

  /// Forgets peers and swarms of one shard whose time is over. O(peers).
  func sweep(shard number: Int, now: UInt32) {
    let shard = shards[number]
    shard.swarms.withLock { swarms in
      guard !swarms.isEmpty else { return }
      var marks: UInt64 = 0
      for hash in Array(swarms.keys) {
        guard let swarm = swarms[hash] else { continue }
        if now &- swarm.askedAt > limits.lifetime {
          swarms[hash] = nil
          watched.subtract(1, ordering: .relaxed)
          peers.subtract(swarm.count, ordering: .relaxed)
          continue
        }
        let gone = swarms[hash]?.expire(limits, now: now) ?? 0
        peers.subtract(gone, ordering: .relaxed)
        marks |= place(hash).mark
      }
      shard.marks.store(marks, ordering: .relaxed)
    }
  }

  /// Bytes a second of each peer that is believed to give something; for people.
  func rates(in hash: InfoHash, now: UInt32) -> [Endpoint: Double] {
    place(hash).shard.swarms.withLock { $0[hash]?.rates(limits, now: now) ?? [:] }
  }

  /// Swarms that somebody lately asked for.
  var swarms: Int { watched.load(ordering: .relaxed) }

  /// Bytes that the book takes, by its own account.
  var memory: Int {
    watched.load(ordering: .relaxed) * RankedSwarm.cost + peers.load(ordering: .relaxed)
      * RankedSwarm.peerCost
  }
}

/// Two words of an info-hash.
private struct HashWordsForRank {
  let high: UInt64
  let low: UInt64

  init(_ hash: InfoHash) {
    precondition(MemoryLayout<InfoHash>.size == 20)
    (high, low) = unsafe withUnsafeBytes(of: hash) { bytes in
      unsafe (
        bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      )
    }
  }
}
