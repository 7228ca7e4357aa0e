import Glibc
import JSON
import Synchronization

/// One process of the demo: what its events said so far.
final class DemoPlayer: Sendable {
  /// What moved from one peer to it.
  struct Received: Sendable {
    let address: String
    let bytes: Int64
  }

  /// What it told when it was complete.
  struct Result: Sendable {
    let seconds: Double
    let size: Int64
    let downloaded: Int64
    let received: [Received]
  }

  private struct State {
    var address: String?
    var progress: JSONValue?
    var result: Result?
  }

  let name: String
  private let child: ChildProcess
  private let state: Box

  /// Shared with the thread that reads the events.
  private final class Box: Sendable {
    let state = Mutex(State())
  }

  /// Starts `apus` with `arguments` and `--json`.
  init(_ name: String, _ arguments: [String]) throws(Failure) {
    let box = Box()
    self.name = name
    state = box
    child = try ChildProcess(arguments + ["--json"]) { line in
      guard let event = try? JSONValue(parsing: line) else { return }
      box.state.withLock { Self.take(event, into: &$0) }
    }
  }

  private static func take(_ event: JSONValue, into state: inout State) {
    switch event["event"]?.string {
    case "listening": state.address = event["addresses"]?.array?.first?.string
    case "progress": state.progress = event
    case "completed":
      let received = (event["traffic"]?.array ?? []).map { peer in
        Received(address: peer["address"]?.string ?? "", bytes: peer["downloaded"]?.integer ?? 0)
      }
      state.result = Result(
        seconds: event["seconds"]?.number ?? 0, size: event["size"]?.integer ?? 0,
        downloaded: event["downloaded"]?.integer ?? 0,
        received: received)
    default: break
    }
  }

  /// Where it listens, once it does.
  var address: String? { state.state.withLock(\.address) }

  /// Its account, once it is complete.
  var result: Result? { state.state.withLock(\.result) }

  /// Whether it has all and serves it.
  var isSeeding: Bool { state.state.withLock { $0.progress?["state"]?.string == "seeding" } }

  /// Its line.
  func row(_ style: Style) -> ProgressRow {
    let (progress, result) = state.state.withLock { ($0.progress, $0.result) }
    guard let progress else { return ProgressRow(label: name, fraction: 0, figures: ["starting"]) }
    let total = progress["total"]?.integer ?? 0
    if let result {
      let rate = Figures.rate(Double(total) / max(result.seconds, 0.001))
      let figures = [Figures.size(total), "in \(Figures.fixed(result.seconds, 1)) s", rate]
      return ProgressRow(label: name, fraction: 1, figures: figures)
    }
    let done = progress["done"]?.integer ?? 0
    let down = (style.isUnicode ? "↓" : "down ") + Figures.rate(progress["down_rate"]?.number ?? 0)
    let up = (style.isUnicode ? "↑" : "up ") + Figures.rate(progress["up_rate"]?.number ?? 0)
    let peers = Figures.count(Int(progress["peers"]?.integer ?? 0), "peer")
    let size = done < total ? "\(Figures.size(done)) of \(Figures.size(total))" : Figures.size(total)
    let fraction = total > 0 ? Double(done) / Double(total) : 0
    return ProgressRow(label: name, fraction: fraction, figures: [size, down, up, peers])
  }

  /// Throws if the process has ended: in the demo, none ends by itself.
  func checkRunning() throws(Failure) {
    guard let code = child.exitCode else { return }
    let said = child.lastError.isEmpty ? "" : ": \(child.lastError)"
    throw Failure("the \(name) ended with exit code \(code)\(said)")
  }

  /// Asks it to end.
  func interrupt() { child.send(SIGINT) }

  /// Ends it at once.
  func end() { child.end() }
}
