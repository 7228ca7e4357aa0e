public import ArgumentParsing
public import Logging
public import TrackerServer

/// All settings of a tracker: how it answers, and how the program around it behaves.
struct TrackerSettings: Sendable {
  var configuration = TrackerConfiguration(listen: [])
  var log = LogSettings()
  var user: String?
  var tokenFile: String?

  static let sources = SettingSources(
    prefix: "APUS_TRACKER_", title: "The configuration of 'apus tracker'.",
    sections: TrackerConfiguration.sections)

  static let parameters: [Parameter<Self>] =
    Parameter.group(\.configuration, TrackerConfiguration.settings)
    + [
      .setting(
        "admin.token-file", \.tokenFile, value: "file",
        help: "A file whose first line is the token, so that it need not be in here.", complete: .files(nil)),
      .setting(
        "user", \.user, value: "name",
        help: "Become this user, with its groups, once the ports are open; for who starts as root."),
    ] + Parameter.group(\.log, LogSettings.parameters)

  /// Refuses what cannot be meant.
  func validate() throws(UsageProblem) {
    try configuration.validate()
    let wantsToken = [configuration.pages.status, configuration.pages.metrics].contains(.admin)
    if wantsToken, configuration.adminToken == nil, tokenFile == nil {
      throw UsageProblem("pages for the admin alone need --admin-token-file or --admin-token")
    }
    if let token = configuration.adminToken, token.utf8.count < 8 {
      throw UsageProblem("--admin-token: choose at least 8 characters")
    }
  }

  /// The settings with the token read from its file.
  func complete() throws(Failure) -> TrackerConfiguration {
    var configuration = configuration
    guard let tokenFile, configuration.adminToken == nil else { return configuration }
    let bytes = try FileSystem.read(tokenFile, limit: 4096)
    let line = bytes.prefix { $0 != 0x0a && $0 != 0x0d }
    guard line.count >= 8, let token = String(validating: line, as: UTF8.self) else {
      throw Failure("'\(tokenFile)': the first line must be a token of at least 8 characters")
    }
    configuration.adminToken = token
    return configuration
  }
}

/// Where a log goes.
struct LogSettings: Sendable {
  static let parameters: [Parameter<Self>] = [
    .setting(
      "log.file", \.file, value: "file",
      help: "Append to this file instead of standard error; SIGHUP opens it anew.", complete: .files("log")),
    .setting("log.format", \.format, value: "format", help: "How lines look."),
    .setting(
      "log.level", \.level, value: "level", help: "Leave out lines that matter less.", isReloadable: true),
  ]
  var file: String?
  var format = Log.Format.logfmt
  var level = LogLevel.info

  /// Opens the log; without a file to standard error, with priorities if that is the journal.
  func open(_ scene: Scene) throws(Failure) -> Log {
    let isJournal = file == nil && scene.environment["JOURNAL_STREAM"] != nil
    do throws(LogError) {
      return try Log(path: file, format: format, level: level, hasPriorities: isJournal)
    } catch {
      throw Failure(error.description)
    }
  }
}

extension Log.Format: ArgumentValue {}

extension LogLevel: ArgumentValue {
  /// Reads `debug`, `info`, `warning` or `error`.
  public init(argument: String) throws(ValueError) {
    guard let level = Self.allCases.first(where: { $0.name == argument }) else {
      throw ValueError("is none of \(Self.choices.joined(separator: ", "))")
    }
    self = level
  }

  /// Its name.
  public var argumentText: String { name }

  /// All names.
  public static var choices: [String] { allCases.map(\.name) }
}

extension Audience: ArgumentValue {}
extension ProxyRules.Manner: ArgumentValue {}
