// ArgumentParsing: command lines from declarative tables: parsing, help, completions and a manual page,
// all from the same rows. No input or output of its own; imports nothing.

/// One row of a command's table: a flag, an option with a value, or positional arguments, tied to the
/// property of `Root` that takes what was given.
public struct Parameter<Root>: Sendable {
  /// What the row says about itself, for help and completions.
  public let description: ParameterDescription
  let store: @Sendable (inout Root, String) throws(ValueError) -> Void
  let defaultText: @Sendable (Root) -> String?
  /// A setting's values as words; empty if there is none.
  let texts: @Sendable (Root) -> [String]
  /// Empties a list before it is set anew.
  let clear: @Sendable (inout Root) -> Void

  init(
    description: ParameterDescription,
    store: @escaping @Sendable (inout Root, String) throws(ValueError) -> Void,
    defaultText: @escaping @Sendable (Root) -> String?,
    texts: @escaping @Sendable (Root) -> [String] = { _ in [] },
    clear: @escaping @Sendable (inout Root) -> Void = { _ in }
  ) {
    self.description = description
    self.store = store
    self.defaultText = defaultText
    self.texts = texts
    self.clear = clear
  }

  /// The rows of a group of options that several commands share, tied to the property that holds the group.
  public static func group<Group>(
    _ property: any WritableKeyPath<Root, Group> & Sendable, _ rows: [Parameter<Group>]
  ) -> [Self] {
    rows.map { row in
      Self(
        description: row.description,
        store: { root, text throws(ValueError) in try row.store(&root[keyPath: property], text) },
        defaultText: { root in row.defaultText(root[keyPath: property]) },
        texts: { root in row.texts(root[keyPath: property]) },
        clear: { root in row.clear(&root[keyPath: property]) })
    }
  }

  /// The same rows, left out of help, manual and completions.
  public static func hidden(_ rows: [Self]) -> [Self] {
    rows.map { row in
      Self(
        description: row.description.hidden, store: row.store, defaultText: row.defaultText,
        texts: row.texts, clear: row.clear)
    }
  }

  /// A flag that takes no value. Giving it sets the property to `value`.
  public static func flag(
    _ property: any WritableKeyPath<Root, Bool> & Sendable, _ names: String..., sets value: Bool = true,
    help: String, isHidden: Bool = false
  ) -> Self {
    Self(
      description: ParameterDescription(kind: .flag, names: names, help: help, isHidden: isHidden),
      store: { root, _ throws(ValueError) in root[keyPath: property] = value }, defaultText: { _ in nil })
  }

  /// An option with a value and a default, the property's initial value. Given twice, the last counts.
  public static func option<Value: ArgumentValue>(
    _ property: any WritableKeyPath<Root, Value> & Sendable, _ names: String..., value: String, help: String,
    complete: Completion = .none, environment: String? = nil, isHidden: Bool = false
  ) -> Self {
    Self(
      description: ParameterDescription(
        kind: .option, names: names, value: value, help: help, completion: .suggested(complete, Value.self),
        environment: environment, isHidden: isHidden),
      store: { root, text throws(ValueError) in root[keyPath: property] = try Value(argument: text) },
      defaultText: { root in root[keyPath: property].argumentText })
  }

  /// An option with a value that may be absent. Given twice, the last counts.
  public static func option<Value: ArgumentValue>(
    _ property: any WritableKeyPath<Root, Value?> & Sendable, _ names: String..., value: String, help: String,
    complete: Completion = .none, environment: String? = nil, isHidden: Bool = false
  ) -> Self {
    Self(
      description: ParameterDescription(
        kind: .option, names: names, value: value, help: help, completion: .suggested(complete, Value.self),
        environment: environment, isHidden: isHidden),
      store: { root, text throws(ValueError) in root[keyPath: property] = try Value(argument: text) },
      defaultText: { root in root[keyPath: property]?.argumentText })
  }

  /// An option that may be given many times; every value is kept, in order.
  public static func option<Value: ArgumentValue>(
    _ property: any WritableKeyPath<Root, [Value]> & Sendable, _ names: String..., value: String,
    help: String,
    complete: Completion = .none, isHidden: Bool = false
  ) -> Self {
    Self(
      description: ParameterDescription(
        kind: .option, names: names, value: value, help: help, completion: .suggested(complete, Value.self),
        isRepeated: true, isHidden: isHidden),
      store: { root, text throws(ValueError) in root[keyPath: property].append(try Value(argument: text)) },
      defaultText: { _ in nil })
  }

  /// A positional argument that must be given.
  public static func argument<Value: ArgumentValue>(
    _ property: any WritableKeyPath<Root, Value> & Sendable, _ name: String, help: String,
    complete: Completion = .none
  ) -> Self {
    Self(
      description: ParameterDescription(
        kind: .argument, names: [], value: name, help: help, completion: .suggested(complete, Value.self),
        minimum: 1),
      store: { root, text throws(ValueError) in root[keyPath: property] = try Value(argument: text) },
      defaultText: { _ in nil })
  }

  /// The rest of the positional arguments: at least `minimum` of them. The last row of its kind.
  public static func arguments<Value: ArgumentValue>(
    _ property: any WritableKeyPath<Root, [Value]> & Sendable, _ name: String, minimum: Int = 1, help: String,
    complete: Completion = .none
  ) -> Self {
    Self(
      description: ParameterDescription(
        kind: .argument, names: [], value: name, help: help, completion: .suggested(complete, Value.self),
        isRepeated: true, minimum: minimum),
      store: { root, text throws(ValueError) in root[keyPath: property].append(try Value(argument: text)) },
      defaultText: { _ in nil })
  }
}

/// What a row of a table says about itself, whatever command it belongs to.
public struct ParameterDescription: Sendable, Equatable {
  /// The three sorts of parameter.
  public enum Kind: Sendable {
    /// Present or not.
    case flag
    /// A name and a value.
    case option
    /// A value by position.
    case argument
  }

  /// Flag, option or argument.
  public let kind: Kind
  /// `--output`, `-o`: with their dashes, the one to show first; empty for an argument.
  public let names: [String]
  /// The word that stands for the value in help; empty for a flag.
  public let value: String
  /// One sentence.
  public let help: String
  /// What a shell may offer as values.
  public let completion: Completion
  /// The environment variable that is read when the option is not given.
  public let environment: String?
  /// Whether it may be given many times.
  public let isRepeated: Bool
  /// How many times it must be given.
  public let minimum: Int
  /// Left out of help, manual and completions.
  public let isHidden: Bool
  /// The key of the configuration file that it is as well.
  public let setting: Setting?
  /// What it is for, if that is the scanner's business.
  let role: Role

  /// What the scanner does with a parameter besides storing it.
  enum Role: Sendable {
    case usual
    /// Names the configuration file.
    case file
    /// Asks for a check of the settings.
    case check
    /// Asks for a file with all defaults.
    case printDefaults
  }

  init(
    kind: Kind, names: [String], value: String = "", help: String, completion: Completion = .none,
    environment: String? = nil, isRepeated: Bool = false, minimum: Int = 0, isHidden: Bool = false,
    setting: Setting? = nil, role: Role = .usual
  ) {
    self.kind = kind
    self.names = names
    self.value = value
    self.help = help
    self.completion = completion
    self.environment = environment
    self.isRepeated = isRepeated
    self.minimum = minimum
    self.isHidden = isHidden
    self.setting = setting
    self.role = role
  }

  var hidden: Self {
    Self(
      kind: kind, names: names, value: value, help: help, completion: completion, environment: environment,
      isRepeated: isRepeated, minimum: minimum, isHidden: true, setting: setting, role: role)
  }

  /// `-o, --output <file>`, `<path>`: how help lists it.
  public var label: String {
    let short = names.filter { !$0.hasPrefix("--") }
    let long = names.filter { $0.hasPrefix("--") }
    let list = (short + long).joined(separator: ", ")
    switch kind {
    case .flag: return list
    case .option: return "\(list) <\(value)>"
    case .argument: return isRepeated ? "<\(value)> ..." : "<\(value)>"
    }
  }
}

/// What a shell offers for a value.
public enum Completion: Sendable, Equatable {
  /// Nothing.
  case none
  /// Files; with a suffix such as `torrent`, those and folders.
  case files(String?)
  /// Folders.
  case directories
  /// One of these words.
  case choices([String])

  static func suggested(_ given: Completion, _ type: (some ArgumentValue).Type) -> Completion {
    given == .none && !type.choices.isEmpty ? .choices(type.choices) : given
  }
}
