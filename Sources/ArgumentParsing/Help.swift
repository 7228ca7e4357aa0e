extension Program {
  /// The program's own help: overview, usage, commands, notes. Wrapped to `columns`.
  public func help(columns: Int = 80) -> String {
    var page = HelpPage(columns: columns)
    page.heading("OVERVIEW", line: summary)
    page.heading("USAGE", line: "\(name) <command> [<options>] [<arguments>]")
    page.section("COMMANDS", commands.map { ($0.name, $0.summary) })
    page.section(
      "OPTIONS",
      [
        ("-h, --help", "Show help; with every command, too."), ("--version", "Print the version."),
        ("--generate-completion-script <shell>", "Print completions for bash, zsh or fish."),
        ("--generate-manual", "Print a manual page in roff."),
      ])
    for note in notes { page.section(note.heading, note.rows) }
    page.paragraph("See '\(name) help <command>' for a command's own options.")
    return page.text
  }

  /// A command's help: overview, usage, arguments, options.
  public func help(for command: any Command.Type, columns: Int = 80) -> String {
    var page = HelpPage(columns: columns)
    page.heading("OVERVIEW", line: command.summary)
    if !command.discussion.isEmpty {
      for paragraph in command.discussion.split(separator: "\n") { page.paragraph(String(paragraph)) }
    }
    let table = rows(of: command).filter { !$0.description.isHidden }
    page.heading("USAGE", line: "\(name) \(command.name) \(Self.usage(table.map(\.description)))")
    page.section("ARGUMENTS", table.filter { $0.description.kind == .argument }.map(Self.row))
    page.section(
      "OPTIONS",
      table.filter { $0.description.kind != .argument }.map(Self.row) + [("-h, --help", "Show this help.")])
    return page.text
  }

  /// A command's rows with the text of their defaults, without its type.
  func rows(of command: any Command.Type) -> [(description: ParameterDescription, defaultText: String?)] {
    func open<C: Command>(_ type: C.Type) -> [(description: ParameterDescription, defaultText: String?)] {
      let defaults = C()
      return C.parameters.map { ($0.description, $0.defaultText(defaults)) }
    }
    return open(command)
  }

  static func usage(_ table: [ParameterDescription]) -> String {
    let options = table.contains { $0.kind != .argument } ? ["[<options>]"] : []
    let arguments = table.filter { $0.kind == .argument }.map { row in
      row.minimum == 0 ? "[\(row.label)]" : row.label
    }
    return (options + arguments).joined(separator: " ")
  }

  static func row(_ row: (description: ParameterDescription, defaultText: String?)) -> (String, String) {
    var text = row.description.help
    if case .choices(let words) = row.description.completion {
      text += " One of \(words.joined(separator: ", "))."
    }
    if row.description.isRepeated, row.description.kind == .option { text += " May be given again." }
    var extra: [String] = []
    if let value = row.defaultText, !value.isEmpty { extra.append("default: \(value)") }
    if let variable = row.description.environment { extra.append("environment: \(variable)") }
    if !extra.isEmpty { text += " (\(extra.joined(separator: "; ")))" }
    return (row.description.label, text)
  }
}

/// Text in two columns, wrapped.
struct HelpPage {
  private(set) var text = ""
  private let columns: Int
  private let labelWidth = 26

  init(columns: Int) { self.columns = max(50, min(columns, 120)) }

  mutating func heading(_ heading: String, line: String) {
    separate()
    text += Self.wrap("\(heading): \(line)", width: columns, indent: 2).joined(separator: "\n") + "\n"
  }

  mutating func paragraph(_ line: String) {
    separate()
    text += Self.wrap(line, width: columns, indent: 0).joined(separator: "\n") + "\n"
  }

  mutating func section(_ heading: String, _ rows: [(String, String)]) {
    guard !rows.isEmpty else { return }
    separate()
    text += "\(heading):\n"
    for (label, help) in rows {
      let lines = Self.wrap(help, width: columns - labelWidth, indent: 0)
      var left = "  " + label
      if left.count + 2 > labelWidth {
        text += left + "\n"
        left = ""
      }
      for line in lines {
        text += left + String(repeating: " ", count: labelWidth - left.count) + line + "\n"
        left = ""
      }
    }
  }

  private mutating func separate() {
    if !text.isEmpty { text += "\n" }
  }

  /// Lines of at most `width` characters, broken at spaces; all but the first start with `indent` spaces.
  static func wrap(_ text: String, width: Int, indent: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = String(repeating: " ", count: indent) + word
      } else {
        line += line.isEmpty ? String(word) : " \(word)"
      }
    }
    return lines + [line]
  }
}
