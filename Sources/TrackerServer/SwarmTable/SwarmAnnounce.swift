public import TrackerProtocol

/// What an announce means to the table.
public struct SwarmAnnounce: Sendable {
  /// Nothing is left to download.
  public var isSeed: Bool
  /// Why the peer announces.
  public var event: AnnounceEvent
  /// Peers to return at most.
  public var wanted: Int
  /// The families that they may be of.
  public var families: PeerFamilies

  /// An announce.
  public init(
    isSeed: Bool, event: AnnounceEvent = .regular, wanted: Int, families: PeerFamilies = .both
  ) {
    self.isSeed = isSeed
    self.event = event
    self.wanted = wanted
    self.families = families
  }
}

/// Of which families peers are returned: a UDP reply has those of the asker's alone (BEP 15).
public enum PeerFamilies: Sendable {
  /// IPv4 alone.
  case v4
  /// IPv6 alone.
  case v6
  /// Each as often as it is there.
  case both

  func contains(isV6: Bool) -> Bool { self == .both || (self == .v6) == isV6 }
}

/// What the table says to an announce; its arrays are used again by the next.
public struct SwarmReply: Sendable {
  /// The swarm after the announce, the asker included.
  public internal(set) var counts = SwarmCounts()
  /// Peers of IPv4 in wire form.
  public internal(set) var peersV4: [UInt8] = []
  /// Peers of IPv6 in wire form.
  public internal(set) var peersV6: [UInt8] = []

  /// The table is near its bound and did not enter the torrent, which was new to it: it does if the torrent is
  /// announced again soon, in half a minute say.
  public internal(set) var isProvisional = false

  /// An empty reply.
  public init() {}

  /// Makes room for so many peers of either family, so that the arrays need not grow later.
  mutating func reserve(_ peers: Int) {
    peersV4.reserveCapacity(peers * PeerAddress.sizeV4)
    peersV6.reserveCapacity(peers * PeerAddress.sizeV6)
  }

  mutating func reset() {
    counts = SwarmCounts()
    isProvisional = false
    peersV4.removeAll(keepingCapacity: true)
    peersV6.removeAll(keepingCapacity: true)
  }

  mutating func append(_ addresses: UnsafeRawBufferPointer, isV6: Bool) {
    if isV6 {
      unsafe peersV6.append(contentsOf: addresses)
    } else {
      unsafe peersV4.append(contentsOf: addresses)
    }
  }
}

/// Bounds of a swarm table; a table at its bounds goes on answering, but takes nobody in.
public struct SwarmLimits: Sendable {
  /// Torrents in the table. From three quarters of that on, a torrent that is new enters on its second announce.
  public var torrents = 4_000_000
  /// Peers of all torrents.
  public var peers = 16_000_000
  /// Peers of one torrent.
  public var peersPerTorrent = 1_000_000
  /// Seconds after its last announce that a peer is forgotten.
  public var peerLifetime: UInt32 = 2760
  /// Seconds that a torrent without peers, but with completed downloads to count, is remembered.
  public var torrentLifetime: UInt32 = 86_400

  /// The defaults, for an interval of 30 minutes.
  public init() {}
}

/// Why the table does not take an announce.
public enum SwarmRefusal: Error, Sendable, Equatable {
  /// The torrent is new, was announced before, and there are as many as the limit allows.
  case tooManyTorrents
}
