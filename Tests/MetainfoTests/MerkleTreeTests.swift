import Bytes
import Digest
import Metainfo
import Testing

@Suite struct MerkleTreeTests {
  private static let leaves = (0..<8).map { SHA256.hash([UInt8($0)].rawBytes) }

  @Test func `a root is the hash of the hashes below`() {
    let hasher = SHA256()
    let leaves = Self.leaves
    let left = hasher.parent(leaves[0], leaves[1])
    let right = hasher.parent(leaves[2], .zero)
    #expect(MerkleTree.root(leaves: Array(leaves[..<1]), width: 1, hasher: hasher) == leaves[0])
    #expect(MerkleTree.root(leaves: Array(leaves[..<2]), width: 2, hasher: hasher) == left)
    #expect(
      MerkleTree.root(leaves: Array(leaves[..<3]), width: 4, hasher: hasher)
        == hasher.parent(left, right))
  }

  @Test func `missing leaves are zero all the way up`() {
    let hasher = SHA256()
    var wide = Array(Self.leaves[..<3])
    wide += [SHA256Digest](repeating: .zero, count: 61)
    let short = MerkleTree.root(leaves: Array(Self.leaves[..<3]), width: 64, hasher: hasher)
    #expect(short == MerkleTree.root(leaves: wide, width: 64, hasher: hasher))
    #expect(MerkleTree.root(leaves: [], width: 64, hasher: hasher) == MerkleTree.padding(level: 6))
    #expect(MerkleTree.padding(level: 0) == .zero)
    #expect(MerkleTree.padding(level: 1) == hasher.parent(.zero, .zero))
  }

  @Test func `a layer of pieces is padded with whole pieces of zero leaves`() {
    let hasher = SHA256()
    let root = MerkleTree.root(leaves: Array(Self.leaves[..<3]), width: 4, level: 2, hasher: hasher)
    let left = hasher.parent(Self.leaves[0], Self.leaves[1])
    let right = hasher.parent(Self.leaves[2], MerkleTree.padding(level: 2))
    #expect(root == hasher.parent(left, right))
  }

  @Test(arguments: 0..<8)
  func `a leaf and its uncles give the root`(index: Int) {
    let hasher = SHA256()
    var rows = [Self.leaves]
    while let row = rows.last, row.count > 1 {
      rows.append(stride(from: 0, to: row.count, by: 2).map { hasher.parent(row[$0], row[$0 + 1]) })
    }
    let uncles = (0..<3).map { rows[$0][(index >> $0) ^ 1] }
    let root = MerkleTree.root(of: Self.leaves[index], index: index, uncles: uncles, hasher: hasher)
    #expect(root == rows[3][0])
    #expect(MerkleTree.root(of: .zero, index: index, uncles: uncles, hasher: hasher) != root)
  }

  @Test(arguments: [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1025, 2048)])
  func `widths are powers of two`(count: Int, width: Int) {
    #expect(MerkleTree.width(count) == width)
  }

  @Test func `counts follow from lengths`() {
    #expect(MerkleTree.leafCount(0) == 0)
    #expect(MerkleTree.leafCount(1) == 1)
    #expect(MerkleTree.leafCount(16384) == 1)
    #expect(MerkleTree.leafCount(16385) == 2)
    #expect(MerkleTree.level(16384) == 0)
    #expect(MerkleTree.level(1 << 20) == 6)
  }
}
