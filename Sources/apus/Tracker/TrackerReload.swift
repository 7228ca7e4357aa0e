import ArgumentParsing
import JSON
import Logging
import Synchronization
import TrackerServer

/// Reads a running tracker's settings and lists again, on SIGHUP and when the administrator asks.
final class TrackerReload: Sendable {
  private let current: Mutex<TrackerService>
  private let tracker: Tracker
  private let log: Log?
  private let scene: Scene

  init(command: TrackerService, tracker: Tracker, log: Log?, scene: Scene) {
    current = Mutex(command)
    self.tracker = tracker
    self.log = log
    self.scene = scene
  }

  /// For a signal: what is wrong goes to the log.
  func run() { _ = try? perform() }

  /// Reads everything and has it count, or leaves all as it was. Tells which settings have changed, and which of
  /// these need a restart.
  func perform() throws(TrackerError) -> JSONValue {
    log?.reopen()
    do throws(TrackerError) {
      let command = try parsed()
      try tracker.load(command.settings.configuration.access)
      try tracker.reloadIdentity()
      log?.level = command.settings.log.level
      return report(command)
    } catch {
      log?.error("reload_failed", [LogField("reason", error.description)])
      throw error
    }
  }

  private func parsed() throws(TrackerError) -> TrackerService {
    switch scene.parseAgain() {
    case .run(let command):
      if let command = command as? TrackerService { return command }
      throw TrackerError("the command line has changed")
    case .refuse(let text): throw TrackerError(text)
    case .show: throw TrackerError("the command line has changed")
    }
  }

  private func report(_ command: TrackerService) -> JSONValue {
    let changes = current.withLock { current in
      let changes = TrackerService.changes(from: current, to: command)
      // What needs a restart goes on being told until there is one.
      current.settings.configuration.access = command.settings.configuration.access
      current.settings.log.level = command.settings.log.level
      return changes
    }
    log?.info("reloaded", [LogField("changed", changes.reloadable.joined(separator: ","))])
    if !changes.fixed.isEmpty {
      log?.warning("restart_needed", [LogField("settings", changes.fixed.joined(separator: ","))])
    }
    return [
      "reloaded": .bool(true), "changed": .array(changes.reloadable.map { .string($0) }),
      "restart_needed": .array(changes.fixed.map { .string($0) }),
    ]
  }
}
