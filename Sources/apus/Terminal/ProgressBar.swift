/// What the terminal can show.
struct Style: Sendable, Equatable {
  /// Block characters and `…`, or plain ASCII.
  var isUnicode: Bool
  /// Whether to colour.
  var hasColour: Bool

  /// Mark for what is cut.
  var ellipsis: String { isUnicode ? "…" : "~" }

  /// A bar of `width` columns, in eighths of a column where the terminal can.
  func bar(_ fraction: Double, width: Int) -> String {
    guard width > 2 else { return "" }
    let share = min(max(fraction.isNaN ? 0 : fraction, 0), 1)
    guard isUnicode else {
      let full = Int(share * Double(width - 2))
      return "[" + String(repeating: "#", count: full) + String(repeating: "-", count: width - 2 - full) + "]"
    }
    let eighths = Int(share * Double(width * 8))
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let full = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    let rest = String(repeating: "░", count: width - full.count)
    return hasColour ? "\u{1b}[36m\(full)\u{1b}[90m\(rest)\u{1b}[0m" : full + rest
  }
}

/// One line of progress: a name, a bar, figures.
struct ProgressRow: Sendable, Equatable {
  /// What it is about; cut first when room is short.
  var label: String
  /// 0 to 1; without it there is no bar.
  var fraction: Double?
  /// Figures right of the bar, the most important first; the last ones go when room is short.
  var figures: [String]

  /// The line for a terminal: never wider than `columns` - 1, so that it never wraps. The bar takes at
  /// most `barWidth` columns.
  func line(columns: Int, style: Style, labelWidth: Int, barWidth: Int = widestBar) -> String {
    let fit = fit(columns: columns, labelWidth: labelWidth)
    guard let fraction, fit.bar > 0 else {
      let text = label.printable.fitted(to: fit.label, mark: style.ellipsis)
      return (fit.label > 0 ? text + "  " + fit.tail : fit.tail).cut(to: fit.room, mark: style.ellipsis)
    }
    let text = label.printable.fitted(to: fit.label, mark: style.ellipsis)
    return text + " " + style.bar(fraction, width: min(fit.bar, barWidth)) + "  " + fit.tail
  }

  /// Columns that the line has for a bar; rows shown together take the smallest, so that all line up.
  func barWidth(columns: Int, labelWidth: Int) -> Int { fit(columns: columns, labelWidth: labelWidth).bar }

  static let widestBar = 30
  private static let narrowestBar = 8

  /// How the line's parts share its room. The label may shrink to 14 columns and the bar to 8 before a
  /// figure goes.
  private func fit(columns: Int, labelWidth: Int) -> (room: Int, label: Int, bar: Int, tail: String) {
    let room = max(1, columns - 1)
    let percent = fraction.map { Figures.percent($0).right(5) }
    let bar = fraction == nil ? 0 : Self.narrowestBar + 1
    let least = min(labelWidth, 14) + bar + 2
    var shown = figures.map(\.printable)
    var tail: String { ([percent].compactMap(\.self) + shown).joined(separator: "  ") }
    while shown.count > 1, tail.columns + least > room { shown.removeLast() }
    let free = room - tail.columns - 2
    guard free > 0 else { return (room, 0, 0, tail) }
    let label = min(labelWidth, free > bar + 4 ? free - bar : free)
    guard bar > 0, free - label >= bar else { return (room, label, 0, tail) }
    return (room, label, min(free - label - 1, Self.widestBar), tail)
  }

  /// The same without a bar, for logs.
  var plain: String {
    ([label.printable + ":"] + [fraction.map(Figures.percent)].compactMap(\.self)).joined(separator: " ")
      + (figures.isEmpty ? "" : ", ") + figures.map(\.printable).joined(separator: ", ")
  }
}
