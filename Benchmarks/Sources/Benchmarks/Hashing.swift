import Bytes
import Digest

/// Digests of pieces, per block of 16 KiB, and of trees.
enum Hashing {
  static let all = [
    piece("hash: a block of a v1 piece", v1: true, tree: false),
    piece("hash: a block of a v2 piece", v1: false, tree: true),
    piece("hash: a block of a hybrid piece", v1: true, tree: true),
    piece("hash: a block of two v1 pieces at once", v1: true, tree: false, lanes: 2),
    piece("hash: a block of sixteen v1 pieces at once", v1: true, tree: false, lanes: 16),
    piece("hash: a block of sixteen hybrid pieces at once", v1: true, tree: true, lanes: 16), merkle, proof,
  ]

  /// Pieces of 1 MiB, hashed as they are before they are written, `lanes` of them side by side.
  private static func piece(_ name: String, v1: Bool, tree: Bool, lanes: Int = 1) -> Benchmark {
    Benchmark(name, operations: 2048) {
      let hasher = PieceHasher()
      // Never freed: a lane's bytes must stay until they are hashed.
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: lanes << 20, alignment: 4096)
      memory.initializeMemory(as: UInt8.self, repeating: 5)
      let pieces = (0..<lanes).map { UnsafeRawBufferPointer(rebasing: memory[$0 << 20..<($0 + 1) << 20]) }
      func run(_ count: Int) {
        for _ in 0..<count / 64 / lanes {
          for lane in 0..<lanes {
            hasher.begin(lane: lane, v1: v1, treeLength: tree ? 1 << 20 : 0)
            hasher.set(pieces[lane], lane: lane)
          }
          hasher.update()
          for lane in 0..<lanes {
            if v1 { use(hasher.v1(lane: lane).hashValue) }
            if tree { use(hasher.root(lane: lane, width: 64).hashValue) }
          }
        }
      }
      run(64 * lanes)
      return run
    }
  }

  private static let merkle = Benchmark("merkle: the root of 1,024 leaves", operations: 50) {
    let leaves = (0..<1024).map { SHA256.hash([UInt8](repeating: UInt8($0 % 256), count: 8).rawBytes) }
    let hasher = SHA256()
    return { count in
      for _ in 0..<count {
        use(MerkleTree.root(leaves: leaves, width: 1024, hasher: hasher).hashValue)
      }
    }
  }

  private static let proof = Benchmark("merkle: a proof of 10 uncles", operations: 5000) {
    let leaf = SHA256.hash([UInt8](repeating: 1, count: 8).rawBytes)
    let uncles = [SHA256Digest](repeating: leaf, count: 10)
    let hasher = SHA256()
    return { count in
      for index in 0..<count {
        use(MerkleTree.root(of: leaf, index: index % 1024, uncles: uncles, hasher: hasher).hashValue)
      }
    }
  }
}
