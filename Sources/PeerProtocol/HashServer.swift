public import Digest

/// Answers hash requests (BEP 52) from piece layers and leaf hashes, and keeps what it takes work to make.
///
/// A request is first judged, which tells what the answer needs. Then a `HashDraft` is made of what is at
/// hand here; if that is not all, it goes to a thread that may read and hash, and what it has made is kept
/// for the next request. Inner nodes over piece layers and the leaf hashes of pieces are kept for those
/// asked about or verified last, each up to a limit. Confined to its owner.
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
  private var leaves: LeafCache

  /// A server that keeps trees of up to `limit` digests of 32 bytes, beyond the one in use, and leaf hashes
  /// in up to `leafBytes`.
  public init(limit: Int = 1 << 18, leafBytes: Int = 2 << 20) {
    self.limit = limit
    leaves = LeafCache(limit: leafBytes)
  }

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

  /// What is at hand for an answer to `request`. `pieceLayer` holds the hashes of the file's pieces, if
  /// known; they are not checked. O(1).
  public mutating func draft(
    _ request: HashRequest, file: HashGeometry, pieceLayer: [SHA256Digest]?
  ) -> HashDraft {
    var draft = HashDraft(request, file: file, pieceLayer: pieceLayer)
    if draft.needsPieceTree, draft.pieceLayer != nil, trees[file.root] != nil {
      uses += 1
      trees[file.root]?.lastUse = uses
      draft.pieceTree = trees[file.root]?.tree
    }
    if case .leaves(let piece) = draft.need {
      draft.leaves = leaves.find(LeafCache.Key(root: file.root, piece: piece))
    }
    return draft
  }

  /// Keeps what was made for an answer.
  public mutating func keep(_ draft: HashDraft) {
    if draft.hasNewLeaves, let leaves = draft.leaves, case .leaves(let piece) = draft.need {
      keep(leaves: leaves, root: draft.file.root, piece: piece)
    }
    guard draft.hasNewTree, let tree = draft.pieceTree, trees[draft.file.root] == nil else { return }
    uses += 1
    trees[draft.file.root] = Cached(tree: tree, lastUse: uses)
    held += tree.count
    while held > limit, trees.count > 1, let oldest = trees.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      held -= oldest.value.tree.count
      trees[oldest.key] = nil
    }
  }

  /// Keeps the leaf hashes of a piece of a file, which have been verified. O(1) amortised.
  public mutating func keep(leaves: [SHA256Digest], root: SHA256Digest, piece: Int) {
    self.leaves.insert(leaves, for: LeafCache.Key(root: root, piece: piece))
  }

  /// Bytes of leaf hashes that are kept, for displays and tests.
  public var leafBytes: Int { leaves.byteCount }

  /// The hashes and uncles that answer `request`, or `nil` if it is to be rejected; made here and now.
  ///
  /// `pieceLayer` holds the hashes of the file's pieces, if known; `leaves` those of the blocks of the piece
  /// that `need` named. O(length), but O(pieces) for the first request about a file.
  public mutating func answer(
    _ request: HashRequest, file: HashGeometry, pieceLayer: [SHA256Digest]?, leaves: [SHA256Digest] = []
  ) -> [SHA256Digest]? {
    var draft = draft(request, file: file, pieceLayer: pieceLayer)
    if draft.needsLeaves { draft.add(leaves: leaves) }
    let answer = draft.finish()
    keep(draft)
    return answer
  }
}
