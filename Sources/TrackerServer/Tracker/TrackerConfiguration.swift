public import Addresses
public import Logging

/// How a tracker behaves; times in seconds.
public struct TrackerConfiguration: Sendable {
  /// Where to listen; port 0 takes a free one.
  public var listen: [Endpoint]
  /// How often clients are to announce; see `setInterval`.
  public private(set) var interval: Int
  /// How soon they may announce again; half the interval if `nil`.
  public var minimumInterval: Int?
  /// Peers returned to clients that do not say how many they want.
  public var usualWanted = 50
  /// Peers returned at most.
  public var maximumWanted = 200
  /// Threads for HTTP announces, and as many for everything else over HTTP.
  public var threads = 2
  /// HTTP connections that wait at a time. When there are more, those that have waited longest are closed.
  public var maximumConnections = 8192
  /// Torrents and peers at most.
  public var limits = SwarmLimits()
  /// Torrents that one batch may have; 0 takes no batches (docs/EXTENSIONS.md, X6).
  public var batchLimit = 10_000
  /// Bytes for the torrents that nodes have announced in batches.
  public var batchMemory = 48 << 20
  /// Bytes for the pieces that clients say they have; 0 keeps none (X1 to X3).
  public var pieceMemory = 64 << 20
  /// Bytes for what peers give, in swarms where somebody asks for the best; 0 ranks nobody (X4).
  public var rankMemory = 32 << 20
  /// Between two questions of a client for who has a piece.
  public var pieceInterval = 60
  /// Who may announce what.
  public var access = AccessConfiguration()
  /// Who sees which page.
  public var pages = PageConfiguration()
  /// What an administrator sends as `Authorization: Bearer` to see addresses and dumps; `nil` lets nobody.
  public var adminToken: String?
  /// Where to tell what an operator wants to know; nowhere if `nil`.
  public var log: Log?

  /// Where to speak HTTPS; needs `identity`.
  public var listenSecurely: [Endpoint] = []
  /// Files with the key and the certificates for HTTPS.
  public var identity: TLSFiles?
  /// HTTP connections of one address (IPv6: of one network of 64 bits), 0 for any number. Proxies that are trusted
  /// may have any.
  public var maximumConnectionsPerAddress = 256
  /// How long a request may take to come in, and its answer to be taken.
  public var requestTimeout = 10.0
  /// How long a connection is kept between requests.
  public var idleTimeout = 30
  /// How often a scrape of everything may be made anew, in seconds, and given to an address; `nil` makes none.
  public var fullScrapeInterval: Int?
  /// Proxies before the tracker.
  public var proxies = ProxyRules()

  /// The folder in which the swarms are kept, for the next run and for a process that takes over; none if `nil`.
  public var stateFolder: String?
  /// How often they are written there, in seconds.
  public var snapshotInterval = 60.0
  /// Take the place of the tracker that runs with that folder, if one does.
  public var takesOver = false

  /// Whether it serves HTTP, over TCP.
  public var servesHTTP = true
  /// Whether it serves UDP (BEP 15), on the same ports.
  public var servesUDP = true
  /// Threads for UDP, each with a socket an endpoint; one a processor if `nil`.
  public var udpLoops: Int?
  /// What UDP's connection ids are made from, any text; trackers with the same secret take each other's ids. Random
  /// if `nil`.
  public var connectionSecret: String?

  /// A tracker on `listen`.
  public init(listen: [Endpoint], interval: Int = 1800) {
    self.listen = listen
    self.interval = interval
    setInterval(max(1, min(interval, 86_400)))
  }

  /// Has clients announce so often; peers are forgotten 1.5 intervals and a minute after their last announce.
  public mutating func setInterval(_ seconds: Int) {
    interval = seconds
    limits.peerLifetime = UInt32(clamping: seconds * 3 / 2 + 60)
  }
}

/// Who sees which page of a tracker.
public struct PageConfiguration: Sendable {
  /// The status page at `/`.
  public var status = Audience.everyone
  /// Whether the status page lists the largest torrents.
  public var listsTorrents = true
  /// `/metrics`.
  public var metrics = Audience.everyone

  /// The defaults.
  public init() {}
}

/// Why a tracker does not start.
public struct TrackerError: Error, Sendable, CustomStringConvertible {
  /// What failed and where, in one line.
  public let description: String

  /// A failure.
  public init(_ description: String) { self.description = description }

  init(description: String) { self.description = description }
}
