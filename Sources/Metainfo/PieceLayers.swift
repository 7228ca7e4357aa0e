import Bytes
public import Digest

/// The hashes of v2 pieces by the root of their file: what BEP 52 calls piece layers. May be
/// incomplete; files of one piece or less need none.
public struct PieceLayers: Sendable, Equatable {
  private var layers: [SHA256Digest: [SHA256Digest]] = [:]

  /// No layers.
  public init() {}

  /// The layer of the file with `root`. Setting checks nothing.
  public subscript(root: SHA256Digest) -> [SHA256Digest]? {
    get { layers[root] }
    set { layers[root] = newValue }
  }

  /// Layers that are here.
  public var count: Int { layers.count }

  /// The roots whose layers are here, in no order.
  public var roots: some Sequence<SHA256Digest> { layers.keys }

  /// Takes a layer in if a file of `info` has that root and the layer hashes up to it. O(n) digests.
  public mutating func insert(_ layer: [SHA256Digest], root: SHA256Digest, info: Info) -> Bool {
    guard let file = info.fileIndex(ofRoot: root) else { return false }
    let count = info.files[file].pieces.count
    guard count > 1, layer.count == count else { return false }
    let found = MerkleTree.root(
      leaves: layer, width: MerkleTree.width(count), level: MerkleTree.level(info.pieceLength),
      hasher: SHA256())
    guard found == root else { return false }
    layers[root] = layer
    return true
  }

  /// The root of a piece's own tree: from its file's layer, or the file's root if that is one piece.
  /// `nil` if it is not known. A root of a file no longer than a piece covers just that file's leaves.
  public func hash(ofPiece piece: Int, in info: Info) -> SHA256Digest? {
    guard info.version.hasV2, piece >= 0, piece < info.pieceCount else { return nil }
    let file = info.files[info.fileIndex(ofPiece: piece)]
    guard let root = file.piecesRoot else { return nil }
    if file.pieces.count == 1 { return root }
    guard let layer = layers[root], file.pieces.contains(piece) else { return nil }
    return layer[piece - file.pieces.lowerBound]
  }

  /// Files with more than one piece whose layer is not here, by index.
  public func missing(in info: Info) -> [Int] {
    guard info.version.hasV2 else { return [] }
    return info.files.indices.filter { index in
      guard info.files[index].pieces.count > 1, let root = info.files[index].piecesRoot else { return false }
      return layers[root] == nil
    }
  }
}
