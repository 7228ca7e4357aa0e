/// How much a file of a torrent is wanted.
public enum FilePriority: UInt8, Sendable, CaseIterable, Comparable {
  /// Not at all: it is neither made nor written to. What pieces that it shares with wanted files have of it is
  /// kept apart.
  case unwanted
  /// After all others.
  case low
  /// As usual.
  case normal
  /// Before all others.
  case high

  /// Order of urgency.
  public static func < (one: FilePriority, other: FilePriority) -> Bool { one.rawValue < other.rawValue }
}
