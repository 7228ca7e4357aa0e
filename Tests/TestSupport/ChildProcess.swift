import Foundation
import Synchronization

/// How a process ended.
public enum ExitStatus: Equatable, Sendable {
  /// It called `exit`, or returned from `main`.
  case exited(Int32)
  /// A signal ended it.
  case signalled(Int32)
}

/// A program that runs beside the test, in a process group of its own, with its output in files.
///
/// Whoever starts one ends it with ``stop(within:)`` or ``kill(_:)``; ``Stage`` does so for its own.
public final class ChildProcess: Sendable {
  /// The program's name, for messages.
  public let name: String
  /// The process id, which is the id of its group too.
  public let id: pid_t
  /// The file that standard output goes to.
  public let outputPath: String
  /// The file that standard error goes to.
  public let errorPath: String
  private let ended = Mutex<ExitStatus?>(nil)

  /// Starts `executable` (a path, or a name to be found in PATH) with files `log.out` and `log.err`.
  public init(
    _ executable: String, _ arguments: [String], log: String, environment: [String: String] = [:]
  ) throws {
    name = URL(fileURLWithPath: executable).lastPathComponent
    outputPath = log + ".out"
    errorPath = log + ".err"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)

    // No test talks to the world's DHT, nor finds what another has left.
    let ours = ["APUS_DHT_ROUTERS": "none", "XDG_STATE_HOME": log + ".state"]
    let values = ProcessInfo.processInfo.environment.merging(ours) { _, new in new }
      .merging(environment) { _, new in new }
    let argv = ([executable] + arguments).map { strdup($0) } + [nil]
    let envp = values.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var child = pid_t()
    let result = posix_spawnp(&child, executable, &actions, &attributes, argv, envp)
    guard result == 0 else {
      throw TestFailure("cannot run \(executable): \(String(cString: strerror(result)))")
    }
    id = child
  }

  /// How it ended, or `nil` while it runs.
  public var status: ExitStatus? {
    ended.withLock { known in
      if let known { return known }
      var raw: Int32 = 0
      guard waitpid(id, &raw, WNOHANG) == id else { return nil }
      let signal = raw & 0x7f
      known = signal == 0 ? .exited((raw >> 8) & 0xff) : .signalled(signal)
      return known
    }
  }

  /// Waits for the end; if there is none within `limit`, kills the process and throws.
  @discardableResult
  public func waitForExit(within limit: Duration = .seconds(30)) async throws -> ExitStatus {
    let end = ContinuousClock.now + limit
    while true {
      if let status { return status }
      if ContinuousClock.now > end {
        kill(SIGKILL)
        throw TestFailure("\(name) did not end within \(limit)\(tail)")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// Sends a signal to the whole process group, if the process has not ended.
  public func kill(_ signal: Int32) {
    if status == nil { Glibc.kill(-id, signal) }
  }

  /// Ends it: SIGTERM, and SIGKILL after `limit`. It has been waited for on return.
  public func stop(within limit: Duration = .seconds(5)) async {
    kill(SIGTERM)
    var end = ContinuousClock.now + limit
    while status == nil {
      if ContinuousClock.now > end {
        kill(SIGKILL)
        end += .seconds(5)
      }
      // Detached: a cancelled test still ends its processes without spinning.
      await Task.detached { try? await Task.sleep(for: .milliseconds(5)) }.value
    }
  }

  /// Everything that it has written to standard output so far.
  public var output: String { (try? String(decoding: readFile(outputPath), as: UTF8.self)) ?? "" }

  /// Everything that it has written to standard error so far.
  public var errors: String { (try? String(decoding: readFile(errorPath), as: UTF8.self)) ?? "" }

  /// The ends of both logs, for messages.
  public var tail: String {
    [("output", output), ("errors", errors)].filter { !$0.1.isEmpty }
      .map { "\n--- \(name) \(id), \($0.0):\n\($0.1.suffix(1500))" }.joined()
  }

  /// A number of bytes from `/proc/ID/status`, such as `VmHWM` or `RssAnon`; `nil` once it has ended.
  public func memory(_ field: String) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(field + ":") {
      return line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) }.map {
        $0 * 1024
      }
    }
    return nil
  }

  /// The number of descriptors that the process has open.
  public var openDescriptors: Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd")) ?? []).count
  }
}
