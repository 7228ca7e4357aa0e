public import Digest

/// Answers hash requests (BEP 52) from piece layers and leaf hashes that its owner holds.
///
/// A request is first judged, which tells what the answer needs; leaf hashes are not kept anywhere and
/// must be made from the piece on disk. Inner nodes over piece layers are kept for the files asked about
/// last, up to a limit. Confined to its owner.
public struct HashServer: Sendable {
  /// The most nodes that one answer gives; blocks of a piece of 128 MiB, as other clients allow.
  public static let maximumLength = 8192

  /// What the answer to a request needs.
  public enum Need: Hashable, Sendable {
    /// It cannot be answered: send a hash reject.
    case nothing
    /// The file's piece layer.
    case pieceLayer
    /// The leaf hashes of this piece of the file, and the piece layer if its proof goes beyond the piece.
    case leaves(piece: Int)
  }

  private struct Cached: Sendable {
    var tree: HashTree
    var lastUse: Int
  }

  private let limit: Int
  private var trees: [SHA256Digest: Cached] = [:]
  private var held = 0
  private var uses = 0

  /// A server that keeps trees of up to `limit` digests of 32 bytes, beyond the one in use.
  public init(limit: Int = 1 << 18) { self.limit = limit }

  /// What an answer to `request` about `file` needs. O(1).
  public static func need(of request: HashRequest, file: HashGeometry) -> Need {
    let base = request.baseLayer
    guard request.piecesRoot == file.root, base < file.height,
      request.length > 0, request.length <= maximumLength, request.length & (request.length - 1) == 0,
      request.index % request.length == 0,
      request.index + request.length <= file.width(ofLayer: base),
      request.proofLayers < file.height - base
    else { return .nothing }
    if file.hasPieceLayer, base >= file.pieceLayer { return .pieceLayer }
    guard base == 0, request.length <= file.blocksPerPiece else { return .nothing }
    let piece = request.index / file.blocksPerPiece
    return piece < file.pieceCount ? .leaves(piece: piece) : .nothing
  }

  /// The hashes and uncles that answer `request`, or `nil` if it is to be rejected.
  ///
  /// `pieceLayer` holds the hashes of the file's pieces, if known; `leaves` those of the blocks of the piece
  /// that `need` named. What they hold is not checked. O(length), but O(pieces) for the first request about
  /// a file.
  public mutating func answer(
    _ request: HashRequest, file: HashGeometry, pieceLayer: [SHA256Digest]?, leaves: [SHA256Digest] = []
  ) -> [SHA256Digest]? {
    let need = Self.need(of: request, file: file)
    let hasher = SHA256()
    var pieces: HashTree?
    if file.hasPieceLayer, need == .pieceLayer || request.baseLayer + request.proofLayers >= file.pieceLayer {
      guard let pieceLayer, pieceLayer.count == file.pieceCount else { return nil }
      pieces = tree(of: file, pieceLayer, hasher: hasher)
    }
    var blocks: HashTree?
    var firstBlock = 0
    switch need {
    case .nothing: return nil
    case .pieceLayer: break
    case .leaves(let piece):
      guard leaves.count == file.blockCount(inPiece: piece) else { return nil }
      blocks = HashTree(leaves, base: 0, top: file.heightOfPiece, hasher: hasher)
      firstBlock = piece * file.blocksPerPiece
    }
    func node(layer: Int, index: Int) -> SHA256Digest? {
      if let blocks, layer < file.heightOfPiece {
        return blocks.node(layer: layer, index: index - firstBlock >> layer)
      }
      return pieces?.node(layer: layer, index: index)
    }
    var answer: [SHA256Digest] = []
    answer.reserveCapacity(request.length + request.uncleCount)
    for index in request.index..<request.index + request.length {
      guard let node = node(layer: request.baseLayer, index: index) else { return nil }
      answer.append(node)
    }
    for layer in request.subtreeLayer..<request.subtreeLayer + request.uncleCount {
      let index = request.index >> (layer - request.baseLayer) ^ 1
      guard let node = node(layer: layer, index: index) else { return nil }
      answer.append(node)
    }
    return answer
  }

  /// The tree over a piece layer, from the cache if it is there.
  private mutating func tree(
    of file: HashGeometry, _ layer: [SHA256Digest], hasher: borrowing SHA256
  ) -> HashTree {
    uses += 1
    if let cached = trees[file.root] {
      trees[file.root]?.lastUse = uses
      return cached.tree
    }
    let tree = HashTree(layer, base: file.pieceLayer, top: file.height, hasher: hasher)
    trees[file.root] = Cached(tree: tree, lastUse: uses)
    held += tree.count
    while held > limit, trees.count > 1, let oldest = trees.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      held -= oldest.value.tree.count
      trees[oldest.key] = nil
    }
    return tree
  }
}
