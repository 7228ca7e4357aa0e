public import Addresses
public import Digest
public import TrackerProtocol

/// Where in the table somebody who goes through it has got to.
public struct SwarmCursor: Sendable {
  var shard = 0
  /// Slots of that shard that are still to be seen; all of them if `nil`.
  var slots: Int?

  /// The beginning.
  public init() {}
}

/// A peer as the table knows it.
public struct SwarmMember: Sendable, Equatable {
  /// Where it announced from.
  public var endpoint: Endpoint
  /// Nothing was left to download.
  public var isSeed: Bool
  /// A partial seed (BEP 21).
  public var isPaused: Bool
  /// Seconds since it announced.
  public var age: UInt32
}

/// What a table holds in few words, whatever the order in which it came to hold it: two tables with the same digest
/// have, but for odds of 2^-64, the same torrents with the same downloads and the same peers, seeds and partial
/// seeds apart. How long ago the peers announced makes no difference.
public struct SwarmDigest: Sendable, Equatable {
  /// Torrents with peers or downloads.
  public var torrents = 0
  /// Peers of all of them.
  public var peers = 0
  /// The sum of the hashes of each of both.
  public var sum: UInt64 = 0

  /// That of an empty table.
  public init() {}
}

extension SwarmTable {
  /// Hands some torrents to `body`, about `budget` of them, from where the last call stopped, and `false` once all
  /// have been seen. What is there all the time comes at least once, rarely twice; what comes or goes meanwhile may
  /// be seen or not. Holds the lock of a shard meanwhile: `body` must be quick and not call the table.
  public func torrents(
    from cursor: inout SwarmCursor, budget: Int, _ body: (InfoHash, SwarmCounts) -> Void
  ) -> Bool {
    guard cursor.shard < shardCount else { return false }
    let start = cursor.slots
    let left = withShard(number: cursor.shard) { shard in
      let from = min(start ?? shard.torrents, shard.torrents)
      let to = max(0, from - budget)
      // From the last to the first, for the sweep moves the last to where one leaves.
      for number in (to..<from).reversed() {
        let slot = shard.slot(number)
        body(slot.infoHash, shard.counts(slot))
      }
      return to
    }
    cursor.slots = left
    if left == 0 {
      cursor.shard += 1
      cursor.slots = nil
    }
    return cursor.shard < shardCount
  }

  /// The peers of a torrent, up to `limit` of them, seeds first in each family; `nil` if the table does not know it.
  public func peers(of infoHash: InfoHash, limit: Int, now: UInt32) -> [SwarmMember]? {
    withShard(of: infoHash) { shard in
      shard.find(HashWords(infoHash), HashWords(infoHash).hash(shard.key)).map { number in
        let now = shard.current(now)
        var members: [SwarmMember] = []
        shard.forEachPeer(of: shard.slot(number)) { peer in
          guard members.count < limit else { return }
          members.append(
            SwarmMember(
              endpoint: peer.address.endpoint, isSeed: peer.note.isSeed,
              isPaused: peer.note.isPaused && !peer.note.isSeed, age: shard.clock.age(peer.note, now: now)))
        }
        return members
      }
    }
  }

  /// The digest of all that is there, shard by shard; some 20 ns a peer.
  public var digest: SwarmDigest {
    // The same everywhere, or the digests of two tables could not be compared.
    let key = TableKey(seed: 0x4170_7573)
    var digest = SwarmDigest()
    for number in 0..<shardCount {
      withShard(number: number) { shard in
        for number in 0..<shard.torrents {
          let slot = shard.slot(number)
          guard shard.population(slot) > 0 || slot.downloaded > 0 else { continue }
          let torrent = slot.words.hash(key)
          digest.torrents += 1
          digest.sum &+= key.hash(torrent, UInt64(slot.downloaded), 0)
          shard.forEachPeer(of: slot) { peer in
            let kind: UInt64 = peer.note.isSeed ? 2 : peer.note.isPaused ? 1 : 0
            digest.peers += 1
            digest.sum &+= key.hash(torrent, key.hash(peer.address), kind)
          }
        }
      }
    }
    return digest
  }
}

extension SwarmShard {
  /// Hands every peer of a torrent to `body`.
  func forEachPeer(of slot: SwarmSlot, _ body: (SwarmPeer) -> Void) {
    guard slot.hasBlocks else {
      for index in 0..<slot.inlineCount { body(slot.inline(index)) }
      return
    }
    for isV6 in [false, true] {
      guard let block = block(slot, isV6: isV6) else { continue }
      for position in 0..<block.count {
        body(SwarmPeer(address: block.address(position), note: block.note(position)))
      }
    }
  }
}
