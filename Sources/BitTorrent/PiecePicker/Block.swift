/// The unit that is requested: 16 KiB of a piece, or less at the piece's end (BEP 3).
struct Block: Hashable, Sendable {
  /// Bytes in every block but a piece's last.
  static let size = 16_384

  /// The piece that it lies in.
  let piece: Int32
  /// Its number in the piece: it begins at `index` × 16 KiB.
  let index: Int32
}

/// A block and the peer that it is requested from.
struct Assignment: Hashable, Sendable {
  /// The peer that was asked.
  let peer: PeerSlot
  /// What it was asked for.
  let block: Block
}
