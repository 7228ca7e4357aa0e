public import Digest
public import EventLoop

/// Blocks of a piece that is still being gathered, compared with their leaf hashes (BEP 52), so that a wrong
/// one names its sender at once. Submit it to a `DiskPool`.
///
/// The loop goes on writing other blocks of the piece meanwhile, but none of these: they are here already,
/// and a block that is found wrong is asked for again only after the result. The buffer's memory lives as
/// long as this holds it, even if the piece is given up.
///
/// Unchecked `Sendable`: the disk thread has it between submission and delivery, the loop before and after.
public final class LeafCheck: DiskJob, Completion, @unchecked Sendable {
  /// Blocks that are worth a job.
  public static let batch = 16
  /// The most blocks of one job: 1 MiB.
  public static let longest = 64

  /// The piece.
  public let piece: Int
  /// The leaves to be compared, in ascending order.
  public let blocks: [Int]
  /// Those of them that are wrong, once it is delivered.
  public private(set) var bad: [Int] = []
  private let buffer: PieceBuffer
  private let leaves: [SHA256Digest]
  private let treeLength: Int
  private let loop: Loop
  private var then: ((isolated Loop, LeafCheck) -> Void)?

  /// Blocks to be checked.
  ///
  /// - Parameters:
  ///   - piece: the piece that they belong to.
  ///   - blocks: their numbers, ascending; all of them are in `buffer`.
  ///   - buffer: the piece's memory.
  ///   - leaves: the leaf hashes of the piece, one for each block with content.
  ///   - treeLength: bytes of content in the piece.
  ///   - loop: where the result goes.
  ///   - then: called there.
  public init(
    piece: Int, blocks: [Int], buffer: PieceBuffer, leaves: [SHA256Digest], treeLength: Int, loop: Loop,
    then: @escaping (isolated Loop, LeafCheck) -> Void
  ) {
    self.piece = piece
    self.blocks = blocks
    self.buffer = buffer
    self.leaves = leaves
    self.treeLength = treeLength
    self.loop = loop
    self.then = then
  }

  /// Hashes and compares, then delivers itself.
  public func run(on thread: DiskThread) {
    let hasher = thread.hasher
    hasher.begin(v1: false, treeLength: blocks.reduce(0) { $0 + range($1).count })
    var first = 0
    while first < blocks.count {
      // Neighbours in one go.
      var last = first
      while last + 1 < blocks.count, blocks[last + 1] == blocks[last] + 1 { last += 1 }
      let bytes = range(blocks[first]).lowerBound..<range(blocks[last]).upperBound
      unsafe hasher.take(UnsafeRawBufferPointer(rebasing: buffer.memory[bytes]))
      first = last + 1
    }
    for (index, block) in blocks.enumerated() where hasher.leaf(index) != leaves[block] { bad.append(block) }
    loop.deliver(self)
  }

  private func range(_ block: Int) -> Range<Int> {
    let start = block * MerkleTree.leafSize
    return start..<min(start + MerkleTree.leafSize, treeLength)
  }

  /// Tells the owner.
  public func complete(on loop: isolated Loop) {
    // Dropped here, so that what the closure holds is let go of on its own loop.
    if let then = then.take() { then(loop, self) }
  }
}
