/// A command: a value whose properties take what was given, and the table that says how.
public protocol Command: Sendable {
  /// The word that calls it.
  static var name: String { get }
  /// One sentence for lists and the head of its help.
  static var summary: String { get }
  /// Paragraphs below the summary; empty by default.
  static var discussion: String { get }
  /// Its parameters, in the order in which help lists them.
  static var parameters: [Parameter<Self>] { get }
  /// Where its settings come from besides the command line; `nil` if it has none.
  static var settingSources: SettingSources? { get }
  /// The command with all defaults.
  init()
  /// Checks what single values cannot tell, such as options that exclude each other. Throws a sentence.
  func validate() throws(UsageProblem)
}

extension Command {
  /// Nothing more to say.
  public static var discussion: String { "" }

  /// From the command line alone.
  public static var settingSources: SettingSources? { nil }

  /// Accepts everything.
  public func validate() throws(UsageProblem) {}
}

/// Why a command line makes no sense, in one sentence without a full stop.
public struct UsageProblem: Error, Equatable {
  /// What is wrong.
  public let message: String

  /// Holds the sentence.
  public init(_ message: String) { self.message = message }
}

/// What a command line asks for.
public enum Invocation: Sendable {
  /// To run this command.
  case run(any Command)
  /// To print this text to standard output, and no more.
  case show(String)
  /// Nothing sensible: this goes to standard error, and the exit code is 64. One line, but for what is wrong
  /// with a configuration file: one line a fault.
  case refuse(String)
}

/// Reads a whole file; throws a sentence that names it.
public typealias FileReading = @Sendable (String) throws(UsageProblem) -> [UInt8]

/// A program: its name, its version and its commands.
public struct Program: Sendable {
  /// The name that help shows.
  public let name: String
  /// What `--version` prints after the name.
  public let version: String
  /// One sentence on what it is.
  public let summary: String
  /// Sections below the list of commands, as pairs of heading and lines.
  public let notes: [Note]
  /// The commands, in the order of the list.
  public let commands: [any Command.Type]

  /// A section of the program's help: a heading and rows of label and text.
  public struct Note: Sendable {
    let heading: String
    let rows: [(label: String, text: String)]

    /// A heading such as `EXIT CODES` and its rows.
    public init(_ heading: String, _ rows: [(label: String, text: String)]) {
      self.heading = heading
      self.rows = rows
    }
  }

  /// Puts a program together.
  public init(
    name: String, version: String, summary: String, notes: [Note] = [], commands: [any Command.Type]
  ) {
    self.name = name
    self.version = version
    self.summary = summary
    self.notes = notes
    self.commands = commands
  }

  /// Reads a command line, without the program's own name.
  ///
  /// `environment` stands in for options that are not given and name a variable; `columns` is the width
  /// that help is wrapped to; `files` reads configuration files.
  public func parse(
    _ arguments: [String], environment: [String: String] = [:], columns: Int = 80,
    files: @escaping FileReading = { path throws(UsageProblem) in throw UsageProblem("cannot read '\(path)'")
    }
  ) -> Invocation {
    guard let first = arguments.first else { return .show(help(columns: columns)) }
    let rest = Array(arguments.dropFirst())
    switch first {
    case "-h", "--help": return .show(help(columns: columns))
    case "--version": return .show("\(name) \(version)\n")
    case "--generate-completion-script": return completionScript(rest)
    case "--generate-manual": return .show(manual())
    case "help":
      guard let topic = rest.first, topic != "-h", topic != "--help" else {
        return .show(help(columns: columns))
      }
      guard let command = command(named: topic) else { return .refuse(unknownCommand(topic)) }
      return .show(help(for: command, columns: columns))
    default: break
    }
    guard !first.hasPrefix("-") else {
      let known = ["--help", "--version", "--generate-completion-script", "--generate-manual"]
      return .refuse(
        "\(name): unknown option '\(first)'\(suggestion(for: first, among: known)); see '\(name) --help'")
    }
    guard let command = command(named: first) else { return .refuse(unknownCommand(first)) }
    return parse(command, rest, environment: environment, columns: columns, files: files)
  }

  /// The command that `name` calls.
  public func command(named name: String) -> (any Command.Type)? { commands.first { $0.name == name } }

  private func unknownCommand(_ word: String) -> String {
    let known = commands.map { $0.name } + ["help"]
    return "\(name): unknown command '\(word)'\(suggestion(for: word, among: known)); see '\(name) --help'"
  }

  private func parse<C: Command>(
    _ command: C.Type, _ arguments: [String], environment: [String: String], columns: Int,
    files: @escaping FileReading
  ) -> Invocation {
    var scanner = Scanner<C>(arguments, environment: environment, files: files)
    do throws(ScanEnd) {
      return .run(try scanner.run())
    } catch {
      switch error {
      case .help: return .show(help(for: command, columns: columns))
      case .checked(let text): return .show(text)
      case .printDefaults: return .show(defaultConfiguration(of: command))
      case .problems(let lines):
        return .refuse(lines.map { "\(name) \(C.name): \($0)" }.joined(separator: "\n"))
      case .problem(let text): return .refuse("\(name) \(C.name): \(text); see '\(name) \(C.name) --help'")
      }
    }
  }

  private func completionScript(_ arguments: [String]) -> Invocation {
    guard let shell = arguments.first.flatMap(Shell.init(rawValue:)) else {
      let shells = Shell.allCases.map(\.rawValue).joined(separator: ", ")
      return .refuse("\(name): --generate-completion-script needs a shell: one of \(shells)")
    }
    return .show(completionScript(for: shell))
  }
}
