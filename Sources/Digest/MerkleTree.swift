import Bytes

/// The hash trees of BEP 52: SHA-256 over blocks of 16 KiB, padded with zero leaves to a power of two.
public enum MerkleTree {
  /// Bytes under one leaf.
  public static let leafSize = 16384

  /// Roots of trees of 1, 2, 4 … zero leaves.
  private static let paddings: [SHA256Digest] = {
    let hasher = SHA256()
    var all = [SHA256Digest.zero]
    while let last = all.last, all.count < 64 { all.append(hasher.parent(last, last)) }
    return all
  }()

  /// The root of a tree of 2^`level` zero leaves. O(1).
  public static func padding(level: Int) -> SHA256Digest { paddings[level] }

  /// Leaves that `length` bytes have.
  public static func leafCount(_ length: Int64) -> Int {
    Int((length + Int64(leafSize) - 1) / Int64(leafSize))
  }

  /// The least power of two that is not below `count`; 1 for none.
  public static func width(_ count: Int) -> Int {
    count <= 1 ? 1 : 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount)
  }

  /// The level of nodes that stand for `length` bytes each, counted from the leaves; `length` is a
  /// power of two from 16 KiB.
  public static func level(_ length: Int) -> Int { (length / leafSize).trailingZeroBitCount }

  /// The root over `nodes`, padded to `width` of them (a power of two). `level` says what the nodes
  /// are: 0 for leaves, more for a piece layer. O(n) digests of 64 bytes.
  public static func root(
    leaves nodes: [SHA256Digest], width: Int, level: Int = 0, hasher: borrowing SHA256
  ) -> SHA256Digest {
    guard width > 1 else { return nodes.first ?? padding(level: level) }
    var row: [UInt8] = []
    row.reserveCapacity((nodes.count + 1) * SHA256Digest.byteCount)
    for node in nodes { node.append(to: &row) }
    return root(&row, width: width, level: level, hasher)
  }

  /// The same over nodes in wire form, which are overwritten.
  public static func root(
    _ row: inout [UInt8], width: Int, level: Int, _ hasher: borrowing SHA256
  ) -> SHA256Digest {
    let size = SHA256Digest.byteCount
    var width = width
    var level = level
    while width > 1 {
      let count = row.count / size
      if count == 0 { return padding(level: level + width.trailingZeroBitCount) }
      if count % 2 == 1 { padding(level: level).append(to: &row) }
      let parents = (count + 1) / 2
      unsafe row.withUnsafeMutableBytes { unsafe SHA256.parents($0, count: parents) }
      row.removeLast(row.count - parents * size)
      width /= 2
      level += 1
    }
    return SHA256Digest(row.rawBytes)
  }

  /// The root that follows from a node at `index` of its row and its uncles from the bottom up.
  public static func root(
    of node: SHA256Digest, index: Int, uncles: [SHA256Digest], hasher: borrowing SHA256
  ) -> SHA256Digest {
    var node = node
    var index = index
    for uncle in uncles {
      node = index & 1 == 0 ? hasher.parent(node, uncle) : hasher.parent(uncle, node)
      index >>= 1
    }
    return node
  }
}
