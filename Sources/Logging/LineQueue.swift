/// Lines that wait to be written, bounded in number and bytes.
struct LineQueue: Sendable {
  static let maximumLines = 4096
  static let maximumBytes = 1 << 20

  private var lines: [[UInt8]] = []
  private var bytes = 0

  /// Adds a line if there is room; whether it was added, and whether it is the first.
  mutating func add(_ line: [UInt8]) -> (isAdded: Bool, isFirst: Bool) {
    guard lines.count < Self.maximumLines, bytes + line.count <= Self.maximumBytes else {
      return (false, false)
    }
    lines.append(line)
    bytes += line.count
    return (true, lines.count == 1)
  }

  /// All lines in order; leaves none.
  mutating func takeAll() -> [[UInt8]] {
    defer {
      lines = []
      bytes = 0
    }
    return lines
  }
}

/// How often each event is written: so many lines in a window of time, then one that counts the rest.
struct RepeatLimits: Sendable {
  static let linesInWindow = 10
  /// Milliseconds.
  static let window: Int64 = 10_000
  /// Events are words of the program: few. More than that are not told apart.
  static let maximumEvents = 1024

  private struct Window: Sendable {
    var start: Int64
    var lines: Int
    var leftOut: Int
    var level: LogLevel
  }

  /// Lines of an event that were left out.
  struct Overdue: Sendable, Equatable {
    let event: String
    let level: LogLevel
    let count: Int
  }

  private var windows: [String: Window] = [:]
  private var leftOut = 0

  /// Whether a line of `event` is written, and how many were left out before it.
  mutating func pass(_ event: String, _ level: LogLevel, now: Int64) -> (passes: Bool, leftOut: Int) {
    guard var entry = windows[event] else {
      if windows.count >= Self.maximumEvents { windows = [:] }
      windows[event] = Window(start: now, lines: 1, leftOut: 0, level: level)
      return (true, 0)
    }
    var before = 0
    if now - entry.start >= Self.window {
      before = entry.leftOut
      leftOut -= before
      entry = Window(start: now, lines: 0, leftOut: 0, level: level)
    }
    let passes = entry.lines < Self.linesInWindow
    if passes {
      entry.lines += 1
    } else {
      entry.leftOut += 1
      leftOut += 1
    }
    windows[event] = entry
    return (passes, before)
  }

  /// What was left out in windows that are over, or in all of them; each is told once.
  mutating func overdue(now: Int64, atOnce: Bool) -> [Overdue] {
    guard leftOut > 0 else { return [] }
    var result: [Overdue] = []
    for (event, entry) in windows
    where entry.leftOut > 0 && (atOnce || now - entry.start >= Self.window) {
      result.append(Overdue(event: event, level: entry.level, count: entry.leftOut))
      leftOut -= entry.leftOut
      windows[event] = nil
    }
    return result.sorted { $0.event < $1.event }
  }
}
