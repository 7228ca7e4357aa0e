import ArgumentParsing
import CSystem
import Glibc

/// Whole files and folder listings, with errors that name the path.
enum FileSystem {
  /// A file's bytes, at most `limit`; `-` reads standard input.
  static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
    let descriptor = path == "-" ? 0 : unsafe apus_open(path, O_RDONLY, 0)
    guard descriptor >= 0 else { throw failure("cannot read", path) }
    defer { if descriptor != 0 { close(descriptor) } }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("cannot read", path) }
      guard count > 0 else { return bytes }
      guard bytes.count + count <= limit else {
        throw Failure("'\(path)' is larger than \(Figures.size(Int64(limit))), it is nothing to read")
      }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  /// A configuration file's bytes.
  static func configuration(_ path: String) throws(UsageProblem) -> [UInt8] {
    do throws(Failure) {
      return try read(path, limit: 2 << 20)
    } catch {
      throw UsageProblem(error.message)
    }
  }

  /// Writes a file so that the path has either what it had or all of `bytes`; `-` writes standard output.
  static func replace(_ path: String, with bytes: [UInt8]) throws(Failure) {
    let temporary = "\(path).\(getpid()).part"
    let descriptor = unsafe apus_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
    guard descriptor >= 0 else { throw failure("cannot write", path) }
    var problem = writeAll(descriptor, bytes) && fsync(descriptor) == 0 ? 0 : errno
    if close(descriptor) != 0, problem == 0 { problem = errno }
    if problem == 0, unsafe rename(temporary, path) != 0 { problem = errno }
    guard problem == 0 else {
      unsafe unlink(temporary)
      throw failure("cannot write", path, problem)
    }
  }

  /// Names in a folder, sorted, without `.` and `..`.
  static func names(in folder: String) throws(Failure) -> [String] {
    guard let stream = unsafe opendir(folder) else { throw failure("cannot list", folder) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// What a path leads to.
  enum Kind {
    case nothing
    case file(size: Int64)
    case folder
    case other
  }

  /// What the path leads to, through symbolic links.
  static func kind(_ path: String) -> Kind {
    var information = stat()
    guard unsafe stat(path, &information) == 0 else { return .nothing }
    switch information.st_mode & S_IFMT {
    case S_IFREG: return .file(size: Int64(information.st_size))
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  /// Makes a folder and those above it.
  static func makeFolder(_ path: String) throws(Failure) {
    if unsafe mkdir(path, 0o777) == 0 || errno == EEXIST { return }
    let problem = errno
    if problem == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      try makeFolder(String(path[..<slash]))
      if unsafe mkdir(path, 0o777) == 0 || errno == EEXIST { return }
    }
    throw failure("cannot make folder", path, problem)
  }

  /// Removes a file, or a folder with all that is in it. Symbolic links are removed, not followed.
  static func remove(_ path: String) {
    if unsafe unlink(path) == 0 || errno == ENOENT { return }
    if let names = try? names(in: path) {
      for name in names { remove(path + "/" + name) }
    }
    unsafe rmdir(path)
  }

  /// Bytes free for this user where `path` is.
  static func freeSpace(_ path: String) -> Int64? {
    var information = statvfs()
    guard unsafe statvfs(path, &information) == 0 else { return nil }
    return Int64(information.f_bavail) * Int64(information.f_frsize)
  }

  /// What a path leads to, through symbolic links; itself if it leads nowhere.
  static func target(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// The last component of a path; where that is `.` or `..`, of what it stands for.
  static func name(_ path: String) -> String {
    let last = path.split(separator: "/").last.map(String.init) ?? path
    guard last == "." || last == "..", let resolved = unsafe realpath(path, nil) else { return last }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved).split(separator: "/").last.map(String.init) ?? last
  }

  /// The names in both forms that a pattern may mean: the path, and the path below the first folder.
  static func matches(_ pattern: String, _ path: [String]) -> Bool {
    [path[...], path.dropFirst()].contains { part in
      guard !part.isEmpty else { return false }
      return unsafe fnmatch(pattern, part.joined(separator: "/"), 0) == 0
    }
  }

  /// A failure from the present `errno`.
  static func failure(_ what: String, _ path: String, _ number: Int32 = errno) -> Failure {
    let hint =
      switch number {
      case ENOENT: "; check the path"
      case EACCES, EPERM: "; check its permissions"
      case ENOSPC: "; free some space and try again"
      case EROFS: "; choose another folder"
      default: ""
      }
    return Failure("\(what) '\(path)': \(Process.message(number))\(hint)")
  }

  /// Writes all bytes; false with `errno` set.
  static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe write(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
      }
      if count > 0 { start += count } else if errno != EINTR { return false }
    }
    return true
  }
}
