public import Digest
public import Metainfo

/// What a piece must hash to (BEP 3, BEP 52).
public struct PieceExpectation: Sendable, Equatable {
  /// The SHA-1 of the whole piece, padding included.
  public var v1: SHA1Digest?
  /// The root of the Merkle tree over the piece's content.
  public var root: SHA256Digest?
  /// Bytes under that tree: the piece without padding.
  public var treeLength: Int
  /// Leaves of the tree, those of padding included: a power of two.
  public var treeWidth: Int
  /// The digest of each 16 KiB leaf, if known: they tell which blocks of a bad piece are bad.
  public var leaves: [SHA256Digest]?

  /// What is known about a piece of `info`; `nil` if that is nothing: a v2 torrent whose piece layer
  /// is missing. A hybrid whose layer is missing is checked by its SHA-1 alone.
  public init?(piece: Int, info: Info, layers: PieceLayers, leaves: [SHA256Digest]? = nil) {
    v1 = info.v1Hash(piece)
    root = layers.hash(ofPiece: piece, in: info)
    (treeLength, treeWidth) = Self.tree(piece: piece, info: info)
    self.leaves = leaves
    if v1 == nil && root == nil { return nil }
  }

  /// Bytes of a piece that are under its tree: what leaf hashes are about. 0 for v1.
  public static func treeLength(piece: Int, info: Info) -> Int { tree(piece: piece, info: info).length }

  /// Bytes under a piece's tree and the leaves of that; (0, 1) for v1.
  static func tree(piece: Int, info: Info) -> (length: Int, width: Int) {
    guard info.version.hasV2 else { return (0, 1) }
    let file = info.files[info.fileIndex(ofPiece: piece)]
    let start = Int64(piece - file.pieces.lowerBound) * Int64(info.pieceLength)
    let length = Int(max(0, min(Int64(info.pieceLength), file.length - start)))
    // The root of a file of one piece covers its own leaves only.
    let width =
      file.pieces.count > 1 ? info.blocksPerPiece : MerkleTree.width(MerkleTree.leafCount(file.length))
    return (length, width)
  }

  /// Bytes that have to pass a Merkle tree: none if its root is not known.
  var checkedTreeLength: Int { root == nil ? 0 : treeLength }
}

extension PieceHasher {
  /// Whether the piece that was taken in in `lane` is what `expected` says.
  func matches(_ expected: PieceExpectation, lane: Int = 0) -> Bool {
    var matches = true
    if hasV1(lane: lane) { matches = v1(lane: lane) == expected.v1 || expected.v1 == nil }
    if let root = expected.root {
      matches = self.root(lane: lane, width: expected.treeWidth) == root && matches
    }
    return matches
  }
}
