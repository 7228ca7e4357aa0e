public import Addresses
public import Digest

/// One datagram between nodes: a query, its response or an error (KRPC, BEP 5).
public struct Message: Equatable, Sendable {
  /// What a message is.
  public enum Content: Equatable, Sendable {
    /// A question; `id` is who asks.
    case query(id: NodeID, Query)
    /// An answer.
    case response(Response)
    /// A refusal.
    case failure(code: Int64, text: String)
  }

  /// What a response repeats of its query, at most 32 bytes.
  public var transaction: [UInt8]
  /// What is said.
  public var content: Content
  /// Which program wrote it, if it says so: two letters and two bytes.
  public var version: [UInt8]?
  /// Whether the sender takes no queries (BEP 43).
  public var isReadOnly = false
  /// The receiver's address as the sender sees it (BEP 42).
  public var observed: Endpoint?
  /// Bytes that make it longer and mean nothing; they are passed over when it is read. At most 2,000.
  public var padding = 0

  /// Puts a message together.
  public init(transaction: [UInt8], content: Content) {
    self.transaction = transaction
    self.content = content
  }
}

/// The families of nodes that a query asks for (BEP 32). None said means that of the datagram.
public struct AddressFamilies: OptionSet, Sendable {
  /// The bits.
  public let rawValue: UInt8
  /// From the bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// `n4`.
  public static let v4 = AddressFamilies(rawValue: 1)
  /// `n6`.
  public static let v6 = AddressFamilies(rawValue: 2)
}

/// What a node asks of another.
public enum Query: Equatable, Sendable {
  /// Are you there?
  case ping
  /// Who is closest to `target` (BEP 5)?
  case findNode(target: NodeID, want: AddressFamilies)
  /// Who is in this swarm (BEP 5)? Without seeds, and with the filters of BEP 33, if so wished.
  case getPeers(infoHash: NodeID, want: AddressFamilies, noSeeds: Bool = false, scrape: Bool = false)
  /// I am in this swarm (BEP 5).
  case announcePeer(PeerAnnouncement)
  /// What is stored at `target` (BEP 44)? Mutable items only if newer than `sequence`.
  case get(target: NodeID, sequence: Int64? = nil, want: AddressFamilies)
  /// Store this (BEP 44).
  case put(ItemPut)
  /// Which swarms do you know (BEP 51)?
  case sampleInfohashes(target: NodeID, want: AddressFamilies)
  /// Something that is not known here.
  case unknown(method: [UInt8])
}

/// The arguments of `announce_peer`.
public struct PeerAnnouncement: Equatable, Sendable {
  /// The swarm.
  public var infoHash: NodeID
  /// The TCP port, if it is not that of the datagram.
  public var port: UInt16
  /// Whether the port is that of the datagram.
  public var impliesPort = false
  /// Whether the peer has everything (BEP 33).
  public var isSeed = false
  /// What `get_peers` was answered with.
  public var token: [UInt8]

  /// Puts the arguments together.
  public init(
    infoHash: NodeID, port: UInt16, impliesPort: Bool = false, isSeed: Bool = false, token: [UInt8]
  ) {
    self.infoHash = infoHash
    self.port = port
    self.impliesPort = impliesPort
    self.isSeed = isSeed
    self.token = token
  }
}

/// The arguments of `put`.
public struct ItemPut: Equatable, Sendable {
  /// What is to be stored.
  public var item: Item
  /// Store only if the number of what is there is this.
  public var expectedSequence: Int64?
  /// What `get` was answered with.
  public var token: [UInt8]

  /// Puts the arguments together.
  public init(item: Item, expectedSequence: Int64? = nil, token: [UInt8]) {
    self.item = item
    self.expectedSequence = expectedSequence
    self.token = token
  }
}

/// What a node answers. Which fields are there depends on the query.
public struct Response: Equatable, Sendable {
  /// Who answers.
  public var id: NodeID
  /// IPv4 nodes close to what was asked for.
  public var nodes: [NodeAddress] = []
  /// IPv6 nodes (BEP 32).
  public var nodes6: [NodeAddress] = []
  /// The right to announce or put from the same address for some minutes.
  public var token: [UInt8]?
  /// Peers of the swarm.
  public var peers: [Endpoint] = []
  /// Who of the swarm has everything, and who has not, in 256 bytes (BEP 33).
  public var seedFilter: BloomFilter?
  /// See `seedFilter`.
  public var peerFilter: BloomFilter?
  /// The bencoded value of an item (BEP 44).
  public var value: [UInt8]?
  /// Who signed the item, if it is mutable.
  public var key: [UInt8]?
  /// The item's signature.
  public var signature: [UInt8]?
  /// The item's number; without a value: what is here is not newer than what was asked for.
  public var sequence: Int64?
  /// Some of the info-hashes that the node knows (BEP 51).
  public var samples: [InfoHash]?
  /// How many it knows.
  public var sampleCount: Int64?
  /// Seconds until another sample may be asked for.
  public var sampleInterval: Int64?

  /// A response that says no more than who answers.
  public init(id: NodeID) { self.id = id }
}
