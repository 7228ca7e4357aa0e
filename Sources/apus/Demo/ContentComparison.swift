import CSystem
import Glibc

/// Compares files byte by byte.
enum ContentComparison {
  /// Compares every file of `content` under `original` with the one under `copy`, and that there are no
  /// others. Throws the first difference. `progress` gets the bytes compared since the last call and
  /// returns whether to go on.
  static func compare(
    _ content: SampleContent, original: String, copy: String, progress: (Int64) -> Bool
  ) throws(Failure) {
    for entry in content.entries {
      try compare("\(original)/\(entry.path)", "\(copy)/\(entry.path)", size: entry.size)
      guard progress(Int64(entry.size)) else { return }
    }
    let found = try fileCount(copy)
    guard found == content.entries.count else {
      throw Failure("'\(copy)' has \(found) files instead of \(content.entries.count)")
    }
  }

  private static func compare(_ one: String, _ other: String, size: Int) throws(Failure) {
    guard case .file(let length) = FileSystem.kind(other) else { throw Failure("'\(other)' is missing") }
    guard length == size else { throw Failure("'\(other)' has \(length) bytes instead of \(size)") }
    let descriptors = unsafe (apus_open(one, O_RDONLY, 0), apus_open(other, O_RDONLY, 0))
    defer {
      close(descriptors.0)
      close(descriptors.1)
    }
    guard descriptors.0 >= 0 else { throw FileSystem.failure("cannot read", one) }
    guard descriptors.1 >= 0 else { throw FileSystem.failure("cannot read", other) }
    var first = [UInt8](repeating: 0, count: 1 << 20)
    var second = first
    var left = size
    while left > 0 {
      let count = min(left, first.count)
      guard read(descriptors.0, &first, count), read(descriptors.1, &second, count) else {
        throw Failure("'\(one)' or '\(other)' ends early")
      }
      guard unsafe memcmp(first, second, count) == 0 else { throw Failure("'\(other)' differs") }
      left -= count
    }
  }

  private static func read(_ descriptor: Int32, _ bytes: inout [UInt8], _ count: Int) -> Bool {
    unsafe bytes.withUnsafeMutableBytes { buffer in
      var start = 0
      while start < count {
        let got = unsafe Glibc.read(descriptor, buffer.baseAddress?.advanced(by: start), count - start)
        if got > 0 { start += got } else if got == 0 || errno != EINTR { return false }
      }
      return true
    }
  }

  private static func fileCount(_ folder: String) throws(Failure) -> Int {
    var count = 0
    for name in try FileSystem.names(in: folder) {
      if case .folder = FileSystem.kind("\(folder)/\(name)") {
        count += try fileCount("\(folder)/\(name)")
      } else {
        count += 1
      }
    }
    return count
  }
}
