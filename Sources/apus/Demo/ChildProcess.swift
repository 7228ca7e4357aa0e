import Glibc
import Synchronization
import Threads

/// A process of this same program whose standard output is read line by line.
///
/// It has a process group of its own, so that Ctrl-C reaches only its parent, which ends it. Should the
/// parent be killed, the child's next write fails and it stops by itself.
final class ChildProcess: Sendable {
  private struct State {
    var status: Int32?
    var errors: [UInt8] = []
  }

  let pid: pid_t
  private let state = Mutex(State())
  private let threads: Mutex<[WorkerThread]>

  /// Starts this program with `arguments`; `line` is called on a thread for each line that it prints.
  init(_ arguments: [String], line: @escaping @Sendable (String) -> Void) throws(Failure) {
    let output = try Self.pipe()
    let errors = try Self.pipe()
    var child = pid_t()
    let problem = Self.spawn(&child, arguments, output: output.write, errors: errors.write)
    close(output.write)
    close(errors.write)
    guard problem == 0 else {
      close(output.read)
      close(errors.read)
      throw Failure("cannot start '\(arguments.joined(separator: " "))': \(Process.message(problem))")
    }
    pid = child
    threads = Mutex([])
    let readers = [
      WorkerThread(name: "child-output") { Self.readLines(output.read, line) },
      WorkerThread(name: "child-errors") { [self] in
        Self.readLines(errors.read) { text in
          state.withLock { $0.errors = Array(text.utf8.prefix(500)) }
        }
      },
    ]
    threads.withLock { $0 = readers }
  }

  /// The last line that it wrote to standard error.
  var lastError: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

  /// The exit code once it has ended, 128 plus the number if a signal ended it; `nil` while it runs.
  var exitCode: Int32? {
    state.withLock { state in
      if state.status == nil {
        var status: Int32 = 0
        if unsafe waitpid(pid, &status, WNOHANG) == pid { state.status = status }
      }
      return state.status.map { $0 & 0x7f == 0 ? $0 >> 8 & 0xff : 128 + ($0 & 0x7f) }
    }
  }

  /// Sends a signal if it still runs.
  func send(_ signal: Int32) {
    if exitCode == nil { kill(pid, signal) }
  }

  /// Ends it at once and waits until it is gone.
  func end() {
    state.withLock { state in
      guard state.status == nil else { return }
      kill(pid, SIGKILL)
      var status: Int32 = 0
      while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
      state.status = status
    }
    for thread in threads.withLock({ $0 }) { thread.join() }
  }

  private static func pipe() throws(Failure) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard unsafe Glibc.pipe(&ends) == 0 else {
      throw Failure("cannot make a pipe: \(Process.message(errno))")
    }
    // Neither end may leak into other children, or their end would not be noticed.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func spawn(_ child: inout pid_t, _ arguments: [String], output: Int32, errors: Int32)
    -> Int32
  {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    let words: [UnsafeMutablePointer<CChar>?] =
      unsafe (["apus"] + arguments).map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    return unsafe posix_spawn(&child, "/proc/self/exe", &actions, &attributes, words, environ)
  }

  private static func readLines(_ descriptor: Int32, _ body: (String) -> Void) {
    defer { close(descriptor) }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var pending: [UInt8] = []
    while true {
      let count = unsafe read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      for byte in chunk[..<count] {
        guard byte == UInt8(ascii: "\n") else {
          pending.append(byte)
          continue
        }
        body(String(decoding: pending, as: UTF8.self))
        pending.removeAll(keepingCapacity: true)
      }
    }
  }
}
