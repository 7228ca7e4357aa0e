/// Why scanning ended without a command to run.
enum ScanEnd: Error, Equatable {
  case help
  case problem(String)
  /// What is wrong with the settings.
  case problems([String])
  /// The settings were checked and are in order.
  case checked(String)
  case printDefaults
}

/// Reads the words after a command's name into the command.
struct Scanner<Root: Command> {
  private let words: [String]
  let environment: [String: String]
  private let files: FileReading
  private var position = 0
  var command = Root()
  private var counts: [Int]
  let parameters = Root.parameters
  /// What is wrong with the settings of file and environment.
  var problems: [String] = []
  /// What the words ask for, to be done when the settings of lower rank are there.
  private var assignments: [Assignment] = []

  private struct Assignment {
    let index: Int
    let text: String
    let name: String
  }

  init(_ words: [String], environment: [String: String], files: @escaping FileReading) {
    self.words = words
    self.environment = environment
    self.files = files
    counts = [Int](repeating: 0, count: Root.parameters.count)
  }

  /// Scans every word, then what the environment has for options that were not given.
  mutating func run() throws(ScanEnd) -> Root {
    var optionsEnded = false
    while position < words.count {
      let word = words[position]
      position += 1
      if optionsEnded || word == "-" || !word.hasPrefix("-") {
        try positional(word)
      } else if word == "--" {
        optionsEnded = true
      } else if word.hasPrefix("--") {
        try long(word)
      } else {
        try short(word)
      }
    }
    let wishes = Set(assignments.map { parameters[$0.index].description.role })
    if wishes.contains(.printDefaults) { throw .printDefaults }
    let isCheck = wishes.contains(.check)
    let path = filePath
    if isCheck, path == nil { throw .problem("--check-config needs a file: --config <file>") }
    if let sources = Root.settingSources { readSettings(sources, path: path, files) }
    var cleared = Set<Int>()
    for assignment in assignments {
      if cleared.insert(assignment.index).inserted { parameters[assignment.index].clear(&command) }
      try assign(assignment)
    }
    try readEnvironment()
    try checkCounts()
    guard problems.isEmpty else { throw .problems(problems) }
    do throws(UsageProblem) {
      try command.validate()
    } catch {
      throw .problem(error.message)
    }
    if isCheck, let path { throw .checked("\(path): the settings are in order\n") }
    return command
  }

  /// The configuration file that is named last on the command line, or by the environment.
  private var filePath: String? {
    guard let index = parameters.firstIndex(where: { $0.description.role == .file }) else { return nil }
    if let given = assignments.last(where: { $0.index == index }) { return given.text }
    guard let variable = parameters[index].description.environment, let path = environment[variable],
      !path.isEmpty
    else { return nil }
    return path
  }

  private mutating func long(_ word: String) throws(ScanEnd) {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let index = find(name) else {
      if name == "--help" { throw .help }
      throw .problem(unknown(name))
    }
    switch parameters[index].description.kind {
    case .flag:
      guard parts.count == 1 else { throw .problem("\(name) takes no value") }
      store(index, flag(index, name), name)
    default:
      store(index, parts.count == 2 ? String(parts[1]) : try value(of: name, index), name)
    }
  }

  /// `-a`, `-abc` as three flags, `-oFILE` or `-o FILE`.
  private mutating func short(_ word: String) throws(ScanEnd) {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      let name = "-\(letter)"
      guard let index = find(name) else {
        if name == "-h" { throw .help }
        throw .problem(unknown(word.count == 2 ? word : name))
      }
      guard parameters[index].description.kind == .flag else {
        let attached = String(letters.first == "=" ? letters.dropFirst() : letters)
        store(index, letters.isEmpty ? try value(of: name, index) : attached, name)
        return
      }
      store(index, flag(index, name), name)
    }
  }

  /// What a flag stores: whether a setting is on.
  private func flag(_ index: Int, _ name: String) -> String {
    guard parameters[index].description.setting != nil else { return "" }
    return name == parameters[index].description.names.last ? "false" : "true"
  }

  private mutating func value(of name: String, _ index: Int) throws(ScanEnd) -> String {
    let placeholder = parameters[index].description.value
    guard position < words.count, words[position] != "--" else {
      throw .problem("\(name) needs a value: \(name) <\(placeholder)>")
    }
    let word = words[position]
    if word.hasPrefix("-"), word != "-", find(String(word.prefix { $0 != "=" })) != nil {
      throw .problem("\(name) needs a value: \(name) <\(placeholder)>, but '\(word)' follows")
    }
    position += 1
    return word
  }

  private mutating func positional(_ word: String) throws(ScanEnd) {
    for (index, parameter) in parameters.enumerated() {
      let description = parameter.description
      guard description.kind == .argument, description.isRepeated || counts[index] == 0 else { continue }
      return store(index, word, "<\(description.value)>")
    }
    throw .problem("unexpected argument '\(word)'")
  }

  private mutating func store(_ index: Int, _ text: String, _ name: String) {
    assignments.append(Assignment(index: index, text: text, name: name))
    counts[index] += 1
  }

  private mutating func assign(_ assignment: Assignment) throws(ScanEnd) {
    do throws(ValueError) {
      try parameters[assignment.index].store(&command, assignment.text)
    } catch {
      throw .problem("\(assignment.name): '\(assignment.text)' \(error.problem)")
    }
  }

  private mutating func readEnvironment() throws(ScanEnd) {
    for (index, parameter) in parameters.enumerated() where counts[index] == 0 {
      guard let variable = parameter.description.environment, let text = environment[variable], !text.isEmpty
      else {
        continue
      }
      counts[index] += 1
      try assign(Assignment(index: index, text: text, name: "environment variable \(variable)"))
    }
  }

  private func checkCounts() throws(ScanEnd) {
    for (index, parameter) in parameters.enumerated() where counts[index] < parameter.description.minimum {
      throw .problem("missing \(parameter.description.label)")
    }
  }

  private func find(_ name: String) -> Int? { parameters.firstIndex { $0.description.names.contains(name) } }

  private func unknown(_ name: String) -> String {
    let known = parameters.filter { !$0.description.isHidden }.flatMap(\.description.names) + ["--help"]
    return "unknown option '\(name)'\(suggestion(for: name, among: known))"
  }
}
