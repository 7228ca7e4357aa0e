import Addresses

/// How a swarm is told that we are in it.
public struct SelfAnnouncement: Sendable, Equatable {
  /// Our TCP port.
  public var port: UInt16
  /// Whether it is that of our datagrams, whatever a translator on the way makes of it.
  public var impliesPort: Bool
  /// Whether we have everything.
  public var isSeed: Bool

  /// Puts them together.
  public init(port: UInt16, impliesPort: Bool = false, isSeed: Bool) {
    self.port = port
    self.impliesPort = impliesPort
    self.isSeed = isSeed
  }
}

/// A search that is under way: the look-up, what it is for and what it has found.
struct Search: Sendable {
  enum Goal: Sendable {
    /// Nodes, for the table.
    case nodes
    /// Peers of a swarm; afterwards we are announced there.
    case peers(announce: SelfAnnouncement?, noSeeds: Bool, scrape: Bool)
    /// An item; its salt, if it is a mutable one.
    case item(salt: [UInt8])
    /// Somewhere to put an item.
    case put(Item, expected: Int64?)
  }

  /// Peers that one search tells of at most.
  static let peerLimit = 2000

  let goal: Goal
  var lookup: Lookup
  var report = SearchReport()
  var found: Set<Endpoint> = []
  var hasEnough = false
  /// Announces or puts under way; `nil` before they are sent.
  var storing: Int?

  init(_ goal: Goal, target: NodeID) {
    self.goal = goal
    lookup = Lookup(target: target)
  }

  /// The query that is sent to each node on the way.
  func query(_ want: AddressFamilies) -> Query {
    switch goal {
    case .nodes: .findNode(target: lookup.target, want: want)
    case .peers(_, let noSeeds, let scrape):
      .getPeers(infoHash: lookup.target, want: want, noSeeds: noSeeds, scrape: scrape)
    case .item, .put: .get(target: lookup.target, want: want)
    }
  }

  /// What is stored with a node that gave this token; `nil` if nothing is.
  func store(_ token: [UInt8]) -> Query? {
    switch goal {
    case .peers(let announce?, _, _):
      .announcePeer(
        PeerAnnouncement(
          infoHash: lookup.target, port: announce.port, impliesPort: announce.impliesPort,
          isSeed: announce.isSeed, token: token))
    case .put(let item, let expected):
      .put(ItemPut(item: item, expectedSequence: expected, token: token))
    default: nil
    }
  }

  /// Takes in what a response has; returns peers that are new. Peers at addresses of private networks are
  /// believed to neighbours only: others would have us connect to what is not theirs.
  mutating func take(_ response: Response, fromNeighbour isNeighbour: Bool, depth: Int) -> [Endpoint] {
    switch goal {
    case .nodes: return []
    case .peers:
      report.seedFilter = BloomFilter.union(report.seedFilter, response.seedFilter)
      report.peerFilter = BloomFilter.union(report.peerFilter, response.peerFilter)
      var new: [Endpoint] = []
      for peer in response.peers where isNeighbour || !peer.address.isLocal {
        guard found.count < Self.peerLimit else { break }
        if found.insert(peer).inserted { new.append(peer) }
      }
      if !new.isEmpty, report.peers == 0 { report.hops = depth + 1 }
      report.peers += new.count
      return new
    case .item(let salt): take(item: response, salt: salt, depth: depth)
    case .put: break
    }
    return []
  }

  /// An item counts if it belongs to what was asked for, its signature is right and none newer is here.
  private mutating func take(item response: Response, salt: [UInt8], depth: Int) {
    guard let value = response.value, value.count <= Item.maximumBytes else { return }
    guard let key = response.key, let signature = response.signature, let sequence = response.sequence else {
      let item = Item.immutable(value)
      guard item.target == lookup.target else { return }
      if report.item == nil { report.hops = depth + 1 }
      report.item = item
      hasEnough = true
      return
    }
    if case .mutable(let known)? = report.item, known.sequence >= sequence { return }
    let item = MutableItem(key: key, salt: salt, sequence: sequence, value: value, signature: signature)
    guard item.target == lookup.target, item.isValid else { return }
    if report.item == nil { report.hops = depth + 1 }
    report.item = .mutable(item)
  }
}
