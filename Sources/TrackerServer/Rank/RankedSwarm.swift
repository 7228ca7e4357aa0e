import Addresses

/// The peers of one swarm by what they give.
///
/// What a peer says that it has sent is its own word. Nobody can have sent what nobody has received: the rates that
/// all say are cut at one level, so that together they are no more than what all say they receive (`credits`). A
/// peer that claims the moon gets that level, as do the best of the honest; so forgers have at most their share among
/// those at the top, whatever they claim. The more peers are cut, the less the order says, and the fewer peers are
/// named by it (`trust`): where half of all claims are too large, the choice is left to chance.
struct RankedSwarm {
  /// Bytes of memory, about.
  static let cost = 256
  static let peerCost = 160

  private struct Peer {
    var isSeed: Bool
    /// What was said last, and when; the base of the next rates.
    var uploaded: UInt64
    var downloaded: UInt64
    var since: UInt32
    var heard: UInt32
    /// Bytes a second, if there have been two announces far enough apart.
    var rates: (up: Double, down: Double)?
    var bandwidth: UInt64?
  }

  private struct Rank {
    let peer: Endpoint
    let isSeed: Bool
    let credit: Double
    /// Of this one and all before.
    let sum: Double
  }

  private var peers: [Endpoint: Peer] = [:]
  private var ranking: [Rank] = []
  private var rankedAt: UInt32?
  /// What part of those asked for are named by what they give.
  private var trust = 1.0
  /// When somebody last asked.
  var askedAt: UInt32 = 0

  var count: Int { peers.count }

  /// Takes an announce in; how many peers there are more.
  mutating func note(
    _ report: RankBook.Report, hasRoom: Bool, _ limits: RankBook.Limits, now: UInt32
  ) -> Int {
    guard var peer = peers[report.peer] else {
      guard hasRoom, peers.count < limits.peersPerTorrent else { return 0 }
      peers[report.peer] = Peer(
        isSeed: report.isSeed, uploaded: report.uploaded, downloaded: report.downloaded, since: now,
        heard: now,
        bandwidth: report.bandwidth)
      return 1
    }
    peer.isSeed = report.isSeed
    peer.heard = now
    peer.bandwidth = report.bandwidth ?? peer.bandwidth
    let span = now &- peer.since
    if report.uploaded < peer.uploaded || report.downloaded < peer.downloaded {
      // It began anew.
      (peer.uploaded, peer.downloaded, peer.since) = (report.uploaded, report.downloaded, now)
    } else if span >= limits.shortest {
      let up = Double(report.uploaded - peer.uploaded) / Double(span)
      let down = Double(report.downloaded - peer.downloaded) / Double(span)
      let old = peer.rates ?? (up, down)
      peer.rates = ((old.up + up) / 2, (old.down + down) / 2)
      (peer.uploaded, peer.downloaded, peer.since) = (report.uploaded, report.downloaded, now)
    }
    peers[report.peer] = peer
    return 0
  }

  mutating func leave(_ peer: Endpoint) -> Bool { peers.removeValue(forKey: peer) != nil }

  /// Forgets who has not been heard of; how many.
  mutating func expire(_ limits: RankBook.Limits, now: UInt32) -> Int {
    let before = peers.count
    peers = peers.filter { now &- $0.value.heard <= limits.lifetime }
    return before - peers.count
  }

  /// Draws peers by their credit, and puts those drawn in order. O(count · log peers), now and then O(peers).
  mutating func pick(
    _ count: Int, for asker: Endpoint, leechesOnly: Bool, _ limits: RankBook.Limits, now: UInt32,
    using generator: inout some RandomNumberGenerator
  ) -> [Endpoint] {
    rankIfDue(limits, now: now)
    let count = Int((Double(count) * trust).rounded())
    guard count > 0, let total = ranking.last?.sum, total > 0 else { return [] }
    var drawn: Set<Int> = []
    var tries = count * 3
    while drawn.count < min(count, ranking.count), tries > 0 {
      tries -= 1
      let place = position(Double.random(in: 0..<total, using: &generator))
      let rank = ranking[place]
      // Some may have left since they were put in order.
      guard rank.peer != asker, !(leechesOnly && rank.isSeed), peers[rank.peer] != nil else { continue }
      drawn.insert(place)
    }
    return drawn.sorted().map { ranking[$0].peer }
  }

  /// The first whose sum is above a number.
  private func position(_ number: Double) -> Int {
    var (low, high) = (0, ranking.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if ranking[middle].sum > number { high = middle } else { low = middle + 1 }
    }
    return low
  }

  mutating func rates(_ limits: RankBook.Limits, now: UInt32) -> [Endpoint: Double] {
    rankIfDue(limits, now: now)
    return Dictionary(ranking.map { ($0.peer, $0.credit) }, uniquingKeysWith: max)
  }

  private mutating func rankIfDue(_ limits: RankBook.Limits, now: UInt32) {
    if let rankedAt, now &- rankedAt < limits.refresh { return }
    rankedAt = now
    ranking = []
    var sum = 0.0
    let peers = peers
    let believed = credits()
    trust = believed.trust
    // In an order that does not change from run to run.
    let ordered = believed.credits.sorted {
      $0.credit != $1.credit ? $0.credit > $1.credit : Self.isBefore($0.peer, $1.peer)
    }
    for (peer, credit) in ordered where credit > 0 {
      sum += credit
      ranking.append(Rank(peer: peer, isSeed: peers[peer]?.isSeed ?? false, credit: credit, sum: sum))
    }
  }

  private static func isBefore(_ one: Endpoint, _ other: Endpoint) -> Bool {
    let (first, second) = (one.address.words, other.address.words)
    return (first.high, first.low, one.port) < (second.high, second.low, other.port)
  }

  // MARK: What is believed

  /// Bytes a second that each peer is believed to send, and how far the order of all can be. O(peers · log peers).
  func credits() -> (credits: [(peer: Endpoint, credit: Double)], trust: Double) {
    // One entry an address or network speaks for it: ports are free, addresses are not.
    var claims: [Origin: (peer: Endpoint, up: Double)] = [:]
    var received: [Origin: Double] = [:]
    for (endpoint, peer) in peers {
      guard let rates = peer.rates else { continue }
      let origin = Origin(endpoint)
      if rates.up > claims[origin]?.up ?? -1 { claims[origin] = (endpoint, rates.up) }
      received[origin] = max(received[origin] ?? 0, rates.down)
    }
    // Nor can anybody say that it received without bound, to make room for a friend's claims.
    let down = received.values.filter { $0 > 0 }.sorted()
    let limit = down.isEmpty ? 0 : down[down.count / 2] * 4
    let budget = down.reduce(0) { $0 + min($1, limit) }
    let rows = claims.map { origin, claim in
      (claim.peer, min(claim.up, budget - min(received[origin] ?? 0, limit)))
    }
    let level = Self.level(rows.map(\.1), budget: budget)
    var credits = rows.map { (peer: $0.0, credit: min($0.1, level)) }
    // Who is new counts by its word, for half of what the one in the middle gives at most.
    let middle = credits.map(\.credit).filter { $0 > 0 }.sorted()
    let cut = rows.count { $0.1 > level }
    let trust = middle.isEmpty ? 1 : max(0, 1 - 2 * Double(cut) / Double(middle.count))
    guard !middle.isEmpty else { return (credits, trust) }
    let most = middle[middle.count / 2] / 2
    for (endpoint, peer) in peers where peer.rates == nil {
      if let bandwidth = peer.bandwidth { credits.append((endpoint, min(Double(bandwidth), most))) }
    }
    return (credits, trust)
  }

  /// The level at which claims are cut so that their sum is the budget; infinite if it is not above that.
  static func level(_ claims: [Double], budget: Double) -> Double {
    let sorted = claims.sorted()
    var left = budget
    for (index, claim) in sorted.enumerated() {
      let rest = Double(sorted.count - index)
      if claim * rest >= left { return max(0, left / rest) }
      left -= claim
    }
    return .infinity
  }

  /// What an address stands for: itself, or its network with IPv6; with its port near us, where a network may share
  /// one address.
  private struct Origin: Hashable {
    let network: UInt64
    let isV4: Bool
    let port: UInt16

    init(_ endpoint: Endpoint) {
      let address = endpoint.address
      isV4 = address.isV4
      network = isV4 ? UInt64(address.v4) : address.network
      port = address.isLoopback || address.isPrivate ? endpoint.port : 0
    }
  }
}
