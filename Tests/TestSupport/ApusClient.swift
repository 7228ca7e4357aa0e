import Foundation
import Synchronization

/// The program under test, driven by its command line.
public final class ApusClient: Client {
  /// Which program it is.
  public var kind: ClientKind { .apus }
  /// Where it takes connections.
  public let address = TestNetwork.address()
  private let stage: Stage
  private let options: [String]
  private let current = Mutex<ChildProcess?>(nil)

  private let listen: String

  /// Prepares one; `peers` are told to it with `--peer` when it downloads. With `isV6` it listens on ::1.
  public init(on stage: Stage, peers: [TestAddress] = [], isV6: Bool = false, options: [String] = []) {
    self.stage = stage
    listen = isV6 ? "[::1]:\(address.port)" : "\(address)"
    self.options = peers.flatMap { ["--peer", $0.description] } + options
  }

  /// The executable: APUS_EXECUTABLE, else the newest build that there is, release before debug.
  public static let executable: String = {
    if let given = ProcessInfo.processInfo.environment["APUS_EXECUTABLE"] { return given }
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
    let builds = ["release", "debug"].map { "\(package)/.build/\($0)/apus" }
    return builds.first { access($0, X_OK) == 0 } ?? builds[0]
  }()

  /// The process that was started last.
  public var process: ChildProcess? { current.withLock { $0 } }

  /// Starts `apus seed` and returns once it takes connections.
  public func seed(_ torrent: String, in folder: String) async throws {
    let started = try start(["seed", torrent, "--dir", folder, "--listen", listen, "--json"] + options)
    try await waitUntilListening(started)
  }

  /// Starts `apus download`; it exits when it has everything.
  public func download(_ torrent: String, into folder: String) throws {
    try start(["download", torrent, "--dir", folder, "--listen", listen, "--json"] + options)
  }

  /// Starts `apus download` so that it goes on seeding afterwards, for mixed swarms.
  @discardableResult
  public func start(_ arguments: [String]) throws -> ChildProcess {
    let started = try stage.start(ApusClient.executable, arguments)
    current.withLock { $0 = started }
    return started
  }

  /// Waits until the process takes connections at ``address``.
  public func waitUntilListening(_ process: ChildProcess) async throws {
    let isWithoutTCP = options.contains("--no-tcp") || listen.hasPrefix("[")
    try await eventually("apus listens at \(address)", within: .seconds(20)) { [address] in
      if let status = process.status { throw TestFailure("apus ended: \(status)") }
      if isWithoutTCP { return process.output.contains("\"listening\"") }
      return (try? await onThread { try Connection(to: address).close() }) != nil
    }
  }

  /// Whether it has exited with 0. Throws if it exited with anything else.
  public func isComplete() throws -> Bool {
    switch process?.status {
    case nil: false
    case .exited(0): true
    case let status?: throw TestFailure("apus ended: \(status)")
    }
  }

  /// Runs `apus` with `arguments` to its end.
  public static func run(
    _ arguments: [String], on stage: Stage, within limit: Duration = .seconds(60)
  ) async throws -> ChildProcess {
    try await stage.run(executable, arguments, within: limit)
  }

  /// Runs `apus`, which must succeed, and returns its standard output.
  @discardableResult
  public static func succeed(_ arguments: [String], on stage: Stage) async throws -> String {
    let process = try await run(arguments, on: stage)
    guard process.status == .exited(0) else {
      throw TestFailure("apus \(arguments.joined(separator: " ")): \(process.status as Any)\(process.tail)")
    }
    return process.output
  }
}
