import EventLoop

/// How many peers to upload to at once: more where the link shows that it carries more.
enum UploadSlots {
  /// Slots while no rate was measured.
  static let initial = 4
  /// Slots of the slowest link: one for who gives most, one to try others.
  static let minimum = 2
  private static let bytesPerSecond = 32_768.0

  /// The square root of the rate in units of 32 KiB/s, at least `minimum`: 2 up to 128 KiB/s, 8 at
  /// 20 Mbit/s, 56 at 100 MiB/s. Few, because a piece is of use to the swarm only once it is whole: a link
  /// that many share has handed on nothing for long (docs/PERFORMANCE.md, the swarm in the simulator).
  ///
  /// - Parameter rate: payload bytes a second sent to all peers of the torrent at its best lately, 0 if
  ///   nothing was sent yet.
  /// - Returns: how many peers to unchoke.
  static func count(rate: Double) -> Int {
    guard rate > 0 else { return initial }
    return max(Int(min((rate / bytesPerSecond).squareRoot(), 10_000)), minimum)
  }

  /// Seconds after a peer has all that it has asked for, before its slot lies idle: for its next requests, which may
  /// be on their way, and twice what its share of the link takes for a block.
  ///
  /// - Parameter rate: as for `count`.
  /// - Returns: seconds, 0.3 to 10.
  static func patience(rate: Double) -> Double {
    guard rate > 0 else { return 1 }
    return min(0.3 + 2 * Double(count(rate: rate) * Block.size) / rate, 10)
  }
}

/// Whether a peer makes use of its slot.
struct SlotUse {
  private var servedAt: Instant?

  /// Something is sent to it.
  mutating func serves() { servedAt = nil }

  /// What is true now, to be told twice a second.
  ///
  /// - Parameters:
  ///   - isServed: nothing that it has asked for is queued, being sent or not yet acknowledged.
  ///   - now: the present.
  mutating func note(isServed: Bool, now: Instant) {
    servedAt = isServed ? servedAt ?? now : nil
  }

  /// Whether nothing was on its way to the peer for `patience` seconds.
  func isIdle(patience: Double, now: Instant) -> Bool {
    servedAt.map { now.seconds(since: $0) >= patience } ?? false
  }
}
