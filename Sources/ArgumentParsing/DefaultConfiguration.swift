import Configuration

extension Program {
  /// A configuration file with every setting of `command`, explained and commented out at its default; empty
  /// if it has none.
  public func defaultConfiguration(of command: any Command.Type) -> String {
    func open<C: Command>(_ type: C.Type) -> String {
      guard let sources = C.settingSources else { return "" }
      return DefaultConfiguration<C>(sources: sources).text
    }
    return open(command)
  }
}

/// Writes a command's settings as a file.
struct DefaultConfiguration<Root: Command> {
  let sources: SettingSources

  var text: String {
    let rows = Root.parameters.filter { $0.description.setting != nil }
    let defaults = Root()
    var text = head(rows.compactMap(\.description.setting).first { !$0.section.isEmpty })
    for section in sections(rows) {
      if !section.isEmpty {
        text += "\n" + comment(sources.sections[section] ?? "") + "[\(section)]\n"
      }
      for row in rows where row.description.setting?.section == section { text += entry(row, defaults) }
    }
    return text
  }

  private func head(_ example: Setting?) -> String {
    var text =
      sources.title + "\nEvery key is an option of the command line and a variable of the environment"
    if let example {
      text += """
        , too: '\(example.name)' of [\(example.section)] is \(example.option) and \
        \(example.variable(prefix: sources.prefix))
        """
    }
    text += """
      . What counts, the later the more: the defaults, this file, the environment, the command line.
      What is commented out has the value shown. Keys with (reload) are read again on SIGHUP; the others need a \
      restart. The format is TOML.
      """
    return text.split(separator: "\n").map { comment(String($0)) }.joined()
  }

  private func comment(_ text: String) -> String {
    guard !text.isEmpty else { return "" }
    return HelpPage.wrap(text, width: 100, indent: 0).map { "# \($0)\n" }.joined()
  }

  /// Sections in the order of the table, what is above all sections first.
  private func sections(_ rows: [Parameter<Root>]) -> [String] {
    var sections: [String] = [""]
    for row in rows {
      guard let section = row.description.setting?.section, !sections.contains(section) else { continue }
      sections.append(section)
    }
    return sections
  }

  private func entry(_ row: Parameter<Root>, _ defaults: Root) -> String {
    guard let setting = row.description.setting else { return "" }
    var help = row.description.help
    if case .choices(let words) = row.description.completion {
      help += " One of \(words.joined(separator: ", "))."
    }
    if setting.isReloadable { help += " (reload)" }
    let texts = row.texts(defaults)
    let literals = texts.map { setting.isQuoted ? ConfigurationValue.quoted($0) : $0 }
    let example = "<\(row.description.value)>"
    let shown = row.description.isRepeated ? "[\(literals.joined(separator: ", "))]" : literals.first
    if texts.isEmpty { help += " Such as \(example)." }
    return "\n" + comment(help) + "#\(setting.name) = \(shown ?? ConfigurationValue.quoted(""))\n"
  }
}
