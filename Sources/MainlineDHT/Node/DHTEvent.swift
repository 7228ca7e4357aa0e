public import Addresses
public import Digest

/// What a node has to tell its owner.
public enum DHTEvent: Sendable {
  /// A search for a swarm has found more peers, none of them told before.
  case peers(RequestID, [Endpoint])
  /// A search has ended.
  case finished(RequestID, SearchReport)
  /// A single query was answered; `nil` if it was not.
  case answered(RequestID, Response?)
  /// A peer has announced itself to this node.
  case announced(InfoHash, Endpoint)
  /// The node knows others now and can search.
  case ready
  /// Others agree on our address; the node has taken an id that belongs to it (BEP 42).
  case externalAddress(IPAddress)
}

/// How a search went.
public struct SearchReport: Sendable, Equatable {
  /// The nearest nodes that answered, nearest first.
  public var closest: [NodeAddress] = []
  /// Queries that were sent, and those that were answered; stores come on top.
  public var queries = 0
  /// See `queries`.
  public var replies = 0
  /// Queries in a row that led to the first node that had something, or to the nearest node if none had.
  public var hops = 0
  /// Peers that were found.
  public var peers = 0
  /// The item that was found, its newest version.
  public var item: Item?
  /// Nodes that took the announce or the item.
  public var stored = 0
  /// Why the last node that refused did so.
  public var refusal: String?
  /// The addresses of a swarm, if its size was asked for (BEP 33): who has everything and who has not.
  public var seedFilter: BloomFilter?
  /// See `seedFilter`.
  public var peerFilter: BloomFilter?

  /// A report of nothing.
  public init() {}

  /// Joins the report of the other family's search.
  mutating func join(_ other: SearchReport) {
    closest += other.closest
    queries += other.queries
    replies += other.replies
    hops = max(hops, other.hops)
    peers += other.peers
    stored += other.stored
    refusal = refusal ?? other.refusal
    switch (item, other.item) {
    case (.mutable(let mine), .mutable(let its)) where its.sequence > mine.sequence: item = other.item
    case (nil, _): item = other.item
    default: break
    }
    seedFilter = BloomFilter.union(seedFilter, other.seedFilter)
    peerFilter = BloomFilter.union(peerFilter, other.peerFilter)
  }
}
