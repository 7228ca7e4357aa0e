import Bytes

/// How many pieces one peer has that we want and lack: above zero we are interested in it (BEP 3).
///
/// The torrent keeps one per peer and tells it of each change, O(1) each; every mutating call says whether
/// our interest flipped, which is when a message is due.
struct InterestCount: Sendable, Equatable {
  /// Pieces that the peer has and `missing` names.
  private(set) var pieces: Int

  /// Counts once. O(pieces / 64).
  ///
  /// - Parameters:
  ///   - has: what the peer has.
  ///   - missing: `PiecePicker.missing`.
  init(has: Bitfield, missing: Bitfield) {
    pieces = (0..<missing.wordCount).reduce(0) { sum, index in
      sum + (missing.word(index) & has.word(index)).nonzeroBitCount
    }
  }

  /// Whether the peer has something for us.
  var isInterested: Bool { pieces > 0 }

  /// The peer got `piece`, which it lacked.
  @discardableResult
  mutating func peerGained(_ piece: Int, missing: Bitfield) -> Bool { missing[piece] ? add(1) : false }

  /// The peer lost `piece`, which it had (BEP 54).
  @discardableResult
  mutating func peerLost(_ piece: Int, missing: Bitfield) -> Bool { missing[piece] ? add(-1) : false }

  /// We got `piece`, or stopped wanting it; before, it was missing.
  @discardableResult
  mutating func settled(_ piece: Int, has: Bitfield) -> Bool { has[piece] ? add(-1) : false }

  /// We miss `piece` from now on: it was selected, or lost on our side.
  @discardableResult
  mutating func missed(_ piece: Int, has: Bitfield) -> Bool { has[piece] ? add(1) : false }

  private mutating func add(_ change: Int) -> Bool {
    let wasInterested = isInterested
    pieces += change
    return isInterested != wasInterested
  }
}
