/// Time as peers' notes have it: ticks in 13 bits, of as many seconds as their lifetime needs, one by default.
struct SwarmClock: Sendable {
  private static let mask: UInt32 = 0x1fff
  /// Ticks that a lifetime has at most; the rest of the round is time for the sweep.
  private static let mostTicks: UInt32 = 5000

  /// Seconds of a tick, as a power of two.
  let shift: UInt32
  /// Ticks after which a peer is forgotten.
  private let lifetime: UInt32

  init(lifetime seconds: UInt32) {
    var shift: UInt32 = 0
    while seconds >> shift > Self.mostTicks { shift += 1 }
    self.shift = shift
    // Rounded up, for the tick in which the peer announced had begun before.
    lifetime = seconds >> shift + (shift > 0 ? 1 : 0)
  }

  func tick(_ now: UInt32) -> UInt32 { now >> shift & Self.mask }

  func isOver(_ note: PeerNote, now: UInt32) -> Bool { ticks(since: note, now: now) > lifetime }

  /// Seconds since the peer announced, to the tick.
  func age(_ note: PeerNote, now: UInt32) -> UInt32 { ticks(since: note, now: now) << shift }

  /// A note as it is written down: the age in ticks in place of the time.
  func aged(_ note: PeerNote, now: UInt32) -> UInt16 {
    note.word & ~UInt16(Self.mask) | UInt16(truncatingIfNeeded: ticks(since: note, now: now))
  }

  private func ticks(since note: PeerNote, now: UInt32) -> UInt32 { (tick(now) &- note.tick) & Self.mask }
}

/// What is kept of a peer beside its address: two bytes.
struct PeerNote: Equatable {
  var word: UInt16

  init(word: UInt16) { self.word = word }

  init(tick: UInt32, isSeed: Bool, isPaused: Bool, hasCompleted: Bool = false) {
    word =
      UInt16(truncatingIfNeeded: tick & 0x1fff) | (isPaused ? 1 << 13 : 0) | (hasCompleted ? 1 << 14 : 0)
      | (isSeed ? 1 << 15 : 0)
  }

  var tick: UInt32 { UInt32(word) & 0x1fff }
  /// A partial seed (BEP 21).
  var isPaused: Bool { word & 1 << 13 != 0 }
  /// The torrent's `downloaded` counts it.
  var hasCompleted: Bool { word & 1 << 14 != 0 }
  var isSeed: Bool { word & 1 << 15 != 0 }
}
