public import Addresses
public import Blocklist
public import Encryption
import Threads

/// Which pieces of v2 torrents have their blocks compared with leaf hashes as they come (docs/LEAVES.md).
enum LeafChecks: Sendable {
  /// Those with several senders, or one that has not sent a whole good piece alone yet.
  case whereNeeded
  /// All of them: to measure what it costs.
  case always
  /// None.
  case never
}

/// What a session may use and where it listens. The defaults suit a desktop.
public struct SessionConfiguration: Sendable {
  /// Where incoming peers are awaited; port 0 takes a free one. Empty: nowhere.
  public var listen: [Endpoint] = [Endpoint(.anyV4, port: 0), Endpoint(.anyV6, port: 0)]
  /// Threads that move data between sockets; torrents are spread over them.
  public var loops = Processors.count
  /// Threads that read, write and hash; one of them is often waiting for a sync.
  public var diskThreads = 3
  /// Bytes of pieces that may be in memory, gathered or on their way to the disk. Six
  /// pieces are always allowed, so that large ones do not wait for each other.
  public var pendingPieceBytes = 40 << 20
  /// Bytes of blocks that may be in memory on their way to peers. Split evenly over the loops.
  public var uploadBytes = 32 << 20
  /// Bytes of leaf hashes that are kept for peers that ask for them (BEP 52): of the pieces read or
  /// verified last.
  public var leafBytes = 2 << 20
  /// Files that are kept open, per loop.
  public var openFiles = 128
  /// Connections a torrent keeps at most.
  public var peersPerTorrent = 100
  /// Connections in all, those that are not open yet included.
  public var connections = 500
  /// Connections that a torrent opens at the same time.
  public var halfOpen = 20
  /// Blocks that one peer may have requested and not yet received; told to peers as `reqq` (BEP 10).
  public var requestQueue = 2000
  /// Bytes of payload a second that all torrents together may receive and send; `nil` for no limit.
  public var downloadLimit: Int?
  /// See `downloadLimit`.
  public var uploadLimit: Int?
  /// How the session takes part in the DHT.
  public var dht = DHTConfiguration()
  /// How web seeds are used (BEP 19).
  public var webSeeds = WebSeedConfiguration()
  /// A file of certificates in PEM form that are trusted instead of the system's, for trackers and web seeds.
  public var certificates: String?
  /// Whether what is spoken with peers is hidden (MSE).
  public var encryption = EncryptionPolicy.allow
  /// How peers on the local network are limited.
  public var localPeers = LocalPeers.limited
  /// The name of the interface, or the address, that everything is to go through: peers, trackers, web seeds, the
  /// DHT. While it is gone, nothing leaves by another way. `nil` leaves it to the system. Names of hosts are looked
  /// up by the system's resolver, but not while the interface is gone.
  public var interface: String?
  /// Addresses that the session has nothing to do with: no peers, nodes of the DHT, or web seeds. Trackers are not
  /// looked up in it.
  public var blocklist = Blocklist()
  /// Whether a router is asked to let connections in (NAT-PMP, UPnP). Never for sessions on
  /// loopback only, nor with an `interface`, since routers are asked by whatever way the system takes.
  public var mapsPorts = false
  /// Whether peers are told of each other (BEP 11). Those of private torrents never are.
  public var peerExchange = true
  /// Whether peers that cannot be reached are met through others, and others are helped to (BEP 55); needs uTP.
  public var holePunching = true
  /// Whether peers on the local network are sought by multicast (BEP 14). Never for private torrents, nor on
  /// loopback.
  public var localDiscovery = true
  /// Bytes of an info dictionary that is fetched from peers (BEP 9); a larger one is refused.
  public var metadataLimit = 32 << 20
  /// Whether peers are reached, and awaited, over TCP.
  public var usesTCP = true
  /// Whether peers are reached, and awaited, over uTP (BEP 29).
  public var usesUTP = true
  /// Whether HTTP trackers are told and asked more than the BEPs have (docs/EXTENSIONS.md). Those that do not know
  /// it pass it over.
  public var trackerExtensions = true
  /// Bytes a second that trackers are told we can send, and a name for us; `nil` says nothing. Only with
  /// `trackerExtensions`.
  public var announcedBandwidth: UInt64?
  /// See `announcedBandwidth`.
  public var announcedName: String?
  /// What peers are told that this is (BEP 10 `v`).
  public var clientName = "Apus 0.1.0"
  /// The start of the peer id (BEP 20).
  public var peerIDPrefix = "-AP0100-"

  /// Seconds without a peer after which a torrent of a batch that had some rests.
  var restAfter = 30.0
  /// Seconds for which no neighbour has a piece before trackers are asked who has it.
  var rescueAfter = 10.0
  /// Addresses of UDP trackers whose names are not looked up.
  var trackerAddresses: [String: [IPAddress]] = [:]
  /// Where routers are, for tests: the one that speaks NAT-PMP, and the URL at which another describes itself.
  var gateway: IPAddress?
  var gatewayDescription: String?
  /// Which blocks of v2 torrents are compared with their leaf hashes as they come.
  var leafChecks = LeafChecks.whereNeeded
  /// How announces are spread out.
  var announces = AnnounceGate.Limits()

  /// The defaults.
  public init() {}

  /// The address that trackers should see us at: the one that we listen on, if that is a single one that
  /// others can reach. Connections to one's own machine would else show some other address of it.
  var source: IPAddress? {
    guard listen.count == 1, let address = listen.first?.address, !address.isUnspecified, !address.isLoopback
    else { return nil }
    return address
  }
}
