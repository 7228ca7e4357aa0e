import EventLoop
import Synchronization

/// Rows of progress: on a terminal redrawn in place, else as plain lines every few seconds.
final class ProgressDisplay: Sendable {
  private struct State {
    var lastDrawn: Instant?
    var lastLines: [String] = []
  }

  private let console: Console
  private let isOn: Bool
  private let state = Mutex(State())
  /// Seconds between redraws on a terminal and between plain lines.
  private static let liveInterval = 0.1
  private static let plainInterval = 5.0

  /// `isOn` false (for `--quiet` and `--json`) shows nothing.
  init(_ console: Console, isOn: Bool) {
    self.console = console
    self.isOn = isOn
    // A log is told of what takes long, not that it starts.
    if !console.isTerminal { state.withLock { $0.lastDrawn = .now } }
  }

  /// Whether `update` would show something now. Cheap; for callers that are called often.
  var isDue: Bool { isOn && state.withLock { isDue($0, Instant.now) } }

  private func isDue(_ state: State, _ now: Instant) -> Bool {
    guard let last = state.lastDrawn else { return true }
    return now.seconds(since: last) >= (console.isTerminal ? Self.liveInterval : Self.plainInterval)
  }

  /// Shows the rows if it is time; `force` shows them now.
  func update(force: Bool = false, _ rows: () -> [ProgressRow]) {
    guard isOn else { return }
    let now = Instant.now
    let due = state.withLock { state in
      guard force || isDue(state, now) else { return false }
      state.lastDrawn = now
      return true
    }
    if due { draw(rows()) }
  }

  /// Shows the rows a last time and leaves them on the screen.
  func finish(_ rows: [ProgressRow]) {
    guard isOn else { return }
    draw(rows)
    console.settle()
  }

  /// Takes the rows off the screen.
  func clear() {
    if isOn { console.show([]) }
  }

  private func draw(_ rows: [ProgressRow]) {
    guard console.isTerminal else {
      // A log is told only what is new, and of many torrents only the sum.
      let lines = rows.count > 8 ? [Self.summary(rows)] : rows.map(\.plain)
      let fresh = state.withLock { state in
        let fresh = lines.filter { !state.lastLines.contains($0) }
        state.lastLines = lines
        return fresh
      }
      for line in fresh { console.note(line) }
      return
    }
    let columns = console.columns
    let limit = max(1, console.rows - 2)
    var shown = rows
    if rows.count > limit {
      // Those that still move come first; the others are counted.
      shown = Array(rows.filter { $0.fraction != 1 }.prefix(limit - 1))
    }
    let longest = shown.map { $0.label.printable.columns }.max() ?? 0
    let width = min(longest, max(12, columns / 3))
    let bars = shown.map { $0.barWidth(columns: columns, labelWidth: width) }.filter { $0 > 0 }
    let bar = bars.min() ?? 0
    var lines = shown.map {
      $0.line(columns: columns, style: console.style, labelWidth: width, barWidth: bar)
    }
    if shown.count < rows.count {
      lines.append("and \(Figures.grouped(rows.count - shown.count)) more".cut(to: columns - 1))
    }
    console.show(lines)
  }

  private static func summary(_ rows: [ProgressRow]) -> String {
    let complete = rows.count { $0.fraction == 1 }
    return "\(Figures.count(rows.count, "torrent")): \(Figures.grouped(complete)) complete"
  }
}

/// Progress of one pass over a known number of bytes, with rate and time left.
final class PassMeter: Sendable {
  private let display: ProgressDisplay
  private let label: String
  private let start = Instant.now

  init(_ label: String, on display: ProgressDisplay) {
    self.label = label
    self.display = display
  }

  /// Seconds since the meter was made.
  var elapsed: Double { Instant.now.seconds(since: start) }

  /// Shows where the pass is; may be called often and from any thread.
  func report(_ done: Int64, of total: Int64) {
    display.update { [row(done, of: total, elapsed: elapsed)] }
  }

  /// Shows the end of the pass.
  func finish(_ total: Int64) { display.finish([row(total, of: total, elapsed: elapsed)]) }

  private func row(_ done: Int64, of total: Int64, elapsed: Double) -> ProgressRow {
    let rate = elapsed > 0.01 ? Double(done) / elapsed : 0
    var figures = [done < total ? "\(Figures.size(done)) of \(Figures.size(total))" : Figures.size(total)]
    if rate > 0 { figures.append(Figures.rate(rate)) }
    if done < total {
      if let remaining = Figures.remaining(total - done, at: rate) { figures.append(remaining) }
    } else {
      figures.append("in \(Figures.fixed(elapsed, 1)) s")
    }
    return ProgressRow(label: label, fraction: total > 0 ? Double(done) / Double(total) : 1, figures: figures)
  }
}
