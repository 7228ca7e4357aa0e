@testable import BitTorrent

/// What came of a run.
struct SwarmReport: Equatable {
  /// One kind of peer.
  struct Group: Equatable {
    var name: String
    /// Seconds from joining to completion, of those that completed.
    var mean: Double
    var slowest: Double
  }

  var name: String
  var bound: Double
  /// Seconds from joining to completion: of all that completed, in order.
  var times: [Double]
  /// Peers that did not complete within the limit.
  var unfinished: Int
  /// Blocks that came for nothing, over all that came.
  var duplicates: Double
  /// Jain's index of what the contributors sent in proportion to their links: 1 if all gave the same part.
  var fairness: Double
  /// What part of the time to completion passed between the last piece but one and the last; the mean.
  var tail: Double
  /// Copies that the first member sent.
  var seederCopies: Double
  var groups: [Group]
  var events: Int

  init(_ swarm: Swarm) {
    let counted = swarm.peers.filter { Swarm.counts($0.member) }
    let done = counted.filter { $0.finished != nil }
    name = swarm.scenario.name
    bound = swarm.scenario.bound
    times = done.map { Self.time($0) }.sorted()
    unfinished = counted.count - done.count
    let received = swarm.peers.reduce(0) { $0 + $1.received }
    duplicates = Double(swarm.peers.reduce(0) { $0 + $1.duplicates }) / Double(max(received, 1))
    let shares = counted.filter { $0.member.character == .honest }.map {
      Double($0.blocksSent) / $0.member.up
    }
    let (sum, squares) = (shares.reduce(0, +), shares.reduce(0) { $0 + $1 * $1 })
    fairness = squares > 0 ? sum * sum / (Double(shares.count) * squares) : 1
    let tails = done.compactMap { peer in
      peer.almost.map { ((peer.finished ?? $0) - $0) / max(Self.time(peer), 1e-9) }
    }
    tail = tails.reduce(0, +) / Double(max(tails.count, 1))
    seederCopies = Double(swarm.peers[0].blocksSent * Block.size) / swarm.scenario.size
    groups = []
    for group in done.map(\.member.group) where !groups.contains(where: { $0.name == group }) {
      let times = done.filter { $0.member.group == group }.map { Self.time($0) }
      groups.append(
        Group(name: group, mean: times.reduce(0, +) / Double(times.count), slowest: times.max() ?? 0))
    }
    events = swarm.events
  }

  private static func time(_ peer: SimulatedPeer) -> Double { (peer.finished ?? 0) - peer.joined }

  /// The mean time over the bound.
  var mean: Double { times.reduce(0, +) / Double(max(times.count, 1)) / bound }
  /// The slowest time over the bound.
  var slowest: Double { (times.last ?? 0) / bound }

  /// The mean time of one kind of peer over the bound.
  func mean(of group: String) -> Double { (groups.first { $0.name == group }?.mean ?? 0) / bound }
  /// The slowest of one kind over the bound.
  func slowest(of group: String) -> Double { (groups.first { $0.name == group }?.slowest ?? 0) / bound }
}
