/// How much of a peer's send queue may be waiting when the next batch is read from the disk.
enum SendWatermark {
  /// Bytes, however fast the peer is.
  static let most = 1 << 20
  /// Bytes, however slow: one batch.
  static let least = 64 << 10
  private static let seconds = 0.5

  /// What the peer takes in half a second. What stands in the queue cannot be cancelled any more, messages
  /// wait behind it, and it counts as sent: a slow link would hold many seconds of it.
  ///
  /// - Parameter rate: payload bytes a second that the peer takes.
  /// - Returns: bytes; with fewer in the queue the next batch is read.
  static func bytes(rate: Double) -> Int { max(least, Int(min(rate * seconds, Double(most)))) }
}
