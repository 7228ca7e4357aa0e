internal import CSystem
internal import Glibc

/// What creation asks of the file system.
enum PathResolution {
  /// The path without links and dots, or `nil` with errno set.
  static func realPath(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// Where a link points to, or `nil` with errno set.
  static func target(of link: String) -> [UInt8]? {
    let capacity = Int(PATH_MAX)
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      let length = unsafe buffer.withMemoryRebound(to: CChar.self) { text in
        unsafe text.baseAddress.map { unsafe readlink(link, $0, capacity) } ?? -1
      }
      count = max(0, length)
    }
    return bytes.isEmpty ? nil : bytes
  }

  /// The names in a folder in the order of their bytes.
  static func entries(of folder: String) throws(CreationError) -> [[UInt8]] {
    guard let stream = unsafe opendir(folder) else { throw .system(folder) }
    defer { unsafe closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      unsafe __errno_location().pointee = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe [UInt8](bytes.prefix { $0 != 0 })
      }
      if name != [UInt8(ascii: ".")], name != [UInt8(ascii: "."), UInt8(ascii: ".")] { names.append(name) }
    }
    if apus_errno() != 0 { throw .system(folder) }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }
}

extension CreationError {
  /// What errno says about `path`.
  static func system(_ path: String) -> CreationError {
    let text = unsafe strerror(apus_errno()).map { unsafe String(cString: $0) } ?? "unknown error"
    return .unreadable(path: path, reason: text)
  }
}
