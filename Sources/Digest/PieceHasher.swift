import Bytes

/// The digests of a piece, taken as its bytes pass by: SHA-1 for v1, the Merkle tree of 16 KiB leaves
/// for v2, or both, each leaf read once. Reused from piece to piece: no allocation after the first.
/// Confined to one thread.
@safe
public final class PieceHasher {
  private let sha1 = SHA1()
  private let sha256 = SHA256()
  /// Digests of the leaves, in wire form; the tree is built in place over them.
  private var row: UnsafeMutableRawBufferPointer
  /// Whether it takes the SHA-1 of this piece.
  public private(set) var hasV1 = false
  /// Bytes of the piece that the tree has yet to take in, and those of the unfinished leaf.
  private var treeLeft = 0
  private var leafFill = 0
  /// Leaves that are complete.
  public private(set) var leafCount = 0

  /// A hasher, with its contexts.
  public init() { unsafe row = .allocate(byteCount: 64 * SHA256Digest.byteCount, alignment: 16) }

  deinit { unsafe row.deallocate() }

  /// Starts a piece. `treeLength`: how many of its first bytes are under its Merkle tree; 0 for v1.
  public func begin(v1: Bool, treeLength: Int) {
    hasV1 = v1
    treeLeft = treeLength
    leafFill = 0
    leafCount = 0
    let size = (MerkleTree.leafCount(Int64(treeLength)) + 1) * SHA256Digest.byteCount
    guard unsafe size > row.count else { return }
    unsafe row.deallocate()
    unsafe row = .allocate(byteCount: size, alignment: 16)
  }

  /// Takes in the next bytes of the piece, any number.
  public func take(_ bytes: UnsafeRawBufferPointer) {
    var rest = unsafe bytes
    while treeLeft > 0, unsafe !rest.isEmpty {
      let length = min(rest.count, MerkleTree.leafSize - leafFill, treeLeft)
      let part = unsafe UnsafeRawBufferPointer(rebasing: rest[..<length])
      // The same 16 KiB twice in a row: the second time they come from the nearest cache.
      unsafe sha256.update(RawSpan(_unsafeBytes: part))
      if hasV1 { unsafe sha1.update(RawSpan(_unsafeBytes: part)) }
      leafFill += length
      treeLeft -= length
      if leafFill == MerkleTree.leafSize || treeLeft == 0 { endLeaf() }
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
    if hasV1, unsafe !rest.isEmpty { unsafe sha1.update(RawSpan(_unsafeBytes: rest)) }
  }

  /// Takes in the next leaf, all of it, whose digest is known.
  public func take(_ bytes: UnsafeRawBufferPointer, digest: SHA256Digest) {
    precondition(leafFill == 0 && bytes.count == min(MerkleTree.leafSize, treeLeft))
    unsafe digest.store(to: row, at: leafCount * SHA256Digest.byteCount)
    leafCount += 1
    treeLeft -= bytes.count
    if hasV1 { unsafe sha1.update(RawSpan(_unsafeBytes: bytes)) }
  }

  private func endLeaf() {
    unsafe sha256.finish().store(to: row, at: leafCount * SHA256Digest.byteCount)
    leafCount += 1
    leafFill = 0
  }

  /// The digest of a leaf; before `root`, which overwrites them.
  public func leaf(_ index: Int) -> SHA256Digest {
    precondition(index < leafCount)
    return unsafe SHA256Digest(
      RawSpan(_unsafeBytes: UnsafeRawBufferPointer(row)), at: index * SHA256Digest.byteCount)
  }

  /// The SHA-1 of what was taken in. Ends it.
  public func v1() -> SHA1Digest { sha1.finish() }

  /// The root of the tree, padded with zero leaves to `width` of them. Overwrites the leaves.
  public func root(width: Int) -> SHA256Digest {
    let size = SHA256Digest.byteCount
    var width = width
    var level = 0
    var count = leafCount
    leafCount = 0
    guard count > 0 else { return MerkleTree.padding(level: width.trailingZeroBitCount) }
    while width > 1 {
      if count % 2 == 1 {
        unsafe MerkleTree.padding(level: level).store(to: row, at: count * size)
        count += 1
      }
      for parent in 0..<count / 2 {
        let pair = unsafe UnsafeRawBufferPointer(rebasing: row[2 * size * parent..<2 * size * (parent + 1)])
        unsafe sha256.update(RawSpan(_unsafeBytes: pair))
        unsafe sha256.finish().store(to: row, at: parent * size)
      }
      count /= 2
      width /= 2
      level += 1
    }
    return unsafe SHA256Digest(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(row)))
  }

  /// Forgets a piece that was not taken in to its end.
  public func abandon() {
    _ = sha1.finish()
    _ = sha256.finish()
    hasV1 = false
    treeLeft = 0
  }
}
