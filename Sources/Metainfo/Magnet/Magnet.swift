public import Digest

/// A magnet link: the name of a torrent by its info-hashes (BEP 9, 52, 53), or by its publisher's key (BEP 46).
public struct Magnet: Sendable, Equatable {
  /// Bytes of a link at most.
  public static let maximumBytes = 64 << 10
  /// Trackers, web seeds, peers and ranges at most, each.
  public static let maximumCount = 500
  /// Bytes of a salt at most (BEP 44).
  static let maximumSalt = 64

  /// The SHA-1 of the info dictionary, if the link has it.
  public var infoHashV1: SHA1Digest?
  /// The SHA-256 of the info dictionary, if the link has it.
  public var infoHashV2: SHA256Digest?
  /// The key of the publisher who says which torrent it is at present, 32 bytes (BEP 46).
  public var publicKey: [UInt8]?
  /// Which of the publisher's torrents it is; empty for the one without a salt.
  public var salt: [UInt8] = []
  /// A name to show until the torrent is known; not safe as a file name.
  public var displayName: String?
  /// Addresses of trackers.
  public var trackers: [String]
  /// Addresses of web seeds.
  public var webSeeds: [String]
  /// Peers to try, as `host:port` or `[address]:port`.
  public var peers: [String]
  /// The files to take by their index in the torrent, in rising order without overlap; empty for all
  /// (BEP 53).
  public var selection: [ClosedRange<Int>]

  /// Puts a link together. One of the hashes must be given to make sense.
  public init(
    infoHashV1: SHA1Digest? = nil, infoHashV2: SHA256Digest? = nil, displayName: String? = nil,
    trackers: [String] = [], webSeeds: [String] = [], peers: [String] = [],
    selection: [ClosedRange<Int>] = []
  ) {
    self.infoHashV1 = infoHashV1
    self.infoHashV2 = infoHashV2
    self.displayName = displayName
    self.trackers = trackers
    self.webSeeds = webSeeds
    self.peers = peers
    self.selection = selection
  }

  /// The link to a torrent, with all its trackers and web seeds.
  public init(_ metainfo: Metainfo) {
    self.init(
      infoHashV1: metainfo.info.infoHashV1, infoHashV2: metainfo.info.infoHashV2,
      displayName: metainfo.info.name, trackers: metainfo.trackers.flatMap { $0 },
      webSeeds: metainfo.webSeeds)
  }

  /// The hash that names the swarm: v1's if there is one, else the truncated v2's.
  public var infoHash: InfoHash? { infoHashV1 ?? infoHashV2?.truncated }
}
