import Addresses
import Bytes

/// The peers that were announced to this node (BEP 5). Bounded in all, a swarm and an announcer.
struct PeerStore: Sendable {
  /// Bounds; times in seconds.
  struct Limits: Sendable {
    var swarms = 5_000
    var peersPerSwarm = 500
    var peers = 50_000
    /// Swarms that one address (or IPv6 /64) may be in here.
    var swarmsPerAddress = 200
    /// After which an announce is forgotten. BEP 5 leaves it open; peers announce every 15 min or so.
    var lifetime = 2400.0
  }

  private struct Peer {
    var expires: Double
    var isSeed: Bool
  }

  private struct Swarm {
    /// In no order; `places` finds them.
    var endpoints: [Endpoint] = []
    var peers: [Endpoint: (place: Int, peer: Peer)] = [:]
  }

  private let limits: Limits
  private var swarms: [NodeID: Swarm] = [:]
  /// The swarms' names, for samples, and where in them each is.
  private var names: [NodeID] = []
  private var places: [NodeID: Int] = [:]
  private var perAddress: [IPAddress: Int] = [:]
  /// Peers of all swarms.
  private(set) var peerCount = 0

  init(_ limits: Limits = Limits()) { self.limits = limits }

  /// Swarms that are known.
  var swarmCount: Int { names.count }

  /// A peer says that it is in a swarm. False if there is no room for that.
  mutating func announce(_ endpoint: Endpoint, in name: NodeID, isSeed: Bool, now: Double) -> Bool {
    let peer = Peer(expires: now + limits.lifetime, isSeed: isSeed)
    if let known = swarms[name]?.peers[endpoint] {
      swarms[name]?.peers[endpoint] = (known.place, peer)
      return true
    }
    let key = endpoint.address.quotaKey
    guard peerCount < limits.peers, perAddress[key, default: 0] < limits.swarmsPerAddress else {
      return false
    }
    if swarms[name] == nil {
      guard names.count < limits.swarms else { return false }
      swarms[name] = Swarm()
      places[name] = names.count
      names.append(name)
    }
    guard let count = swarms[name]?.endpoints.count, count < limits.peersPerSwarm else { return false }
    swarms[name]?.endpoints.append(endpoint)
    swarms[name]?.peers[endpoint] = (count, peer)
    perAddress[key, default: 0] += 1
    peerCount += 1
    return true
  }

  /// Up to `count` peers of a swarm, chosen at random; without seeds if so wished.
  func peers(of name: NodeID, count: Int, noSeeds: Bool, now: Double, _ random: () -> UInt64) -> [Endpoint] {
    guard let swarm = swarms[name], !swarm.endpoints.isEmpty else { return [] }
    var chosen: [Endpoint] = []
    let start = Int(truncatingIfNeeded: random() % UInt64(swarm.endpoints.count))
    for offset in swarm.endpoints.indices {
      if chosen.count >= count { break }
      let endpoint = swarm.endpoints[(start + offset) % swarm.endpoints.count]
      guard let peer = swarm.peers[endpoint]?.peer, peer.expires > now, !(noSeeds && peer.isSeed) else {
        continue
      }
      chosen.append(endpoint)
    }
    return chosen
  }

  /// Who has everything and who has not, as sets that can be counted (BEP 33); `nil` for unknown swarms.
  func filters(of name: NodeID, now: Double) -> (seeds: BloomFilter, peers: BloomFilter)? {
    guard let swarm = swarms[name], !swarm.endpoints.isEmpty else { return nil }
    var (seeds, peers) = (BloomFilter(), BloomFilter())
    for (endpoint, known) in swarm.peers where known.peer.expires > now {
      if known.peer.isSeed { seeds.insert(endpoint.address) } else { peers.insert(endpoint.address) }
    }
    return (seeds, peers)
  }

  /// Up to `count` names of swarms, chosen at random (BEP 51).
  func sample(_ count: Int, _ random: () -> UInt64) -> [NodeID] {
    guard names.count > count else { return names }
    let start = Int(truncatingIfNeeded: random() % UInt64(names.count))
    return (0..<count).map { names[(start + $0 * (names.count / count)) % names.count] }
  }

  /// Forgets what is too old. O(n): to be called every minute or so.
  mutating func expire(now: Double) {
    for name in names {
      guard let swarm = swarms[name] else { continue }
      let old = swarm.peers.filter { $0.value.peer.expires <= now }
      for endpoint in old.keys { remove(endpoint, from: name) }
    }
  }

  private mutating func remove(_ endpoint: Endpoint, from name: NodeID) {
    guard let known = swarms[name]?.peers.removeValue(forKey: endpoint),
      let last = swarms[name]?.endpoints.popLast()
    else { return }
    if last != endpoint {
      swarms[name]?.endpoints[known.place] = last
      swarms[name]?.peers[last]?.place = known.place
    }
    peerCount -= 1
    let key = endpoint.address.quotaKey
    let left = perAddress[key, default: 1] - 1
    perAddress[key] = left > 0 ? left : nil
    guard swarms[name]?.endpoints.isEmpty == true, let place = places.removeValue(forKey: name) else {
      return
    }
    swarms[name] = nil
    names.swapAt(place, names.count - 1)
    names.removeLast()
    if place < names.count { places[names[place]] = place }
  }
}

extension IPAddress {
  /// What counts as one person where there are quotas: the address, of IPv6 its /64.
  var quotaKey: IPAddress {
    guard !isV4 else { return self }
    var bytes: [UInt8] = []
    bytes.append(bigEndian: network)
    bytes.append(bigEndian: UInt64(0))
    return IPAddress(bytes.rawBytes, at: 0, isV6: true)
  }
}
