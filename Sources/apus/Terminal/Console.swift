import CSystem
import Glibc
import JSON
import Synchronization

/// Standard output and standard error: results go to the first, progress and errors to the second.
///
/// May be used from any thread. While a live display is on the terminal, lines appear above it.
final class Console: Sendable {
  /// Whether standard error is a terminal that understands cursor movements.
  let isTerminal: Bool
  /// How bars and colours look.
  let style: Style
  private let live = Mutex<[String]>([])
  /// Told when nobody reads standard output any more.
  private let interruption: Interruption

  init(environment: [String: String], interruption: Interruption) {
    let dumb = environment["TERM"].map { $0.isEmpty || $0 == "dumb" } ?? true
    isTerminal = isatty(2) == 1 && !dumb
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    let upper = locale?.uppercased() ?? ""
    let noColour = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    style = Style(
      isUnicode: upper.contains("UTF-8") || upper.contains("UTF8"), hasColour: isTerminal && !noColour)
    self.interruption = interruption
  }

  /// The terminal's width, 80 if there is none.
  var columns: Int {
    let columns = Int(apus_terminal_columns(2))
    return columns > 0 ? columns : 80
  }

  /// The terminal's height, 24 if there is none.
  var rows: Int {
    let rows = Int(apus_terminal_rows(2))
    return rows > 0 ? rows : 24
  }

  /// Writes text to standard output as it is.
  func write(_ text: String) { write(Array(text.utf8)) }

  /// Writes bytes to standard output. If nobody reads them, the command is told to stop.
  func write(_ bytes: [UInt8]) {
    live.withLock { lines in
      if !lines.isEmpty, isatty(1) == 1 { send(Self.erase(lines), to: 2) }
      if !send(bytes, to: 1) { interruption.raise(.closedOutput) }
      if !lines.isEmpty, isatty(1) == 1 { send(Self.draw(lines), to: 2) }
    }
  }

  /// Writes one line to standard output.
  func line(_ text: String) { write(text + "\n") }

  /// Writes a value as one line of JSON to standard output.
  func event(_ value: JSONValue) {
    var bytes: [UInt8] = []
    value.append(to: &bytes)
    bytes.append(UInt8(ascii: "\n"))
    write(bytes)
  }

  /// Writes one line to standard error, above a live display.
  func note(_ text: String) {
    live.withLock { lines in
      let above = Self.erase(lines) + Array((text.printable + "\n").utf8)
      send(above + Self.draw(lines), to: 2)
    }
  }

  /// Writes `apus: text` to standard error, red on a terminal: what went wrong, where, what to do.
  func error(_ text: String) {
    let line = "apus: " + text.printable
    live.withLock { lines in
      let shown = style.hasColour ? "\u{1b}[31m\(line)\u{1b}[0m\n" : line + "\n"
      send(Self.erase(lines) + Array(shown.utf8) + Self.draw(lines), to: 2)
    }
  }

  /// Replaces the live lines at the bottom of the terminal. Each must fit its width. Nothing on what is
  /// not a terminal.
  func show(_ lines: [String]) {
    guard isTerminal else { return }
    live.withLock { shown in
      let before = Self.erase(shown)
      shown = lines
      send(before + Self.draw(lines), to: 2)
    }
  }

  /// Leaves the live lines where they are and starts a line below them.
  func settle() {
    live.withLock { lines in
      if !lines.isEmpty { send(Array("\n".utf8), to: 2) }
      lines = []
    }
  }

  /// Back to the first column of the first live line, and clear from there: no scrolling.
  private static func erase(_ lines: [String]) -> [UInt8] {
    guard !lines.isEmpty else { return [] }
    let up = lines.count > 1 ? "\u{1b}[\(lines.count - 1)A" : ""
    return Array("\r\(up)\u{1b}[J".utf8)
  }

  private static func draw(_ lines: [String]) -> [UInt8] { Array(lines.joined(separator: "\n").utf8) }

  @discardableResult
  private func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var start = 0
    while start < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
      }
      if count > 0 {
        start += count
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&waiting, 1, 1000)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}
