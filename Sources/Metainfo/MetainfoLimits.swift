/// What a torrent may ask of us. Each limit has an error of its own.
public struct MetainfoLimits: Sendable {
  /// Bytes of a torrent file.
  public var maximumBytes = 128 << 20
  /// Files, padding and links included.
  public var maximumFiles = 1_000_000
  /// Pieces.
  public var maximumPieces = 1 << 22
  /// Bytes of a piece.
  public var maximumPieceLength = 256 << 20
  /// Bytes of content, padding included.
  public var maximumContentLength: Int64 = 1 << 50
  /// Components of one path, the torrent's name not counted.
  public var maximumPathComponents = 64
  /// UTF-8 bytes of one path, separators included.
  public var maximumPathBytes = 3072
  /// Trackers in all tiers.
  public var maximumTrackers = 1000
  /// Web seeds.
  public var maximumWebSeeds = 1000
  /// DHT nodes.
  public var maximumNodes = 1000
  /// Similar torrents and collections (BEP 38), each.
  public var maximumHints = 1000
  /// Bytes of one address of a tracker or web seed.
  public var maximumURLBytes = 4096
  /// Bytes of a comment, the creator's name or the source.
  public var maximumTextBytes = 1 << 20

  /// The limits that fit all torrents known to be in use.
  public static let standard = MetainfoLimits()

  /// The standard limits, to be changed.
  public init() {}

  /// Dictionaries around the deepest leaf of a file tree: torrent, info, tree, the file's own.
  var maximumDepth: Int { maximumPathComponents + 8 }
}
