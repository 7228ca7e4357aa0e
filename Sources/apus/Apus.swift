// apus: the program. A thin command tree over the rooms below; nothing that an embedder would miss.
// May import everything.

import ArgumentParsing
import CSystem
import Glibc
import JSON

/// The entry point: reads the command line, runs the command on another thread, waits for signals.
@main
struct Apus {
  static func main() {
    // Nothing here allocates much in many threads at once; each more would keep memory of its own.
    apus_limit_heaps(2)
    SignalWatch.prepare()
    let environment = Process.environment
    let interruption = Interruption()
    let console = Console(environment: environment, interruption: interruption)
    let columns = Int(apus_terminal_columns(1))
    let parse: @Sendable () -> Invocation = {
      Program.apus.parse(
        Process.arguments, environment: environment, columns: columns > 0 ? columns : 80,
        files: FileSystem.configuration)
    }
    switch parse() {
    case .show(let text):
      console.write(text)
      _exit(ExitStatus.success.code)
    case .refuse(let lines):
      for line in lines.split(separator: "\n") { console.note(String(line)) }
      _exit(ExitStatus.usage.code)
    case .run(let command):
      guard let command = command as? any RunnableCommand else { _exit(ExitStatus.failure.code) }
      let hangUp = HangUp()
      let scene = Scene(
        console: console, interruption: interruption, environment: environment, hangUp: hangUp,
        parseAgain: parse)
      Task.detached { _exit(await outcome(of: command, scene).code) }
      SignalWatch.run(
        interruption, hangUp, cleanly: type(of: command).stopsCleanly, console: console)
    }
  }

  private static func outcome(of command: any RunnableCommand, _ scene: Scene) async -> ExitStatus {
    do throws(Failure) {
      let status = try await command.run(scene)
      scene.console.settle()
      return status
    } catch {
      scene.console.settle()
      if command.wantsJSON { scene.console.event(["event": "error", "message": .string(error.message)]) }
      scene.console.error(error.message)
      return .failure
    }
  }
}

/// A command that can be run.
protocol RunnableCommand: Command {
  /// Whether it ends by itself soon after an interruption. If not, the process just ends.
  static var stopsCleanly: Bool { get }
  /// Whether errors go to standard output as events, too.
  var wantsJSON: Bool { get }
  /// Does the work. A failure is one line that says what, where and what to do.
  func run(_ scene: Scene) async throws(Failure) -> ExitStatus
}

extension RunnableCommand {
  static var stopsCleanly: Bool { false }
  var wantsJSON: Bool { false }
}

/// Where a command runs: its terminal, its signals, its environment.
struct Scene: Sendable {
  let console: Console
  let interruption: Interruption
  let environment: [String: String]
  /// What SIGHUP does.
  let hangUp: HangUp
  /// Reads command line, environment and configuration file once more.
  let parseAgain: @Sendable () -> Invocation

  /// The exit status of a command that ended because it was asked to.
  var interruptedStatus: ExitStatus {
    switch interruption.cause {
    case .terminate: .terminated
    case .closedOutput: .failure
    default: .interrupted
    }
  }
}

/// Why a command failed: one line for the user.
struct Failure: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

/// The process's exit code.
enum ExitStatus: Sendable {
  case success
  case failure
  case usage
  case interrupted
  case terminated

  var code: Int32 {
    switch self {
    case .success: 0
    case .failure: 1
    case .usage: 64
    case .interrupted: 130
    case .terminated: 143
    }
  }
}

extension Program {
  /// The command tree.
  static let apus = Program(
    name: "apus", version: "0.1.0",
    summary: "BitTorrent in one binary: create torrents, track them, seed and download them.",
    notes: [
      Note(
        "EXIT CODES",
        [
          ("0", "Done."), ("1", "Failed; standard error says what, where and what to do."),
          ("64", "The command line makes no sense."), ("130", "Interrupted (SIGINT); files are in order."),
          ("143", "Terminated (SIGTERM); files are in order."),
        ]),
      Note(
        "ENVIRONMENT",
        [
          ("NO_COLOR", "Set and not empty: no colours."),
          ("TERM=dumb", "No live display, plain lines instead."),
          ("APUS_DHT_ROUTERS", "See --dht-routers."),
          ("APUS_TRACKER_…", "Settings of the tracker: see 'apus help tracker'."),
          ("XDG_STATE_HOME", "Where the nodes of the DHT are kept, instead of ~/.local/state."),
          ("TMPDIR", "Where the demo puts its folder, instead of /tmp."),
        ]),
    ],
    commands: [
      Create.self, Show.self, MagnetLink.self, Verify.self, TrackerService.self, Download.self, Seed.self,
      DHTCommand.self, Doctor.self, Demo.self, Bench.self,
    ])
}

extension Failure: CustomStringConvertible {
  /// The line.
  var description: String { message }
}
