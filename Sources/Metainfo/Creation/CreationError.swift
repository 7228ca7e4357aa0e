/// Why a torrent could not be made. Paths are as the caller would write them.
public enum CreationError: Error, Sendable, Equatable {
  /// The file or folder cannot be read; `reason` is the system's.
  case unreadable(path: String, reason: String)
  /// The folder has no files, or only empty ones.
  case empty(path: String)
  /// A device, a socket or a pipe.
  case notAFile(path: String)
  /// A symbolic link that points out of the folder.
  case linkLeaves(path: String, target: String)
  /// A name that every receiver would have to change (see docs/NAMES.md).
  case unsafeName(path: String)
  /// A file that changed while it was read.
  case changed(path: String)
  /// A piece length that is no power of two, or out of bounds.
  case invalidPieceLength(Int, minimum: Int, maximum: Int)
  /// The torrent would break a limit.
  case invalid(MetainfoError)
}

extension CreationError: CustomStringConvertible {
  /// What is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read '\(path)': \(reason)"
    case .empty(let path): "'\(path)' has no content: there is nothing to share"
    case .notAFile(let path):
      "'\(path)' is neither a file, a folder nor a symbolic link; take it out of the folder"
    case .linkLeaves(let path, let target):
      "the symbolic link '\(path)' points to '\(target)', outside of the folder; remove it or copy the "
        + "content in its place"
    case .unsafeName(let path):
      "the name of '\(path)' is not safe to share (not UTF-8, invisible or control characters, or too "
        + "long); rename it"
    case .changed(let path): "'\(path)' changed while it was read; try again when nothing writes to it"
    case .invalidPieceLength(let length, let minimum, let maximum):
      "a piece length of \(length) is not a power of two from \(minimum) to \(maximum)"
    case .invalid(let error): "the torrent would not be valid: \(error)"
    }
  }
}
