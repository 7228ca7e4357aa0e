/// Why scanning ended without a command to run.
enum ScanEnd: Error, Equatable {
  case help
  case problem(String)
}

/// Reads the words after a command's name into the command.
struct Scanner<Root: Command> {
  private let words: [String]
  private let environment: [String: String]
  private var position = 0
  private var command = Root()
  private var counts: [Int]
  private let parameters = Root.parameters

  init(_ words: [String], environment: [String: String]) {
    self.words = words
    self.environment = environment
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
    try readEnvironment()
    try checkCounts()
    do throws(UsageProblem) {
      try command.validate()
    } catch {
      throw .problem(error.message)
    }
    return command
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
      try store(index, "", name)
    default:
      try store(index, parts.count == 2 ? String(parts[1]) : try value(of: name, index), name)
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
        try store(index, letters.isEmpty ? try value(of: name, index) : attached, name)
        return
      }
      try store(index, "", name)
    }
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
      return try store(index, word, "<\(description.value)>")
    }
    throw .problem("unexpected argument '\(word)'")
  }

  private mutating func store(_ index: Int, _ text: String, _ name: String) throws(ScanEnd) {
    do throws(ValueError) {
      try parameters[index].store(&command, text)
      counts[index] += 1
    } catch {
      throw .problem("\(name): '\(text)' \(error.problem)")
    }
  }

  private mutating func readEnvironment() throws(ScanEnd) {
    for (index, parameter) in parameters.enumerated() where counts[index] == 0 {
      guard let variable = parameter.description.environment, let text = environment[variable], !text.isEmpty
      else {
        continue
      }
      try store(index, text, "environment variable \(variable)")
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
