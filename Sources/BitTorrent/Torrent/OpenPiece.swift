import Bytes
import Digest
import EventLoop
import PieceStorage

/// A piece that is being gathered: its memory and who sent which block.
final class OpenPiece {
  let buffer: PieceBuffer
  /// The sender's serial for each block; `nil` for none.
  var senders: [UInt32?]
  /// The serial of the peer that was asked for its first block, 0 for none, and whether others were asked too.
  var asker: UInt32 = 0
  var isShared = false

  // Leaf hashes (BEP 52).
  /// Whether they were asked for, or nobody has them.
  var wantsLeaves = false
  /// Those of its blocks, proven, once they are here.
  private(set) var leaves: [SHA256Digest]?
  /// The same as `leaves != nil`, for each block that comes.
  private(set) var isWatched = false
  /// Blocks that were compared with their leaf hash, and are right.
  private(set) var checked = Bitfield(count: 0)
  /// Blocks that are here and were not given to a check.
  var unchecked = 0
  /// Whether a check reads its blocks now, and whether the piece waits for that to be finished.
  var isChecking = false
  var isWaiting = false
  /// What its blocks hash to, while proven leaves are awaited for comparison, and since when.
  var computed: [SHA256Digest] = []
  var disputedAt: Instant?

  init(buffer: PieceBuffer, blocks: Int) {
    self.buffer = buffer
    senders = [UInt32?](repeating: nil, count: blocks)
  }

  /// Takes the leaf hashes; blocks that are here are to be compared with them.
  func watch(_ leaves: [SHA256Digest]) {
    self.leaves = leaves
    isWatched = true
    checked = Bitfield(count: senders.count)
    unchecked = senders.count { $0 != nil }
  }

  /// Blocks that are here and were not compared, the first ones.
  func uncheckedBlocks(_ limit: Int) -> [Int] {
    var found: [Int] = []
    for block in senders.indices where senders[block] != nil && !checked[block] {
      found.append(block)
      if found.count == limit { break }
    }
    return found
  }

  /// Notes which of some blocks are right.
  func passed(_ blocks: some Sequence<Int>) {
    for block in blocks where block < checked.count { checked[block] = true }
  }

  /// The only sender of its blocks, if it has one.
  var soleSender: UInt32? {
    guard let first = senders.first, senders.allSatisfy({ $0 == first }) else { return nil }
    return first
  }
}
