internal import CSystem
internal import Glibc
internal import Synchronization

/// Where lines go: standard error, or a file that is opened anew when asked.
final class LogOutput: Sendable {
  private let path: String?
  private let descriptor: Mutex<Int32>

  init(path: String?) throws(LogError) {
    self.path = path
    guard let path else {
      descriptor = Mutex(2)
      return
    }
    let opened = Self.open(path)
    guard opened >= 0 else {
      throw LogError(
        description: unsafe "cannot write the log '\(path)': \(String(cString: strerror(errno)))")
    }
    descriptor = Mutex(opened)
  }

  deinit { if path != nil { _ = descriptor.withLock { close($0) } } }

  private static func open(_ path: String) -> Int32 {
    unsafe apus_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
  }

  /// Opens the file anew; stays with the old one if that fails.
  func reopen() {
    guard let path else { return }
    let opened = Self.open(path)
    guard opened >= 0 else { return }
    descriptor.withLock { descriptor in
      close(descriptor)
      descriptor = opened
    }
  }

  /// Writes lines; how many of them were written whole.
  func write(_ lines: [[UInt8]]) -> Int {
    let bytes = Array(lines.joined())
    let count = descriptor.withLock { Self.write(bytes, to: $0) }
    guard count < bytes.count else { return lines.count }
    var end = 0
    return lines.prefix { line in
      end += line.count
      return end <= count
    }.count
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int {
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
      }
      if count > 0 {
        start += count
      } else if errno == EAGAIN {
        // A terminal that somebody else has made non-blocking, or a pipe that is full: wait, but not for ever.
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&waiting, 1, 1000) > 0 else { return start }
      } else if errno != EINTR {
        return start
      }
    }
    return start
  }
}

/// Wakes the writer; many signals before it wakes are one.
final class WakeUp: Sendable {
  private let ends: (reading: Int32, writing: Int32)

  init() {
    var ends: [Int32] = [0, 0]
    let made = unsafe pipe(&ends)
    precondition(made == 0, "out of file descriptors")
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    self.ends = (ends[0], ends[1])
  }

  deinit {
    close(ends.reading)
    close(ends.writing)
  }

  /// Never waits: a full pipe wakes, too.
  func signal() {
    var byte: UInt8 = 0
    _ = unsafe write(ends.writing, &byte, 1)
  }

  /// Waits for a signal, or so long.
  func wait(milliseconds: Int32) {
    var waiting = pollfd(fd: ends.reading, events: Int16(POLLIN), revents: 0)
    unsafe poll(&waiting, 1, milliseconds)
    var bytes = [UInt8](repeating: 0, count: 64)
    while unsafe read(ends.reading, &bytes, bytes.count) > 0 {}
  }
}
