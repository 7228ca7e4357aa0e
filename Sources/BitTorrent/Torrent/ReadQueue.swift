import EventLoop

/// What waits for bytes of a torrent, where reading goes on probably, and which pieces have deadlines.
struct ReadQueue {
  /// Where a reader was last.
  struct Position {
    var file: Int
    /// The piece of the last byte that it asked for.
    var piece: Int
    var lastUse: Instant
  }

  /// Reads on disk threads at once: with the most that one may have, this bounds memory.
  static let width = 4
  /// Readers that are remembered.
  static let maximumPositions = 64
  /// Seconds after which a reader that asks for nothing is forgotten.
  static let patience = 15.0
  /// Seconds between the deadlines of pieces that are read ahead, and until the first of them.
  static let step = 0.5
  static let lead = 2.0

  /// Calls that wait, the oldest first.
  var waiting: [FileRead] = []
  /// Calls whose bytes are being read from disk.
  var running = 0
  var positions: [Position] = []
  /// Deadlines that were set from outside.
  var deadlines: [Int32: Instant] = [:]

  /// Whether there is nothing to do.
  var isEmpty: Bool { waiting.isEmpty && running == 0 && positions.isEmpty && deadlines.isEmpty }

  /// A reader asks for bytes in these pieces of a file: the one that was there before, or a new one.
  mutating func visit(_ file: Int, _ pieces: ClosedRange<Int>, now: Instant) {
    let position = Position(file: file, piece: pieces.upperBound, lastUse: now)
    let index = positions.firstIndex {
      $0.file == file && $0.piece >= pieces.lowerBound - 1 && $0.piece <= pieces.upperBound
    }
    if let index {
      positions[index] = position
      return
    }
    if positions.count >= Self.maximumPositions,
      let oldest = positions.indices.min(by: { positions[$0].lastUse < positions[$1].lastUse })
    {
      positions.remove(at: oldest)
    }
    positions.append(position)
  }

  /// Forgets readers that have gone.
  mutating func expire(now: Instant) {
    positions.removeAll { now.seconds(since: $0.lastUse) > Self.patience }
    waiting.removeAll { $0.isOver }
  }
}
