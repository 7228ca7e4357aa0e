import Bencode
import Bytes
public import Digest

/// A checked info dictionary: what a torrent's content is. Immutable; a copy costs one reference.
public struct Info: Sendable {
  let storage: InfoStorage

  /// Reads an info dictionary on its own, as it comes from peers (BEP 9).
  public init(_ bytes: [UInt8], limits: MetainfoLimits = .standard) throws(MetainfoError) {
    let document = try MetainfoReader.document(bytes, limits: limits)
    storage = try InfoReader(limits: limits).read(document.root)
  }

  init(_ value: BencodeValue, limits: MetainfoLimits) throws(MetainfoError) {
    storage = try InfoReader(limits: limits).read(value)
  }

  /// The dictionary exactly as it came: what is hashed.
  public var bytes: [UInt8] { storage.bytes }
  /// Which BitTorrent it is for.
  public var version: TorrentVersion { storage.version }
  /// The torrent's name as a safe path component (see docs/NAMES.md).
  public var name: String { storage.name }
  /// Bytes of a piece but the last.
  public var pieceLength: Int { storage.pieceLength }
  /// Whether peers may come only from the trackers (BEP 27).
  public var isPrivate: Bool { storage.isPrivate }
  /// The site that a torrent was made for; changes the info-hash.
  public var source: String? { storage.source }
  /// Whether the torrent is a folder: its files lie under `name`.
  public var isFolder: Bool { storage.isFolder }
  /// All files in the order of piece space, padding of v1 and hybrids included.
  public var files: [File] { storage.files }
  /// SHA-1 of the dictionary; `nil` for v2 (BEP 3).
  public var infoHashV1: SHA1Digest? { storage.infoHashV1 }
  /// SHA-256 of the dictionary; `nil` for v1 (BEP 52).
  public var infoHashV2: SHA256Digest? { storage.infoHashV2 }
  /// The hash that names the swarm: v1's if there is one, else the truncated v2's.
  public var infoHash: InfoHash { storage.infoHash }
  /// Every hash that names it on the wire, `infoHash` first.
  public var infoHashes: [InfoHash] {
    guard let first = infoHashV1, let second = infoHashV2 else { return [infoHash] }
    return [first, second.truncated]
  }
  /// Pieces in all.
  public var pieceCount: Int { storage.pieceCount }
  /// Bytes of content, padding not counted.
  public var contentLength: Int64 { storage.contentLength }
  /// The end of the last content in piece space.
  public var pieceSpace: Int64 { storage.pieceSpace }
  /// Info-hashes of torrents that share files with this one, said inside the dictionary (BEP 38).
  public var similar: [InfoHash] { storage.similar }
  /// Names of collections that this torrent belongs to, said inside the dictionary (BEP 38).
  public var collections: [String] { storage.collections }

  /// Leaves of a Merkle tree under one piece (v2).
  public var blocksPerPiece: Int { max(1, pieceLength / MerkleTree.leafSize) }

  /// The SHA-1 of a piece; `nil` for v2 or a piece that is not there.
  public func v1Hash(_ piece: Int) -> SHA1Digest? {
    guard let pieces = storage.v1Pieces, piece >= 0, piece < pieceCount else { return nil }
    let bytes = storage.bytes
    return SHA1Digest(bytes.rawBytes, at: pieces.lowerBound + piece * SHA1Digest.byteCount)
  }
}

extension Info: Equatable {
  /// Whether the dictionaries are the same, byte for byte.
  public static func == (one: Info, other: Info) -> Bool {
    one.storage === other.storage || one.storage.bytes == other.storage.bytes
  }
}

/// What an `Info` refers to.
final class InfoStorage: Sendable {
  let bytes: [UInt8]
  let version: TorrentVersion
  let name: String
  let isFolder: Bool
  let pieceLength: Int
  let isPrivate: Bool
  let source: String?
  let files: [File]
  let extents: [Extent]
  let infoHashV1: SHA1Digest?
  let infoHashV2: SHA256Digest?
  let infoHash: InfoHash
  let pieceCount: Int
  let contentLength: Int64
  let pieceSpace: Int64
  let v1Pieces: Range<Int>?
  let filesByRoot: [SHA256Digest: Int]
  let similar: [InfoHash]
  let collections: [String]

  init(_ parts: InfoParts) {
    bytes = parts.bytes
    version = parts.version
    name = parts.name
    isFolder = parts.isFolder
    pieceLength = parts.pieceLength
    isPrivate = parts.isPrivate
    source = parts.source
    files = parts.layout.files
    extents = files.map { Extent(offset: $0.offset, length: $0.length, isPadding: $0.isPadding) }
    infoHashV1 = version.hasV1 ? SHA1.hash(parts.bytes.rawBytes) : nil
    infoHashV2 = version.hasV2 ? SHA256.hash(parts.bytes.rawBytes) : nil
    // One of the two is always there.
    infoHash = infoHashV1 ?? infoHashV2?.truncated ?? SHA256Digest.zero.truncated
    pieceCount = parts.layout.pieceCount
    contentLength = parts.layout.contentLength
    pieceSpace = parts.layout.pieceSpace
    v1Pieces = parts.v1Pieces
    filesByRoot = parts.layout.filesByRoot
    similar = parts.similar
    collections = parts.collections
  }
}

/// What reading an info dictionary comes to.
struct InfoParts {
  var bytes: [UInt8]
  var version: TorrentVersion
  var name: String
  var isFolder: Bool
  var pieceLength: Int
  var isPrivate: Bool
  var source: String?
  var layout: FileLayout
  var v1Pieces: Range<Int>?
  var similar: [InfoHash]
  var collections: [String]
}
