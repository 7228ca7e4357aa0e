// Metainfo: torrents (BEP 3, 52, hybrid), magnet links, their creation, and the map between files and
// pieces. May import Bytes, Digest, Bencode, Addresses, Threads and CSystem.

import Bencode
public import Digest

/// A torrent file: an info dictionary and what is said around it.
public struct Metainfo: Sendable {
  /// What the content is.
  public let info: Info
  /// Tracker addresses in tiers (BEP 12); a single `announce` is one tier of one.
  public var trackers: [[String]]
  /// Addresses of web seeds (BEP 19).
  public var webSeeds: [String]
  /// DHT nodes to start from (BEP 5).
  public var nodes: [Node]
  /// The piece hashes of v2 files, as far as they are here and checked.
  public var pieceLayers: PieceLayers
  /// Free text.
  public var comment: String?
  /// The program that made the torrent.
  public var createdBy: String?
  /// When the torrent was made, in seconds since 1970.
  public var creationDate: Int64?
  /// Torrents that share files with this one, from inside and outside the info dictionary (BEP 38).
  public var similar: [InfoHash]
  /// Collections that the torrent belongs to, from inside and outside the info dictionary (BEP 38).
  public var collections: [String]

  /// Puts a torrent together around an info dictionary.
  public init(
    info: Info, trackers: [[String]] = [], webSeeds: [String] = [], nodes: [Node] = [],
    pieceLayers: PieceLayers = PieceLayers(), comment: String? = nil, createdBy: String? = nil,
    creationDate: Int64? = nil, similar: [InfoHash]? = nil, collections: [String]? = nil
  ) {
    self.info = info
    self.trackers = trackers
    self.webSeeds = webSeeds
    self.nodes = nodes
    self.pieceLayers = pieceLayers
    self.comment = comment
    self.createdBy = createdBy
    self.creationDate = creationDate
    self.similar = similar ?? info.similar
    self.collections = collections ?? info.collections
  }

  /// Reads a torrent file and checks all of it: structure, limits, that the halves of a hybrid agree,
  /// that piece layers hash up to their roots. Hints of the wrong kind (a comment that is a number) are
  /// passed over. O(n), plus one digest a v2 piece.
  public init(_ bytes: [UInt8], limits: MetainfoLimits = .standard) throws(MetainfoError) {
    let root = try MetainfoReader.document(bytes, limits: limits).root
    guard root.isDictionary else { throw .wrongType(key: "the torrent", expected: "a dictionary") }
    guard let dictionary = root["info"] else { throw .missing(key: "info") }
    let info = try Info(dictionary, limits: limits)
    let similar = try MetainfoReader.similar(root, limits: limits)
    let collections = try MetainfoReader.collections(root, limits: limits)
    self.init(
      info: info,
      trackers: try Self.trackers(root, limits),
      webSeeds: try Self.webSeeds(root, limits),
      nodes: try Self.nodes(root, limits),
      pieceLayers: try Self.layers(root, info),
      comment: try Self.hint(root, "comment", limits),
      createdBy: try Self.hint(root, "created by", limits),
      creationDate: root["creation date"]?.integer,
      similar: info.similar + similar.filter { !info.similar.contains($0) },
      collections: info.collections + collections.filter { !info.collections.contains($0) })
  }
}
