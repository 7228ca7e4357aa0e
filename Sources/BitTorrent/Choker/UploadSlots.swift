/// How many peers to upload to at once: more where the link shows that it carries more.
enum UploadSlots {
  /// Slots while no rate was measured.
  static let initial = 8
  /// Slots of the slowest link: fewer would leave tit-for-tat nothing to compare.
  static let minimum = 4
  private static let bytesPerSecond = 16_384.0

  /// The square root of the rate in units of 16 KiB/s, at least `minimum`: 4 at 256 KiB/s, 12 at
  /// 20 Mbit/s, 80 at 100 MiB/s.
  ///
  /// - Parameter rate: payload bytes a second sent to all peers of the torrent at its best lately, 0 if
  ///   nothing was sent yet.
  /// - Returns: how many peers to unchoke.
  static func count(rate: Double) -> Int {
    guard rate > 0 else { return initial }
    return max(Int(min((rate / bytesPerSecond).squareRoot(), 10_000)), minimum)
  }
}
