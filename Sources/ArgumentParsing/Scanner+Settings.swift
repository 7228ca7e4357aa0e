import Configuration

extension Scanner {
  /// Reads the file that is named, and the environment. Every problem is found, not only the first.
  mutating func readSettings(_ sources: SettingSources, path: String?, _ files: FileReading) {
    if let path { readFile(path, files) }
    for (index, parameter) in parameters.enumerated() {
      guard let setting = parameter.description.setting else { continue }
      let variable = setting.variable(prefix: sources.prefix)
      guard let text = environment[variable], !text.isEmpty else { continue }
      let texts = parameter.description.isRepeated ? Self.listed(text) : [text]
      parameter.clear(&command)
      for text in texts { note(index, text, "environment variable \(variable)", setting) }
    }
    readUnknownVariables(sources)
  }

  private mutating func readFile(_ path: String, _ files: FileReading) {
    let bytes: [UInt8]
    do throws(UsageProblem) {
      bytes = try files(path)
    } catch {
      problems.append(error.message)
      return
    }
    let file = ConfigurationFile(bytes)
    var faults = file.faults
    for entry in file.entries {
      do throws(ConfigurationFile.Fault) {
        try apply(entry)
      } catch {
        faults.append(error)
      }
    }
    faults.sort { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }
    problems += faults.map { "\(path):\($0)" }
  }

  private mutating func apply(_ entry: ConfigurationFile.Entry) throws(ConfigurationFile.Fault) {
    guard let index = parameters.firstIndex(where: { $0.description.setting?.key == entry.key }) else {
      throw ConfigurationFile.Fault(entry.place, unknown(key: entry.key))
    }
    let parameter = parameters[index]
    var values = [entry.value]
    if case .list(let list) = entry.value {
      guard parameter.description.isRepeated else {
        throw ConfigurationFile.Fault(entry.valuePlace, "'\(entry.key)' takes one value, not a list")
      }
      values = list
    }
    parameter.clear(&command)
    for value in values {
      let text = Self.text(value)
      if parameter.description.kind == .flag {
        guard case .boolean = value else {
          throw ConfigurationFile.Fault(entry.valuePlace, "'\(entry.key)' is true or false, without quotes")
        }
      }
      do throws(ValueError) {
        try parameter.store(&command, text)
      } catch {
        let shown = parameter.description.setting?.isSecret == true ? "the value" : "'\(text)'"
        throw ConfigurationFile.Fault(entry.valuePlace, "\(entry.key): \(shown) \(error.problem)")
      }
    }
  }

  private static func text(_ value: ConfigurationValue) -> String {
    switch value {
    case .string(let text): text
    case .integer(let number): String(number)
    case .number(let number): number.argumentText
    case .boolean(let flag): flag ? "true" : "false"
    case .list: ""
    }
  }

  /// The words of a list in the environment.
  private static func listed(_ text: String) -> [String] {
    text.split(separator: ",").map { word in
      var word = word
      while word.first == " " { word.removeFirst() }
      while word.last == " " { word.removeLast() }
      return String(word)
    }.filter { !$0.isEmpty }
  }

  private mutating func note(_ index: Int, _ text: String, _ name: String, _ setting: Setting) {
    do throws(ValueError) {
      try parameters[index].store(&command, text)
    } catch {
      problems.append("\(name): \(setting.isSecret ? "the value" : "'\(text)'") \(error.problem)")
    }
  }

  /// A key with a typing mistake must not pass silently; nor must one in the wrong section.
  private func unknown(key: String) -> String {
    let known = parameters.compactMap(\.description.setting?.key)
    let name = key.split(separator: ".").last.map(String.init) ?? key
    let near = suggestion(for: key, among: known)
    guard near.isEmpty, let same = known.first(where: { $0 == name || $0.hasSuffix("." + name) }) else {
      return "unknown key '\(key)'\(near)"
    }
    return "unknown key '\(key)' (did you mean '\(same)'?)"
  }

  private mutating func readUnknownVariables(_ sources: SettingSources) {
    let known =
      parameters.compactMap(\.description.setting).map { $0.variable(prefix: sources.prefix) }
      + parameters.compactMap(\.description.environment)
    for variable in environment.keys.sorted()
    where variable.hasPrefix(sources.prefix) && !known.contains(variable) {
      problems.append(
        "environment variable \(variable) is no setting\(suggestion(for: variable, among: known))")
    }
  }
}
