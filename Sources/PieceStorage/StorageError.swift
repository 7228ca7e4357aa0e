internal import Glibc

/// Why files could not be read or written. The description says where, and what to do about it.
public enum StorageError: Error, Sendable, Equatable {
  /// The disk is full.
  case noSpace(path: String)
  /// The user's share of the disk is used up.
  case quota(path: String)
  /// The file system cannot hold a file that large.
  case tooLarge(path: String)
  /// The file system is mounted read-only.
  case readOnly(path: String)
  /// The system does not let this user in.
  case permission(path: String)
  /// A file or folder that was there, or must be, is not.
  case vanished(path: String)
  /// Something else is where a file or folder belongs.
  case obstructed(path: String, by: Obstruction)
  /// A name or path is longer than the file system takes.
  case tooLong(path: String)
  /// The process has as many descriptors open as it may.
  case tooManyOpenFiles(path: String)
  /// The file ends before the bytes that are asked for.
  case short(path: String, size: Int64)
  /// The torrent uses the name of the folder where Apus keeps its own files.
  case reserved(path: String)
  /// Anything else that the system reports, with its number.
  case io(path: String, code: Int32)

  /// What is in the way of a file or folder.
  public enum Obstruction: String, Sendable {
    /// A folder where a file belongs.
    case folder = "a folder"
    /// A file where a folder belongs.
    case file = "a file"
    /// A symbolic link: never followed below the download folder.
    case link = "a symbolic link"
    /// A device, pipe or socket.
    case special = "a special file"
  }

  /// The error for `code`, an `errno`.
  init(code: Int32, path: String) {
    switch code {
    case ENOSPC: self = .noSpace(path: path)
    case EDQUOT: self = .quota(path: path)
    case EFBIG: self = .tooLarge(path: path)
    case EROFS: self = .readOnly(path: path)
    case EACCES, EPERM: self = .permission(path: path)
    case ENOENT, ESTALE, ENODEV: self = .vanished(path: path)
    case EISDIR: self = .obstructed(path: path, by: .folder)
    case ENOTDIR: self = .obstructed(path: path, by: .file)
    case ELOOP: self = .obstructed(path: path, by: .link)
    case ENXIO: self = .obstructed(path: path, by: .special)
    case ENAMETOOLONG: self = .tooLong(path: path)
    case EMFILE, ENFILE: self = .tooManyOpenFiles(path: path)
    default: self = .io(path: path, code: code)
    }
  }
}

extension StorageError: CustomStringConvertible {
  /// One sentence: what, where, and what to do.
  public var description: String {
    switch self {
    case .noSpace(let path): "no space left for '\(path)': free some on that disk, then retry"
    case .quota(let path): "the disk quota is used up at '\(path)': free some space, then retry"
    case .tooLarge(let path): "'\(path)' is larger than its file system or the process's limit allows"
    case .readOnly(let path):
      "'\(path)' is on a read-only file system: mount it writable or choose another folder"
    case .permission(let path):
      "no permission for '\(path)': change its owner or mode, or choose another folder"
    case .vanished(let path): "'\(path)' is not there: bring it back (is its disk mounted?), then retry"
    case .obstructed(let path, let obstruction):
      "\(obstruction.rawValue) is in the way at '\(path)': move it away"
    case .tooLong(let path): "the file system does not take a name as long as '\(path)'"
    case .tooManyOpenFiles(let path):
      "too many open files to open '\(path)': raise the limit (ulimit -n) or lower the number of connections"
    case .short(let path, let size):
      "'\(path)' ends after \(size) bytes: it was cut by someone else, verify it"
    case .reserved(let path): "the torrent has a file '\(path)', a name that Apus keeps for itself"
    case .io(let path, let code): "'\(path)': \(Self.words(code)): check the disk, then retry"
    }
  }

  private static func words(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }
}
