import Addresses
import Digest
internal import Synchronization
import TrackerProtocol

/// Who has which pieces, as far as clients say so (X1 to X3 of docs/EXTENSIONS.md).
///
/// Soft state beside the table: only clients that speak it cost memory, which is bounded; a book that is full takes
/// no more in, and everything else goes on. Sans-I/O, safe for many threads: a lock a shard.
final class PieceBook: Sendable {
  /// Bounds; times in seconds.
  struct Limits: Sendable {
    /// Bytes of all shards, some tens of bytes an entry included.
    var memory = 64 << 20
    /// Clients of one torrent.
    var peersPerTorrent = 2000
    /// Peers named for one piece.
    var holders = 10
    /// Between two questions of a client about one torrent.
    var interval: UInt32 = 60
    /// After a client's last word, until it is forgotten.
    var lifetime: UInt32 = 2760
  }

  private struct Peer {
    var pieces: PieceSet
    var heard: UInt32
    /// When it last asked for holders.
    var asked: UInt32?

    var cost: Int { 96 + pieces.memory }
  }

  private struct Torrent {
    var peers: [Endpoint: Peer] = [:]
    static let cost = 128
  }

  private struct State {
    var torrents: [InfoHash: Torrent] = [:]
    var memory = 0
  }

  private final class Shard: Sendable {
    let state = Mutex(State())
  }

  /// What the book says to an announce.
  struct Answer: Equatable {
    /// It has not heard what the client has.
    var wantsAll = false
    var holders: [Int: [Endpoint]] = [:]
  }

  let limits: Limits
  private let shards: [Shard]

  init(limits: Limits = Limits(), shards: Int = 64) {
    self.limits = limits
    self.shards = (0..<max(1, shards)).map { _ in Shard() }
  }

  private func shard(_ hash: InfoHash) -> Shard {
    // Dictionaries have keyed hashes of their own: here it is only spread.
    shards[Int(UInt(bitPattern: hash.hashValue) % UInt(shards.count))]
  }

  /// Takes in what a client of a swarm says of its pieces, and finds who has those that it looks for. A client
  /// that says nothing of pieces is only remembered for longer, if it is known.
  func take(_ query: ExtensionQuery, of peer: Endpoint, in hash: InfoHash, now: UInt32) -> Answer {
    shard(hash).state.withLock { state in
      var answer = Answer()
      let old = state.torrents[hash]?.peers[peer]
      var pieces = query.have ?? old?.pieces
      guard query.isAboutPieces || old != nil else { return answer }
      answer.wantsAll = pieces == nil
      if let got = query.got, let known = pieces { pieces = known.union(got) }
      if let lost = query.lost, let known = pieces { pieces = known.subtracting(lost) }
      let mayAsk = old?.asked.map { now &- $0 >= limits.interval } ?? true
      if !query.need.isEmpty, mayAsk {
        answer.holders = holders(of: query.need, for: peer, state.torrents[hash])
      }
      let asked = query.need.isEmpty || !mayAsk ? old?.asked : now
      let entry = Peer(pieces: pieces ?? PieceSet(), heard: now, asked: asked)
      if !put(entry, of: peer, in: hash, &state) { answer.wantsAll = false }
      return answer
    }
  }

  private func put(_ entry: Peer, of peer: Endpoint, in hash: InfoHash, _ state: inout State) -> Bool {
    let old = state.torrents[hash]?.peers[peer]
    let isNewTorrent = state.torrents[hash] == nil
    let growth = entry.cost - (old?.cost ?? 0) + (isNewTorrent ? Torrent.cost : 0)
    let isCrowded = old == nil && (state.torrents[hash]?.peers.count ?? 0) >= limits.peersPerTorrent
    guard !isCrowded, growth <= 0 || state.memory + growth <= limits.memory / shards.count else {
      // What is known of it is out of date.
      Self.remove(peer, from: hash, &state)
      return false
    }
    state.memory += growth
    state.torrents[hash, default: Torrent()].peers[peer] = entry
    return true
  }

  /// Up to so many peers for each piece, each that has it as likely as the others.
  private func holders(of pieces: [Int], for asker: Endpoint, _ torrent: Torrent?) -> [Int: [Endpoint]] {
    var found: [Int: [Endpoint]] = [:]
    var seen: [Int: Int] = [:]
    for (endpoint, peer) in torrent?.peers ?? [:] where endpoint != asker {
      for piece in pieces where peer.pieces.contains(piece) {
        let count = seen[piece, default: 0]
        seen[piece] = count + 1
        if count < limits.holders {
          found[piece, default: []].append(endpoint)
        } else {
          let place = Int.random(in: 0...count)
          if place < limits.holders { found[piece]?[place] = endpoint }
        }
      }
    }
    return found
  }

  /// A client has left.
  func leave(_ peer: Endpoint, _ hash: InfoHash) {
    shard(hash).state.withLock { Self.remove(peer, from: hash, &$0) }
  }

  private static func remove(_ peer: Endpoint, from hash: InfoHash, _ state: inout State) {
    guard let old = state.torrents[hash]?.peers.removeValue(forKey: peer) else { return }
    state.memory -= old.cost
    guard state.torrents[hash]?.peers.isEmpty == true else { return }
    state.torrents[hash] = nil
    state.memory -= Torrent.cost
  }

  var shardCount: Int { shards.count }

  /// Forgets those of one shard that have not been heard of for a lifetime. O(entries).
  func sweep(shard: Int, now: UInt32) {
    shards[shard].state.withLock { state in
      for (hash, torrent) in state.torrents {
        for (endpoint, peer) in torrent.peers where now &- peer.heard > limits.lifetime {
          Self.remove(endpoint, from: hash, &state)
        }
      }
    }
  }

  /// Bytes that the book takes, by its own account.
  var memory: Int { shards.reduce(0) { $0 + $1.state.withLock { $0.memory } } }
}

extension PieceBook {
  /// What is known of the pieces of one torrent.
  struct Summary: Equatable {
    /// Clients that say what they have.
    var reporting = 0
    /// The highest piece that anybody short of a seed has, and one.
    var highest = 0
    /// Pieces below that which fewest have, with how many do.
    var rarest: [(piece: Int, holders: Int)] = []
    /// How many pieces each has; no more than there are below `highest`.
    var counts: [Endpoint: Int] = [:]

    static func == (one: Summary, other: Summary) -> Bool {
      one.reporting == other.reporting && one.highest == other.highest && one.counts == other.counts
        && one.rarest.elementsEqual(other.rarest, by: ==)
    }
  }

  /// Sums up a torrent. O(pieces · ranges): for people, not for clients.
  func summary(of hash: InfoHash) -> Summary {
    let sets = shard(hash).state.withLock { $0.torrents[hash]?.peers.mapValues(\.pieces) ?? [:] }
    var summary = Summary(reporting: sets.count)
    summary.highest = sets.values.map(\.upperBound).filter { $0 < PieceSet.limit }.max() ?? 0
    var changes = [Int](repeating: 0, count: summary.highest + 1)
    for (endpoint, set) in sets {
      var count = 0
      for range in set.ranges {
        let range = range.clamped(to: 0..<summary.highest)
        count += range.count
        changes[range.lowerBound] += 1
        changes[range.upperBound] -= 1
      }
      summary.counts[endpoint] = count
    }
    var holders = 0
    var all: [(piece: Int, holders: Int)] = []
    for piece in 0..<summary.highest {
      holders += changes[piece]
      all.append((piece, holders))
    }
    summary.rarest = Array(all.sorted { ($0.holders, $0.piece) < ($1.holders, $1.piece) }.prefix(10))
    return summary
  }
}
