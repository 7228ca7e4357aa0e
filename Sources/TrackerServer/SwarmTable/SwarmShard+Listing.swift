import Addresses
import Bytes
import Digest
import TrackerProtocol

/// A peer as a listing shows it.
struct ListedPeer: Sendable, Equatable {
  var endpoint: Endpoint
  var isSeed: Bool
  var isPaused: Bool
  /// Seconds since its last announce.
  var age: UInt32
}

/// A swarm as a listing shows it.
struct ListedTorrent: Sendable, Equatable {
  var infoHash: InfoHash
  var counts: SwarmCounts
}

extension SwarmShard {
  /// Calls `body` for every torrent of the shard. O(slots).
  func forEachTorrent(_ body: (ListedTorrent) -> Void) {
    for index in 0..<capacity {
      let slot = slot(index)
      guard slot.state != .free else { continue }
      body(ListedTorrent(infoHash: slot.words.infoHash, counts: counts(slot)))
    }
  }

  /// Peers of a torrent in the order that they lie in, from `first` on; `nil` if the torrent is not known.
  func listPeers(
    _ words: HashWords, _ hash: UInt64, from first: Int, limit: Int, now: UInt32
  ) -> (counts: SwarmCounts, peers: [ListedPeer])? {
    let (index, isFound) = find(words, hash)
    guard isFound else { return nil }
    let slot = slot(index)
    return (counts(slot), listPeers(slot, from: first, limit: limit, now: now))
  }

  /// All torrents of the shard with all their peers.
  func forEachSwarm(now: UInt32, _ body: (ListedTorrent, [ListedPeer]) -> Void) {
    for index in 0..<capacity {
      let slot = slot(index)
      guard slot.state != .free else { continue }
      let torrent = ListedTorrent(infoHash: slot.words.infoHash, counts: counts(slot))
      body(torrent, listPeers(slot, from: 0, limit: .max, now: now))
    }
  }

  private func listPeers(_ slot: SwarmSlot, from first: Int, limit: Int, now: UInt32) -> [ListedPeer] {
    var listed: [ListedPeer] = []
    func add(_ address: PeerAddress, _ note: PeerNote) {
      listed.append(
        ListedPeer(
          endpoint: address.endpoint, isSeed: note.isSeed, isPaused: note.isPaused, age: note.age(now: now)))
    }
    if slot.state == .inline {
      for peer in slot.inline.dropFirst(first).prefix(limit) { add(peer.address, peer.note) }
      return listed
    }
    var skipped = first
    for isV6 in [false, true] {
      guard let block = slot.block(isV6: isV6) else { continue }
      let start = min(skipped, block.count)
      skipped -= start
      for position in start..<block.count {
        guard listed.count < limit else { return listed }
        add(block.address(position), block.note(position))
      }
    }
    return listed
  }
}

extension PeerAddress {
  /// The address as others know it.
  var endpoint: Endpoint {
    var bytes: [UInt8] = []
    if isV6 {
      bytes.append(bigEndian: UInt64(bigEndian: high))
      bytes.append(bigEndian: UInt64(bigEndian: low))
    } else {
      bytes.append(bigEndian: UInt32(bigEndian: UInt32(truncatingIfNeeded: low)))
    }
    return Endpoint(IPAddress(bytes.rawBytes, at: 0, isV6: isV6), port: UInt16(bigEndian: port))
  }
}

extension HashWords {
  /// The info-hash that these words came from: the other way round.
  var infoHash: InfoHash {
    unsafe withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { bytes in
      unsafe bytes.storeBytes(of: first, as: UInt64.self)
      unsafe bytes.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
      unsafe bytes.storeBytes(of: third, toByteOffset: 16, as: UInt32.self)
      return unsafe bytes.load(as: InfoHash.self)
    }
  }
}
