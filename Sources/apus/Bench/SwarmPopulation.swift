import Bytes
import Digest

/// Who is in which swarm, as trackers of the open internet see it: most torrents have one peer, a few very many.
///
/// The size of the torrent of rank r is C / r, at least one, with C such that the mean comes out: Zipf's law. Peers
/// are numbered; those of a torrent follow each other. No state a peer: names, ports and hashes are computed.
struct SwarmPopulation: Sendable {
  let torrents: Int
  let peers: Int
  /// For each torrent with more than one peer the number of its first peer, then the number of all those.
  private let firsts: [Int]

  /// A population of `torrents`, with `mean` peers each on average.
  init(torrents: Int, mean: Double) {
    let torrents = max(1, torrents)
    let extra = max(0, mean - 1) * Double(torrents)
    // Zipf's sum grows with C: halve until it fits.
    var (low, high) = (0.0, extra + 2)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if Self.surplus(middle, torrents) > extra { high = middle } else { low = middle }
    }
    var firsts = [0]
    for rank in 1...torrents {
      let size = Int(low / Double(rank))
      guard size > 1 else { break }
      firsts.append((firsts.last ?? 0) + size)
    }
    self.torrents = torrents
    self.firsts = firsts
    peers = (firsts.last ?? 0) + torrents - (firsts.count - 1)
  }

  /// Peers beyond the first of each torrent.
  private static func surplus(_ scale: Double, _ torrents: Int) -> Double {
    var sum = 0.0
    for rank in 1...torrents {
      let size = Int(scale / Double(rank))
      guard size > 1 else { break }
      sum += Double(size - 1)
    }
    return sum
  }

  /// The torrent of a peer. O(log of the torrents with more than one).
  func torrent(of peer: Int) -> Int {
    guard let crowd = firsts.last, peer < crowd else { return firsts.count - 1 + peer - (firsts.last ?? 0) }
    var (low, high) = (0, firsts.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firsts[middle] <= peer { low = middle } else { high = middle }
    }
    return low
  }

  /// How many peers a torrent has.
  func size(of torrent: Int) -> Int {
    torrent < firsts.count - 1 ? firsts[torrent + 1] - firsts[torrent] : 1
  }

  /// A third of all peers are seeds.
  func isSeed(_ peer: Int) -> Bool { Self.mix(UInt64(peer) &+ 0x5eed) % 3 == 0 }

  /// The port that a peer listens on; different for all peers of a torrent with fewer than 60,000.
  func port(of peer: Int) -> UInt16 { UInt16(1024 + peer % 60_000) }

  /// The 20 bytes of an info-hash, as three words.
  func hashWords(_ torrent: Int) -> (UInt64, UInt64, UInt32) {
    let seed = UInt64(torrent) &* 3
    return (Self.mix(seed), Self.mix(seed &+ 1), UInt32(truncatingIfNeeded: Self.mix(seed &+ 2)))
  }

  /// The info-hash of a torrent.
  func infoHash(_ torrent: Int) -> InfoHash? {
    let (first, second, third) = hashWords(torrent)
    var bytes: [UInt8] = []
    bytes.append(bigEndian: first)
    bytes.append(bigEndian: second)
    bytes.append(bigEndian: third)
    return InfoHash(bytes)
  }

  /// SplitMix64's finish.
  static func mix(_ number: UInt64) -> UInt64 {
    var word = number &+ 0x9e37_79b9_7f4a_7c15
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }
}
