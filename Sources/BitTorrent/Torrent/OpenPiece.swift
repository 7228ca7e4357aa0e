import Digest
import EventLoop
import PieceStorage

/// A piece that is being gathered: its memory and who sent which block.
final class OpenPiece {
  let buffer: PieceBuffer
  /// The sender's serial for each block; `nil` for none.
  var senders: [UInt32?]
  /// Proven leaf hashes of its blocks (BEP 52), once they were needed.
  var leaves: [SHA256Digest]?
  /// What its blocks hash to, while proven leaves are awaited for comparison, and since when.
  var computed: [SHA256Digest] = []
  var disputedAt: Instant?

  init(buffer: PieceBuffer, blocks: Int) {
    self.buffer = buffer
    senders = [UInt32?](repeating: nil, count: blocks)
  }
}
