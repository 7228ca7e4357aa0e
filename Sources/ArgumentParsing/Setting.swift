/// What makes a parameter a setting as well: a key of the configuration file and a variable of the environment.
public struct Setting: Sendable, Equatable {
  /// The key with its section: `http.threads`.
  public let key: String
  /// Whether a running program takes a new value.
  public let isReloadable: Bool
  /// Whether its value must not be shown.
  public let isSecret: Bool
  /// Whether the file has it in quotes.
  let isQuoted: Bool

  /// The section, empty for a key above all sections.
  var section: String { key.lastIndex(of: ".").map { String(key[..<$0]) } ?? "" }

  /// The key within its section.
  var name: String { key.lastIndex(of: ".").map { String(key[key.index(after: $0)...]) } ?? key }

  /// `--http-threads`; for `http.enabled` it is `--http`.
  var option: String {
    let words = name == "enabled" && !section.isEmpty ? section : key
    return "--" + words.replacing(".", with: "-")
  }

  /// `APUS_TRACKER_HTTP_THREADS`.
  func variable(prefix: String) -> String {
    prefix + key.uppercased().replacing(".", with: "_").replacing("-", with: "_")
  }
}

/// How a command that has settings is configured besides its command line.
///
/// What counts, the later the more: the defaults, the file that `--config` or the variable `…CONFIG` names,
/// the environment, the command line. A list that is set anew replaces the one before.
public struct SettingSources: Sendable {
  /// What the variables start with: `APUS_TRACKER_`.
  public let prefix: String
  /// What the file is about, for its first line.
  public let title: String
  /// Sentences on each section, by its name.
  public let sections: [String: String]

  /// Names the sources.
  public init(prefix: String, title: String, sections: [String: String] = [:]) {
    self.prefix = prefix
    self.title = title
    self.sections = sections
  }

  /// The variable that names the file.
  public var fileVariable: String { prefix + "CONFIG" }
}

extension Parameter {
  /// A setting with a value: key `http.threads` is the option `--http-threads` and a variable that ends in
  /// `HTTP_THREADS`, too.
  public static func setting<Value: ArgumentValue>(
    _ key: String, _ property: any WritableKeyPath<Root, Value> & Sendable, short: String? = nil,
    value: String, help: String, complete: Completion = .none, isReloadable: Bool = false,
    isSecret: Bool = false
  ) -> Self {
    let setting = Setting(
      key: key, isReloadable: isReloadable, isSecret: isSecret, isQuoted: Value.isQuoted)
    return Self(
      description: description(setting, short, value, help, .suggested(complete, Value.self)),
      store: { root, text throws(ValueError) in root[keyPath: property] = try Value(argument: text) },
      defaultText: { root in root[keyPath: property].argumentText },
      texts: { root in [root[keyPath: property].argumentText] })
  }

  /// A setting that may be absent.
  public static func setting<Value: ArgumentValue>(
    _ key: String, _ property: any WritableKeyPath<Root, Value?> & Sendable, short: String? = nil,
    value: String, help: String, complete: Completion = .none, isReloadable: Bool = false,
    isSecret: Bool = false
  ) -> Self {
    let setting = Setting(
      key: key, isReloadable: isReloadable, isSecret: isSecret, isQuoted: Value.isQuoted)
    return Self(
      description: description(setting, short, value, help, .suggested(complete, Value.self)),
      store: { root, text throws(ValueError) in root[keyPath: property] = try Value(argument: text) },
      defaultText: { root in root[keyPath: property]?.argumentText },
      texts: { root in root[keyPath: property].map { [$0.argumentText] } ?? [] })
  }

  /// A setting that is a list; in the environment its values are separated by commas.
  public static func setting<Value: ArgumentValue>(
    _ key: String, _ property: any WritableKeyPath<Root, [Value]> & Sendable, short: String? = nil,
    value: String, help: String, complete: Completion = .none, isReloadable: Bool = false
  ) -> Self {
    let setting = Setting(key: key, isReloadable: isReloadable, isSecret: false, isQuoted: Value.isQuoted)
    return Self(
      description: description(
        setting, short, value, help, .suggested(complete, Value.self), isRepeated: true),
      store: { root, text throws(ValueError) in root[keyPath: property].append(try Value(argument: text)) },
      defaultText: { root in
        let texts = root[keyPath: property].map(\.argumentText)
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
      },
      texts: { root in root[keyPath: property].map(\.argumentText) },
      clear: { root in root[keyPath: property] = [] })
  }

  /// A setting that is on or off: `--ranked` and `--no-ranked`, `ranked = true` in the file.
  public static func setting(
    _ key: String, _ property: any WritableKeyPath<Root, Bool> & Sendable, help: String,
    isReloadable: Bool = false
  ) -> Self {
    let setting = Setting(key: key, isReloadable: isReloadable, isSecret: false, isQuoted: false)
    return Self(
      description: ParameterDescription(
        kind: .flag, names: [setting.option, "--no-" + setting.option.dropFirst(2)], help: help,
        setting: setting),
      store: { root, text throws(ValueError) in
        switch text.lowercased() {
        case "true", "yes", "on", "1": root[keyPath: property] = true
        case "false", "no", "off", "0": root[keyPath: property] = false
        default: throw ValueError("is neither true nor false")
        }
      },
      defaultText: { root in root[keyPath: property] ? "on" : "off" },
      texts: { root in [root[keyPath: property] ? "true" : "false"] })
  }

  /// The options that every command with settings has: `--config`, `--check-config` and
  /// `--print-default-config`; `property` takes the path of the file.
  public static func sources(
    _ property: any WritableKeyPath<Root, String?> & Sendable, variable: String
  ) -> [Self] {
    [
      Self(
        description: ParameterDescription(
          kind: .option, names: ["--config", "-c"], value: "file",
          help: "Read settings from this file; the environment and the command line go before it.",
          completion: .files("toml"), environment: variable, role: .file),
        store: { root, text throws(ValueError) in root[keyPath: property] = try String(argument: text) },
        defaultText: { _ in nil }),
      Self(
        description: ParameterDescription(
          kind: .flag, names: ["--check-config"],
          help: "Say what is wrong with the settings, and where, and do no more.", role: .check),
        store: { _, _ throws(ValueError) in }, defaultText: { _ in nil }),
      Self(
        description: ParameterDescription(
          kind: .flag, names: ["--print-default-config"],
          help: "Print a configuration file that has every setting, explained.", role: .printDefaults),
        store: { _, _ throws(ValueError) in }, defaultText: { _ in nil }),
    ]
  }

  private static func description(
    _ setting: Setting, _ short: String?, _ value: String, _ help: String, _ completion: Completion,
    isRepeated: Bool = false
  ) -> ParameterDescription {
    ParameterDescription(
      kind: .option, names: [setting.option] + (short.map { [$0] } ?? []), value: value, help: help,
      completion: completion, isRepeated: isRepeated, setting: setting)
  }
}

extension Command {
  /// Keys of settings that differ between two commands: those that a running program can take, and those that
  /// need a restart.
  public static func changes(from old: Self, to new: Self) -> (reloadable: [String], fixed: [String]) {
    var reloadable: [String] = []
    var fixed: [String] = []
    for parameter in parameters {
      guard let setting = parameter.description.setting, parameter.texts(old) != parameter.texts(new) else {
        continue
      }
      if setting.isReloadable { reloadable.append(setting.key) } else { fixed.append(setting.key) }
    }
    return (reloadable, fixed)
  }
}
