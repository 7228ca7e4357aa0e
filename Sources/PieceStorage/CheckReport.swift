public import Bytes

/// What a check found.
public struct CheckReport: Sendable, Equatable {
  /// The pieces that are there and right; of those that were checked.
  public var good: Bitfield
  /// The checked pieces that are not, in order.
  public var damaged: [Int]
  /// Files that are not as they should be, in order: after a check of all pieces every wanted file
  /// that is missing or has the wrong size, else only those with damaged pieces.
  public var files: [FileFault]

  /// Whether everything that was checked is right.
  public var isWhole: Bool { damaged.isEmpty && files.isEmpty }
}

/// A file that is not as it should be.
public struct FileFault: Sendable, Equatable {
  /// What is wrong with it.
  public enum Reason: Sendable, Equatable {
    /// It is not there.
    case missing
    /// It ends too early, after this many bytes.
    case short(Int64)
    /// It goes on behind its end, to this many bytes.
    case long(Int64)
    /// A folder, link or device is in its place.
    case notAFile
    /// This many of the pieces with bytes of it are wrong. In v1 a piece can have bytes of several
    /// files, and the fault may be in another one.
    case damaged(pieces: Int)
    /// The system could not read it.
    case unreadable(StorageError)
  }

  /// Its index in the torrent.
  public var file: Int
  /// What is wrong.
  public var reason: Reason

  /// A fault of a file.
  public init(file: Int, reason: Reason) {
    self.file = file
    self.reason = reason
  }
}
