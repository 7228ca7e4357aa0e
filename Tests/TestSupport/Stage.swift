import Foundation
import Synchronization

/// Everything that one whole-program test has running: a folder, processes, trackers, servers.
///
/// ``withStage(_:)`` ends all of it in reverse order. When the test throws, the ends of all logs go
/// into the message.
public final class Stage: Sendable {
  /// A folder for the test.
  public let folder: TemporaryFolder
  private let processes = Mutex<[ChildProcess]>([])
  private let endings = Mutex<[@Sendable () -> Void]>([])
  private let numbers = Atomic<Int>(0)

  init(folder: TemporaryFolder) { self.folder = folder }

  /// A name in the folder that nobody else uses.
  public func unique(_ name: String) -> String {
    folder["\(name)-\(numbers.add(1, ordering: .relaxed).newValue)"]
  }

  /// Starts a program that ends with the test at the latest.
  public func start(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ChildProcess {
    let log = unique("log")
    let process = try ChildProcess(
      executable, arguments, log: log, environment: environment)
    processes.withLock { $0.append(process) }
    return process
  }

  /// Runs a program to its end.
  public func run(
    _ executable: String, _ arguments: [String], within limit: Duration = .seconds(60)
  ) async throws -> ChildProcess {
    let process = try ChildProcess(executable, arguments, log: unique("log"))
    try await process.waitForExit(within: limit)
    return process
  }

  /// A ``PortTracker`` that ends with the test.
  public func tracker(interval: Int = 5) throws -> PortTracker {
    let tracker = try PortTracker(interval: interval)
    atEnd { tracker.stop() }
    return tracker
  }

  /// A ``SocketServer`` that ends with the test.
  public func server(_ serve: @escaping @Sendable (Connection) -> Void) throws -> SocketServer {
    let server = try SocketServer(at: TestNetwork.address(), serve)
    atEnd { server.stop() }
    return server
  }

  /// Runs `body` when the test ends.
  public func atEnd(_ body: @escaping @Sendable () -> Void) { endings.withLock { $0.append(body) } }

  func end() async {
    let running = processes.withLock { $0 }
    for process in running { process.kill(SIGTERM) }
    for process in running.reversed() { await process.stop(within: .seconds(3)) }
    for ending in endings.withLock({ $0 }).reversed() { ending() }
  }

  var logs: String { processes.withLock { $0 }.map(\.tail).joined() }
}

/// Runs a whole-program test with a ``Stage`` and clears it away afterwards.
public func withStage(_ body: (Stage) async throws -> Void) async throws {
  try await withTemporaryFolder { folder in
    let stage = Stage(folder: folder)
    do {
      try await body(stage)
    } catch {
      await stage.end()
      throw TestFailure("\(error)\(stage.logs)")
    }
    await stage.end()
  }
}
