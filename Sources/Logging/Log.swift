// Logging: structured log lines, written by a thread of their own. The floor: may import CSystem, Threads and the C
// library.

internal import Synchronization
internal import Threads

/// A log: lines of an event with fields, as logfmt or JSON, to standard error or a file.
///
/// May be used from any thread. Nobody who logs ever waits for a disk or a terminal: lines go through a queue of
/// bounded size to a thread that writes them; what finds no room is dropped and counted. Of an event that repeats,
/// ten lines in ten seconds are written, then one that says how many were left out. Texts are escaped, so that what
/// a stranger sent can neither forge a line nor move a cursor. Values that are secrets do not belong in a field.
public final class Log: Sendable {
  /// How lines look.
  public enum Format: String, Sendable, CaseIterable {
    /// `time=2026-01-02T03:04:05.678Z level=info event=listening address=[::]:6969`
    case logfmt
    /// `{"time":"2026-01-02T03:04:05.678Z","level":"info","event":"listening","address":"[::]:6969"}`
    case json
  }

  private struct State {
    var queue = LineQueue()
    var limits = RepeatLimits()
    var isClosing = false
    var wantsReopening = false
  }

  private let state = Mutex(State())
  private let threshold: Atomic<UInt8>
  private let lost = Atomic<Int>(0)
  private let written = Atomic<Int>(0)
  private let line: LineFormat
  private let alarm = WakeUp()
  private let output: LogOutput
  private let writer = Mutex<WorkerThread?>(nil)

  /// A log to the file at `path`, created and appended to, or to standard error without one. Throws if the file
  /// cannot be opened. `hasPriorities` puts `<6>` and the like before each line, as journald understands.
  public init(
    path: String? = nil, format: Format = .logfmt, level: LogLevel = .info, hasPriorities: Bool = false
  ) throws(LogError) {
    threshold = Atomic(level.rawValue)
    line = LineFormat(format: format, hasPriorities: hasPriorities)
    output = try LogOutput(path: path)
    writer.withLock { $0 = WorkerThread(name: "log") { [weak self] in Self.run { self } } }
  }

  deinit {
    // The thread holds us while it works; here it has ended or is about to see that we are gone.
    alarm.signal()
  }

  /// Lines that found no room, or that could not be written.
  public var dropped: Int { lost.load(ordering: .relaxed) }

  /// Lines that were written.
  public var lines: Int { written.load(ordering: .relaxed) }

  /// The least important level that is written; may be changed at any time.
  public var level: LogLevel {
    get { LogLevel(rawValue: threshold.load(ordering: .relaxed)) ?? .info }
    set { threshold.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// Whether a line of `level` would be written; one load.
  public func isEnabled(_ level: LogLevel) -> Bool { level.rawValue >= threshold.load(ordering: .relaxed) }

  /// Writes a line. `event` is a word that names what happened, always the same for the same thing; `fields` are
  /// evaluated only if the line is written.
  public func write(_ level: LogLevel, _ event: StaticString, _ fields: @autoclosure () -> [LogField] = []) {
    guard isEnabled(level) else { return }
    let name = event.description
    let now = LogTime.now
    let (passes, left) = state.withLock { $0.limits.pass(name, level, now: now.monotonic) }
    guard passes else { return }
    var all = fields()
    if left > 0 { all.append(LogField("left_out", left)) }
    add(line.bytes(level, name, all, now))
  }

  /// Writes a line of level `debug`.
  public func debug(_ event: StaticString, _ fields: @autoclosure () -> [LogField] = []) {
    write(.debug, event, fields())
  }

  /// Writes a line of level `info`.
  public func info(_ event: StaticString, _ fields: @autoclosure () -> [LogField] = []) {
    write(.info, event, fields())
  }

  /// Writes a line of level `warning`.
  public func warning(_ event: StaticString, _ fields: @autoclosure () -> [LogField] = []) {
    write(.warning, event, fields())
  }

  /// Writes a line of level `error`.
  public func error(_ event: StaticString, _ fields: @autoclosure () -> [LogField] = []) {
    write(.error, event, fields())
  }

  /// Has the file opened anew, after it was renamed by who rotates logs. Returns at once; if it cannot be
  /// opened, the old one stays.
  public func reopen() {
    state.withLock { $0.wantsReopening = true }
    alarm.signal()
  }

  /// Writes what waits, and ends. Waits for that; lines that come later are dropped.
  public func close() {
    state.withLock { $0.isClosing = true }
    alarm.signal()
    writer.withLock { $0.take() }?.join()
  }

  private func add(_ bytes: [UInt8]) {
    let (isAdded, isFirst) = state.withLock { state in
      guard !state.isClosing else { return (false, false) }
      return state.queue.add(bytes)
    }
    if !isAdded { lost.add(1, ordering: .relaxed) }
    if isFirst { alarm.signal() }
  }

  // MARK: The writer

  private static func run(_ log: () -> Log?) {
    while true {
      guard let alarm = log()?.alarm else { return }
      alarm.wait(milliseconds: 1000)
      guard let log = log(), log.work() else { return }
    }
  }

  /// Writes what waits; false at the end.
  private func work() -> Bool {
    let now = LogTime.now
    let (lines, reopens, ends, overdue) = state.withLock { state in
      let overdue = state.limits.overdue(now: now.monotonic, atOnce: state.isClosing)
      let result = (state.queue.takeAll(), state.wantsReopening, state.isClosing, overdue)
      state.wantsReopening = false
      return result
    }
    if reopens { output.reopen() }
    let late = overdue.map { line.bytes($0.level, $0.event, [LogField("left_out", $0.count)], now) }
    let all = lines + late
    let count = all.isEmpty ? 0 : output.write(all)
    written.add(count, ordering: .relaxed)
    lost.add(all.count - count, ordering: .relaxed)
    return !ends
  }
}

/// How important a line is.
public enum LogLevel: UInt8, Sendable, CaseIterable, Comparable {
  /// For those who look for a fault.
  case debug
  /// Start, stop, reload: what an operator wants to read later.
  case info
  /// Something is wrong, but goes on.
  case warning
  /// Something does not work.
  case error

  /// Its name.
  public var name: String {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .warning: "warning"
    case .error: "error"
    }
  }

  /// What syslog calls it.
  var priority: Int {
    switch self {
    case .debug: 7
    case .info: 6
    case .warning: 4
    case .error: 3
    }
  }

  /// Order of importance.
  public static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

/// A file of a log that cannot be opened.
public struct LogError: Error, Sendable, CustomStringConvertible {
  /// One line for people.
  public let description: String
}
