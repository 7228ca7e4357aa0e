/// How a torrent's pieces divide into blocks: sizes, the last short ones, and trailing padding that nobody
/// needs to send (BEP 47, BEP 52).
///
/// Regular torrents keep two numbers; those with short or padded pieces 4 bytes a piece for each kind.
struct PieceGeometry: Sendable {
  /// Pieces in the torrent.
  let pieceCount: Int
  /// Bytes in a piece that is not shortened.
  let pieceLength: Int
  /// The most blocks that any piece can have.
  let maximumBlocks: Int
  private let lastSize: Int
  private let sizes: [Int32]
  private let padding: [Int32]

  /// Asks once for every piece.
  ///
  /// - Parameters:
  ///   - pieceCount: pieces in the torrent.
  ///   - pieceLength: bytes in a full piece.
  ///   - size: bytes of a piece on the wire.
  ///   - padding: how many of those, at the piece's end, are padding.
  init(pieceCount: Int, pieceLength: Int, size: (Int) -> Int, padding: (Int) -> Int = { _ in 0 }) {
    self.pieceCount = pieceCount
    self.pieceLength = pieceLength
    maximumBlocks = (pieceLength + Block.size - 1) / Block.size
    lastSize = pieceCount > 0 ? size(pieceCount - 1) : 0
    let isRegular = (0..<max(pieceCount - 1, 0)).allSatisfy { size($0) == pieceLength }
    sizes = isRegular ? [] : (0..<pieceCount).map { Int32(size($0)) }
    let isPadded = (0..<pieceCount).contains { padding($0) > 0 }
    self.padding = isPadded ? (0..<pieceCount).map { Int32(padding($0)) } : []
  }

  /// A torrent of `length` bytes in equal pieces, the last as long as what remains.
  init(length: Int, pieceLength: Int) {
    let count = (length + pieceLength - 1) / pieceLength
    self.init(
      pieceCount: count, pieceLength: pieceLength,
      size: { $0 == count - 1 ? length - (count - 1) * pieceLength : pieceLength })
  }

  /// Bytes of `piece` on the wire.
  func size(_ piece: Int) -> Int {
    guard sizes.isEmpty else { return Int(sizes[piece]) }
    return piece == pieceCount - 1 ? lastSize : pieceLength
  }

  /// Blocks of `piece` to request: those at its end that are padding alone are not counted, so 0 for a
  /// piece of nothing else.
  func blockCount(_ piece: Int) -> Int {
    let content = size(piece) - (padding.isEmpty ? 0 : Int(padding[piece]))
    return (max(content, 0) + Block.size - 1) / Block.size
  }

  /// Where `block` begins in its piece, in bytes.
  func begin(_ block: Block) -> Int { Int(block.index) * Block.size }

  /// Bytes of `block` on the wire; the last to request may end with padding.
  func length(_ block: Block) -> Int { min(Block.size, size(Int(block.piece)) - begin(block)) }

  /// The block that starts `begin` bytes into `piece` and has `length` bytes; `nil` if none is like that.
  func block(piece: Int, begin: Int, length: Int) -> Block? {
    guard piece >= 0, piece < pieceCount, begin >= 0, begin % Block.size == 0,
      begin / Block.size < blockCount(piece)
    else { return nil }
    let block = Block(piece: Int32(piece), index: Int32(begin / Block.size))
    return self.length(block) == length ? block : nil
  }

  /// Whether `piece` holds padding and nothing else: nobody is asked for it, the torrent checks it itself.
  func isPaddingOnly(_ piece: Int) -> Bool { blockCount(piece) == 0 }
}
