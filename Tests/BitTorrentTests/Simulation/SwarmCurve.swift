@testable import BitTorrent

/// What the uplinks of a swarm did over time, and why those that did nothing did nothing: sampled at equal
/// intervals while somebody still lacks something.
struct SwarmCurve {
  /// What an uplink does at one moment.
  enum Use: Int, CaseIterable {
    /// It sends.
    case busy
    /// Its owner has nothing, or nobody connected wants what it has.
    case unwanted
    /// Some want what it has, all of them are choked.
    case choking
    /// Those who may ask have not asked for anything.
    case unasked
    /// Blocks are on their way to all who asked: their downlinks, or the round trip, are what is waited for.
    case inFlight
  }

  /// One sample: how many uplinks do what, the first member's and then all others', by `Use`.
  struct Sample {
    var seconds: Double
    var counts: [Int]
    var firstMember: Use
    /// Pieces that the first member has sent in full, and the copies that it has sent.
    var pieces: Int
    var copies: Double
    /// Mean part of the content that those have who join without any.
    var progress: Double
    var complete: Int
    var unchoked: Double
  }

  private(set) var samples: [Sample] = []

  mutating func sample(_ swarm: Swarm) {
    var counts = [Int](repeating: 0, count: Use.allCases.count)
    var progress = 0.0
    var counted = 0
    var complete = 0
    var unchoked = 0
    for peer in swarm.peers.dropFirst() where peer.isPresent {
      counts[use(of: peer).rawValue] += 1
      peer.forEachPeer { unchoked += !$0.isChoking && $0.peerIsInterested ? 1 : 0 }
      guard Swarm.counts(peer.member) else { continue }
      counted += 1
      progress += Double(peer.have.ones) / Double(peer.have.count)
      complete += peer.have.isFull ? 1 : 0
    }
    let first = swarm.peers[0]
    samples.append(
      Sample(
        seconds: swarm.seconds, counts: counts, firstMember: use(of: first),
        pieces: first.sentPieces.reduce(0) { $0 + ($1 >= swarm.scenario.blocks ? 1 : 0) },
        copies: Double(first.blocksSent * Block.size) / swarm.scenario.size,
        progress: progress / Double(max(counted, 1)), complete: complete,
        unchoked: Double(unchoked) / Double(max(swarm.peers.count - 1, 1))))
  }

  private func use(of peer: SimulatedPeer) -> Use {
    if peer.sending != nil { return .busy }
    var use = Use.unwanted
    peer.forEachPeer { other in
      guard other.peerIsInterested else { return }
      let found: Use =
        other.inFlight > 0 || other.committed > 0 ? .inFlight : other.isChoking ? .choking : .unasked
      if found.rawValue > use.rawValue { use = found }
    }
    return use
  }
}
