public import Digest

/// The shape of one file's Merkle tree (BEP 52): all that hash requests need to know of a file.
///
/// Leaves are the hashes of 16 KiB blocks. A file of more than one piece has a piece layer, whose width is
/// padded to a power of two with the roots of all-zero subtrees; a file of one piece has a tree that is
/// just wide enough for its blocks.
public struct HashGeometry: Hashable, Sendable {
  /// The root of the file's tree.
  public let root: SHA256Digest
  /// Blocks with content; at least one.
  public let blockCount: Int
  /// Blocks in a whole piece: a power of two.
  public let blocksPerPiece: Int

  /// The shape of a file of `blockCount` blocks; a count below one, or pieces of another number of blocks
  /// than a power of two, trap.
  public init(root: SHA256Digest, blockCount: Int, blocksPerPiece: Int) {
    precondition(blockCount > 0 && blocksPerPiece > 0 && blocksPerPiece & (blocksPerPiece - 1) == 0)
    self.root = root
    self.blockCount = blockCount
    self.blocksPerPiece = blocksPerPiece
  }

  /// Pieces of the file.
  public var pieceCount: Int { (blockCount - 1) / blocksPerPiece + 1 }

  /// The layer whose nodes are whole pieces.
  public var pieceLayer: Int { blocksPerPiece.trailingZeroBitCount }

  /// Whether the file has a piece layer of its own; if not, its root is the hash of its only piece.
  public var hasPieceLayer: Bool { pieceCount > 1 }

  /// The root's layer.
  public var height: Int { hasPieceLayer ? pieceLayer + pieceCount.bitsToCover : blockCount.bitsToCover }

  /// The layer of the node that covers exactly one piece: the root's in a file of one piece.
  public var heightOfPiece: Int { hasPieceLayer ? pieceLayer : height }

  /// Nodes of a layer, padding included.
  func width(ofLayer layer: Int) -> Int { 1 << (height - layer) }

  /// Blocks with content in a piece.
  public func blockCount(inPiece piece: Int) -> Int {
    min(blocksPerPiece, blockCount - piece * blocksPerPiece)
  }
}

extension Int {
  /// The least n with 2ⁿ ≥ self, for a positive number.
  var bitsToCover: Int { self <= 1 ? 0 : Int.bitWidth - (self - 1).leadingZeroBitCount }

  /// The least power of two that is no smaller, for a positive number.
  var powerOfTwoToCover: Int { 1 << bitsToCover }
}
