extension Program {
  /// A manual page of section 1, for `man`: the same tables as help.
  func manual() -> String {
    var page = ".TH \(name.uppercased()) 1 \"\" \"\(name) \(version)\"\n"
    page += ".SH NAME\n\(name) \\- \(roff(summary))\n"
    page += ".SH SYNOPSIS\n.B \(name)\n\\fIcommand\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]\n"
    page += ".SH COMMANDS\n"
    for command in commands {
      let table = rows(of: command).filter { !$0.description.isHidden }
      page +=
        ".SS \(name) \(command.name) \(roff(Self.usage(table.map(\.description))))\n\(roff(command.summary))\n"
      for paragraph in command.discussion.split(separator: "\n") {
        page += ".PP\n\(roff(String(paragraph)))\n"
      }
      for row in table {
        let (label, text) = Self.row(row)
        page += ".TP\n\\fB\(roff(label))\\fR\n\(roff(text))\n"
      }
    }
    for note in notes {
      page += ".SH \(note.heading)\n"
      for row in note.rows { page += ".TP\n\\fB\(roff(row.label))\\fR\n\(roff(row.text))\n" }
    }
    return page
  }

  /// Dashes and backslashes as roff wants them; a line never starts with a control character.
  private func roff(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
  }
}
