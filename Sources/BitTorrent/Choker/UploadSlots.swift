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

  /// Seconds after which a slot whose peer asks for nothing lies idle: one for what waits to be sent and what is
  /// on its way, and twice what its share of the link takes for a block.
  ///
  /// - Parameter rate: as for `count`.
  /// - Returns: seconds, 1 to 10.
  static func patience(rate: Double) -> Double {
    guard rate > 0 else { return 2 }
    return min(1 + 2 * Double(count(rate: rate) * Block.size) / rate, 10)
  }
}
