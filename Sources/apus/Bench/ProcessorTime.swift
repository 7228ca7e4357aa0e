import Glibc

/// The processor time that a process has used so far, all threads together.
enum ProcessorTime {
  /// Nanoseconds in user and system code; `nil` if there is no such process, or none can be seen.
  static func used(by process: Int) -> UInt64? {
    let folder = "/proc/\(process)/task"
    guard let directory = unsafe opendir(folder) else { return nil }
    defer { unsafe closedir(directory) }
    var sum: UInt64 = 0
    var isAny = false
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      // Its first number is the time on a processor.
      guard Int(name) != nil, let bytes = try? FileSystem.read("\(folder)/\(name)/schedstat", limit: 4096),
        let first = String(decoding: bytes, as: UTF8.self).split(separator: " ").first,
        let time = UInt64(first)
      else { continue }
      sum += time
      isAny = true
    }
    return isAny ? sum : nil
  }

  /// Bytes of memory that a process has (VmRSS).
  static func memory(of process: Int) -> Int64? {
    guard let bytes = try? FileSystem.read("/proc/\(process)/status", limit: 65_536) else { return nil }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("VmRSS:") {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int64($0) }
        .map { $0 * 1024 }
    }
    return nil
  }
}
