public import Addresses
public import Encryption

/// What a session may use and where it listens. The defaults suit a desktop.
public struct SessionConfiguration: Sendable {
  /// Where incoming peers are awaited; port 0 takes a free one. Empty: nowhere.
  public var listen: [Endpoint] = [Endpoint(.anyV4, port: 0), Endpoint(.anyV6, port: 0)]
  /// Threads that move data between sockets; torrents are spread over them.
  public var loops = 1
  /// Threads that read, write and hash; one of them is often waiting for a sync.
  public var diskThreads = 3
  /// Bytes of pieces that may be in memory, gathered or on their way to the disk, per loop. Six
  /// pieces are always allowed, so that large ones do not wait for each other.
  public var pendingPieceBytes = 40 << 20
  /// Bytes of blocks that may be in memory on their way to peers, per loop.
  public var uploadBytes = 32 << 20
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
  /// Bytes of payload a second that all torrents together may receive and send; `nil` for no limit. Split
  /// evenly over the loops.
  public var downloadLimit: Int?
  /// See `downloadLimit`.
  public var uploadLimit: Int?
  /// Whether what is spoken with peers is hidden (MSE).
  public var encryption = EncryptionPolicy.allow
  /// How peers on the local network are limited.
  public var localPeers = LocalPeers.limited
  /// Whether peers are reached, and awaited, over TCP.
  public var usesTCP = true
  /// Whether peers are reached, and awaited, over uTP (BEP 29).
  public var usesUTP = true
  /// What peers are told that this is (BEP 10 `v`).
  public var clientName = "Apus 0.1.0"
  /// The start of the peer id (BEP 20).
  public var peerIDPrefix = "-AP0100-"

  /// Seconds without a peer after which a torrent of a batch that had some rests.
  var restAfter = 30.0
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
