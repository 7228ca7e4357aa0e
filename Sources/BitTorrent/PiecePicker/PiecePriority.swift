/// How much a piece is wanted.
enum PiecePriority: UInt8, Sendable, CaseIterable, Comparable {
  /// Not wanted: never requested.
  case skip
  /// After all others.
  case low
  /// As usual.
  case normal
  /// Before all others.
  case high

  /// Order of urgency.
  static func < (one: PiecePriority, other: PiecePriority) -> Bool { one.rawValue < other.rawValue }
}
