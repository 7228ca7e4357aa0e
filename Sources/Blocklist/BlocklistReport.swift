/// What reading a list found.
public struct BlocklistReport: Sendable, Equatable {
  /// A line that says nothing that is understood.
  public struct Fault: Sendable, Equatable {
    /// Counted from 1.
    public let line: Int
    /// Its beginning, fit to be shown.
    public let text: String
  }

  /// Lines that named addresses to be blocked.
  public var ranges = 0
  /// Lines that named addresses to be let through.
  public var allowed = 0
  /// Lines that were not understood, and passed over.
  public var malformed = 0
  /// The first few of them.
  public var faults: [Fault] = []
}

/// How much of a list is read.
public struct BlocklistLimits: Sendable {
  /// Bytes, once unpacked.
  public var bytes = 512 << 20
  /// Ranges, before they are merged.
  public var ranges = 4_000_000
  /// Bytes of a line; what is longer is malformed.
  public var line = 4096

  /// The defaults: far more than the lists there are.
  public init() {}
}

/// Why a list cannot be used at all.
public enum BlocklistError: Error, Sendable, Equatable, CustomStringConvertible {
  /// It has, or unpacks to, more bytes than this.
  case tooLarge(limit: Int)
  /// It has more ranges than this.
  case tooManyRanges(limit: Int)
  /// Its gzip is broken.
  case broken
  /// Its gzip ends in the middle.
  case truncated

  /// For people.
  public var description: String {
    switch self {
    case .tooLarge(let limit): "it has more than \(limit >> 20) MiB, unpacked"
    case .tooManyRanges(let limit): "it has more than \(limit) ranges"
    case .broken: "its compression is broken"
    case .truncated: "it ends in the middle: its compression is not complete"
    }
  }
}
