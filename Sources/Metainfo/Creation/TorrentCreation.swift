/// How far a piece of work is.
public struct ProgressCount: Sendable, Equatable {
  /// Bytes done.
  public let done: Int64
  /// Bytes to do.
  public let total: Int64
}

/// Makes torrents from files and folders.
public enum TorrentCreation {
  /// What to make.
  public struct Options: Sendable {
    /// Which BitTorrent the torrent is for.
    public var version = TorrentVersion.hybrid
    /// Bytes of a piece, a power of two from 16 KiB; `nil` picks one for 1,000 to 2,000 pieces.
    public var pieceLength: Int?
    /// Trackers in tiers (BEP 12).
    public var trackers: [[String]] = []
    /// Web seeds (BEP 19).
    public var webSeeds: [String] = []
    /// DHT nodes (BEP 5).
    public var nodes: [Node] = []
    /// Whether peers may come only from the trackers (BEP 27).
    public var isPrivate = false
    /// Free text.
    public var comment: String?
    /// The site that the torrent is for; part of the info-hash.
    public var source: String?
    /// Seconds since 1970; `nil` leaves it out, and then equal content gives equal bytes.
    public var creationDate: Int64?
    /// The program's name.
    public var createdBy: String?

    /// A hybrid torrent with nothing else said.
    public init() {}
  }

  /// Bytes of a piece at least.
  public static let minimumPieceLength = 16 << 10
  /// Bytes of a piece at most, if it is chosen here.
  public static let maximumDefaultPieceLength = 16 << 20

  /// The least power of two from 16 KiB to 16 MiB that gives no more than 2,000 pieces.
  public static func defaultPieceLength(contentLength: Int64) -> Int {
    var length = minimumPieceLength
    while length < maximumDefaultPieceLength, contentLength / Int64(length) >= 2000 { length *= 2 }
    return length
  }

  /// Reads the file or folder at `path` once, on `threads` threads, and makes its torrent. Blocks until
  /// done; memory is bounded by a small buffer a thread and the hashes.
  ///
  /// Files come in the order of the bytes of their paths, as BEP 52 has it, so that equal content and
  /// options give equal bytes. Symbolic links stay links (BEP 47). A `.apus` folder directly in the
  /// folder, where downloads keep their state, is left out. `progress` is called from the threads, now
  /// and then and at the end.
  public static func run(
    path: String, options: Options = Options(), threads: Int = 1,
    progress: (@Sendable (ProgressCount) -> Void)? = nil
  ) throws(CreationError) -> Metainfo {
    var folder = SourceFolder()
    try folder.read(path)
    let content = folder.files.reduce(0) { $0 + $1.length }
    guard content > 0 else { throw .empty(path: path) }
    let pieceLength = options.pieceLength ?? defaultPieceLength(contentLength: content)
    let maximum = MetainfoLimits.standard.maximumPieceLength
    guard pieceLength.nonzeroBitCount == 1, (minimumPieceLength...maximum).contains(pieceLength) else {
      throw .invalidPieceLength(pieceLength, minimum: minimumPieceLength, maximum: maximum)
    }
    let plan = try CreationPlan(folder, version: options.version, pieceLength: pieceLength)
    let hashes = try CreationRun(plan: plan, progress: progress).run(threads: threads)
    try folder.checkUnchanged()
    return try plan.metainfo(hashes, options: options)
  }
}
