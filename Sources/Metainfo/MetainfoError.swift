public import Bencode
public import Digest

/// What is wrong with a torrent. Paths are given as the torrent has them, joined with `/`.
public enum MetainfoError: Error, Sendable, Equatable {
  /// The bytes are not bencoded.
  case bencode(BencodeError)
  /// A value that must be there is not.
  case missing(key: String)
  /// A value is of the wrong kind.
  case wrongType(key: String, expected: String)
  /// A number that must not be negative is.
  case negativeLength(path: String)
  /// `meta version` is one that we do not know.
  case unsupportedVersion(Int64)
  /// The piece length is not positive, or for v2 not a power of two from 16 KiB.
  case invalidPieceLength(Int64)
  /// `pieces` is not a whole number of SHA-1 digests.
  case invalidPieces(byteCount: Int)
  /// There are more or fewer piece hashes than the content has pieces.
  case pieceCountMismatch(expected: Int, found: Int)
  /// The dictionary has both `length` and `files`, or neither.
  case ambiguousFiles
  /// There is no content: no files, or only empty ones.
  case noContent
  /// A file without a path.
  case emptyPath(index: Int)
  /// An entry of the file tree is neither a file nor a folder, or both.
  case invalidFileTree(path: String)
  /// The file tree is not in the order of raw bytes, which decides the order of pieces.
  case unsortedFileTree(path: String)
  /// A file with content has no root.
  case missingRoot(path: String)
  /// A root is not 32 bytes.
  case invalidRoot(path: String)
  /// Two files of different length have the same root.
  case conflictingRoots(path: String)
  /// A symbolic link without a target, or with content.
  case invalidLink(path: String)
  /// A piece layer of the wrong length.
  case invalidLayer(root: SHA256Digest, expected: Int, found: Int)
  /// A piece layer that does not hash up to its root.
  case layerMismatch(root: SHA256Digest)
  /// A piece layer of no file with more than one piece.
  case unknownLayer(root: String)
  /// The v1 list and the v2 tree of a hybrid tell different stories.
  case hybridMismatch(path: String, reason: String)
  /// More bytes than the limit.
  case tooLarge(bytes: Int, limit: Int)
  /// More files than the limit.
  case tooManyFiles(limit: Int)
  /// More pieces than the limit.
  case tooManyPieces(limit: Int)
  /// Pieces longer than the limit.
  case pieceLengthTooLarge(Int64, limit: Int)
  /// More content than the limit.
  case contentTooLarge(limit: Int64)
  /// A path with more components than the limit.
  case pathTooDeep(path: String, limit: Int)
  /// A path with more bytes than the limit.
  case pathTooLong(path: String, limit: Int)
  /// More trackers than the limit.
  case tooManyTrackers(limit: Int)
  /// More web seeds than the limit.
  case tooManyWebSeeds(limit: Int)
  /// More nodes than the limit.
  case tooManyNodes(limit: Int)
  /// More similar torrents or collections than the limit.
  case tooManyHints(key: String, limit: Int)
  /// An address longer than the limit.
  case addressTooLong(key: String, limit: Int)
  /// A text longer than the limit.
  case textTooLong(key: String, limit: Int)
}

extension MetainfoError: CustomStringConvertible {
  /// The fault in words: what and where.
  public var description: String {
    switch self {
    case .bencode(let error): "not a torrent file: \(error)"
    case .missing(let key): "'\(key)' is missing"
    case .wrongType(let key, let expected): "'\(key)' is not \(expected)"
    case .negativeLength(let path): "the length of '\(path)' is negative"
    case .unsupportedVersion(let version): "meta version \(version) is not supported"
    case .invalidPieceLength(let length):
      "a piece length of \(length) is not allowed (v2 needs a power of two from 16384)"
    case .invalidPieces(let count): "'pieces' has \(count) bytes, which is not a multiple of 20"
    case .pieceCountMismatch(let expected, let found):
      "there are \(found) piece hashes for \(expected) pieces"
    case .ambiguousFiles: "there must be either 'length' or 'files'"
    case .noContent: "the torrent has no content"
    case .emptyPath(let index): "file \(index) has no path"
    case .invalidFileTree(let path): "'\(path)' in the file tree is neither a file nor a folder"
    case .unsortedFileTree(let path): "'\(path)' in the file tree is out of order"
    case .missingRoot(let path): "'\(path)' has no 'pieces root'"
    case .invalidRoot(let path): "the 'pieces root' of '\(path)' is not 32 bytes"
    case .conflictingRoots(let path): "'\(path)' has the root of a file of another length"
    case .invalidLink(let path): "the symbolic link '\(path)' has no target or has content"
    case .invalidLayer(let root, let expected, let found):
      "the piece layer of \(root) has \(found) bytes instead of \(expected)"
    case .layerMismatch(let root): "the piece layer of \(root) does not hash to that root"
    case .unknownLayer(let root): "the piece layer of \(root) belongs to no file"
    case .hybridMismatch(let path, let reason): "v1 and v2 disagree about '\(path)': \(reason)"
    case .tooLarge(let bytes, let limit): "\(bytes) bytes are more than the limit of \(limit)"
    case .tooManyFiles(let limit): "there are more than \(limit) files"
    case .tooManyPieces(let limit): "there are more than \(limit) pieces"
    case .pieceLengthTooLarge(let length, let limit):
      "a piece length of \(length) is more than the limit of \(limit)"
    case .contentTooLarge(let limit): "the content is larger than the limit of \(limit) bytes"
    case .pathTooDeep(let path, let limit): "'\(path)' has more than \(limit) components"
    case .pathTooLong(let path, let limit): "'\(path.prefix(60))…' is longer than \(limit) bytes"
    case .tooManyTrackers(let limit): "there are more than \(limit) trackers"
    case .tooManyWebSeeds(let limit): "there are more than \(limit) web seeds"
    case .tooManyNodes(let limit): "there are more than \(limit) DHT nodes"
    case .tooManyHints(let key, let limit): "there are more than \(limit) entries in '\(key)'"
    case .addressTooLong(let key, let limit): "an address in '\(key)' is longer than \(limit) bytes"
    case .textTooLong(let key, let limit): "'\(key)' is longer than \(limit) bytes"
    }
  }
}
