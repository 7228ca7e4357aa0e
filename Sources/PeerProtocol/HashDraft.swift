public import Digest

/// An answer to a hash request (BEP 52) in the making: what it is made of, as far as that is known.
///
/// A value that may go to a thread that reads leaves and hashes trees; `finish` does the latter.
public struct HashDraft: Sendable {
  /// What was asked.
  public let request: HashRequest
  /// The file that it is about.
  public let file: HashGeometry
  /// What the answer needs.
  public let need: HashServer.Need
  let pieceLayer: [SHA256Digest]?
  var pieceTree: HashTree?
  var leaves: [SHA256Digest]?
  /// Whether the leaves or the tree were made for this answer.
  private(set) var hasNewLeaves = false
  private(set) var hasNewTree = false

  init(_ request: HashRequest, file: HashGeometry, pieceLayer: [SHA256Digest]?) {
    self.request = request
    self.file = file
    self.pieceLayer = pieceLayer?.count == file.pieceCount ? pieceLayer : nil
    need = HashServer.need(of: request, file: file)
  }

  /// Whether nodes above pieces are in the answer.
  var needsPieceTree: Bool {
    file.hasPieceLayer
      && (need == .pieceLayer
        || (isAboutLeaves && request.baseLayer + request.proofLayers >= file.pieceLayer))
  }

  private var isAboutLeaves: Bool {
    if case .leaves = need { return true }
    return false
  }

  /// Whether nodes between leaves and the piece's root are in the answer.
  private var needsBlockTree: Bool { request.subtreeLayer < file.heightOfPiece && request.uncleCount > 0 }

  /// Whether `add(leaves:)` is to be called before `finish`.
  public var needsLeaves: Bool { isAboutLeaves && leaves == nil }

  /// Whether `finish` has nothing to hash, so that it may be called anywhere.
  public var isReady: Bool {
    if needsPieceTree, pieceTree == nil, pieceLayer != nil { return false }
    return !isAboutLeaves || (leaves != nil && !needsBlockTree)
  }

  /// Adds the leaf hashes of the piece that `need` names, as they were read; `finish` verifies them.
  public mutating func add(leaves: [SHA256Digest]) {
    self.leaves = leaves
    hasNewLeaves = true
  }

  /// The hashes and uncles of the answer; `nil` if the request is to be rejected, because something lacks
  /// or the leaves are not those of the piece. O(length), but O(blocks in a piece) with new leaves and
  /// O(pieces) without a tree.
  public mutating func finish() -> [SHA256Digest]? {
    let hasher = SHA256()
    if needsPieceTree, pieceTree == nil {
      guard let pieceLayer else { return nil }
      pieceTree = HashTree(pieceLayer, base: file.pieceLayer, top: file.height, hasher: hasher)
      hasNewTree = true
    }
    var blocks: HashTree?
    var firstBlock = 0
    switch need {
    case .nothing: return nil
    case .pieceLayer: break
    case .leaves(let piece):
      guard let leaves, leaves.count == file.blockCount(inPiece: piece) else { return forgetLeaves() }
      if hasNewLeaves || needsBlockTree {
        let tree = HashTree(leaves, base: 0, top: file.heightOfPiece, hasher: hasher)
        let expected = file.hasPieceLayer ? pieceLayer?[piece] : file.root
        // Whoever gets a wrong answer takes us for a liar; what is on the disk may have changed.
        if let expected, tree.root != expected { return forgetLeaves() }
        if expected == nil { hasNewLeaves = false }
        blocks = tree
      }
      firstBlock = piece * file.blocksPerPiece
    }
    return nodes(blocks, firstBlock)
  }

  private mutating func forgetLeaves() -> [SHA256Digest]? {
    leaves = nil
    hasNewLeaves = false
    return nil
  }

  private func nodes(_ blocks: HashTree?, _ firstBlock: Int) -> [SHA256Digest]? {
    func node(layer: Int, index: Int) -> SHA256Digest? {
      if isAboutLeaves, layer < file.heightOfPiece {
        if layer == 0, let leaves {
          return index - firstBlock < leaves.count ? leaves[index - firstBlock] : .zero
        }
        return blocks?.node(layer: layer, index: index - firstBlock >> layer)
      }
      return pieceTree?.node(layer: layer, index: index)
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
}
