import Bytes
public import Digest

/// Which nodes of a file's Merkle tree: the payload of hash request and hash reject, and the start of
/// hashes (BEP 52).
///
/// Layers are counted from the leaves, which are the hashes of 16 KiB blocks. The answer holds `length`
/// nodes of the base layer, then one uncle for each proof layer that the nodes themselves do not give.
public struct HashRequest: Hashable, Sendable {
  static let byteCount = 48

  /// The root of the file's tree: names the file.
  public var piecesRoot: SHA256Digest
  /// The layer of the nodes asked for; 0 is the leaves.
  public var baseLayer: Int
  /// The first node within its layer: a multiple of `length`.
  public var index: Int
  /// Nodes asked for: a power of two, at least two by the BEP (some ask for one).
  public var length: Int
  /// Layers above the base layer whose uncles are wanted, counted from the base layer even though the
  /// first ones follow from the nodes.
  public var proofLayers: Int

  /// Names nodes; the numbers must fit 32 bits.
  public init(piecesRoot: SHA256Digest, baseLayer: Int, index: Int, length: Int, proofLayers: Int) {
    self.piecesRoot = piecesRoot
    self.baseLayer = baseLayer
    self.index = index
    self.length = length
    self.proofLayers = proofLayers
  }

  init(_ bytes: RawSpan, at offset: Int) {
    piecesRoot = SHA256Digest(bytes, at: offset)
    baseLayer = Int(bytes.bigEndian(UInt32.self, at: offset + 32))
    index = Int(bytes.bigEndian(UInt32.self, at: offset + 36))
    length = Int(bytes.bigEndian(UInt32.self, at: offset + 40))
    proofLayers = Int(bytes.bigEndian(UInt32.self, at: offset + 44))
  }

  func append(to buffer: inout [UInt8]) {
    piecesRoot.append(to: &buffer)
    buffer.append(bigEndian: UInt32(baseLayer))
    buffer.append(bigEndian: UInt32(index))
    buffer.append(bigEndian: UInt32(length))
    buffer.append(bigEndian: UInt32(proofLayers))
  }

  /// The layer of the node under which all nodes asked for lie, for a `length` that is a power of two.
  var subtreeLayer: Int { baseLayer + length.trailingZeroBitCount }

  /// Uncles that the answer holds: one for each ancestor layer from the subtree's root up to the last
  /// proof layer; the layers below it are counted but follow from the nodes.
  var uncleCount: Int { max(0, baseLayer + proofLayers - subtreeLayer + 1) }
}
