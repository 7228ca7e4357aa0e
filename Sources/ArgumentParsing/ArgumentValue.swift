/// A type that a word of the command line can become.
public protocol ArgumentValue: Sendable {
  /// Reads the word; throws what is wrong with it.
  init(argument: String) throws(ValueError)
  /// How help writes the value.
  var argumentText: String { get }
  /// All words that are accepted, if they are few; else empty.
  static var choices: [String] { get }
  /// Whether a configuration file has the value in quotes.
  static var isQuoted: Bool { get }
}

extension ArgumentValue {
  /// No fixed set of words.
  public static var choices: [String] { [] }

  /// Text.
  public static var isQuoted: Bool { true }
}

/// What is wrong with a word: the end of a sentence that starts with the word, as in
/// "'x' is not a whole number".
public struct ValueError: Error, Equatable {
  /// The end of the sentence.
  public let problem: String

  /// Holds the end of the sentence.
  public init(_ problem: String) { self.problem = problem }
}

extension String: ArgumentValue {
  /// Takes the word as it is; an empty one is a mistake (an unset variable of a script).
  public init(argument: String) throws(ValueError) {
    guard !argument.isEmpty else { throw ValueError("is empty") }
    self = argument
  }

  /// The word itself.
  public var argumentText: String { self }
}

extension Int: ArgumentValue {
  /// A whole number that is not negative.
  public init(argument: String) throws(ValueError) {
    guard let value = Int(argument), value >= 0 else {
      throw ValueError("is not a whole number from 0 to \(Int.max)")
    }
    self = value
  }

  /// A number.
  public static var isQuoted: Bool { false }

  /// Decimal digits.
  public var argumentText: String { String(self) }
}

extension Double: ArgumentValue {
  /// A finite number that is not negative, such as `1.5`.
  public init(argument: String) throws(ValueError) {
    guard let value = Double(argument), value.isFinite, value >= 0 else {
      throw ValueError("is not a number such as 1.5")
    }
    self = value
  }

  /// A number.
  public static var isQuoted: Bool { false }

  /// The shortest digits that read back as the same number.
  public var argumentText: String { self == rounded() && self < 1e15 ? String(Int(self)) : String(self) }
}

extension ArgumentValue where Self: RawRepresentable & CaseIterable, RawValue == String {
  /// The case whose raw value is the word.
  public init(argument: String) throws(ValueError) {
    guard let value = Self(rawValue: argument) else {
      throw ValueError("is none of \(Self.choices.joined(separator: ", "))")
    }
    self = value
  }

  /// The raw value.
  public var argumentText: String { rawValue }

  /// All raw values.
  public static var choices: [String] { allCases.map(\.rawValue) }
}

/// A number of bytes: `4096`, `16K`, `16KiB`, `1.5G`; units are powers of 1024.
public struct ByteCount: ArgumentValue, Equatable {
  /// The number.
  public var bytes: Int64

  /// A number of bytes.
  public init(_ bytes: Int64) { self.bytes = bytes }

  /// Reads digits with an optional fraction and unit; upper and lower case are the same.
  public init(argument: String) throws(ValueError) {
    let problem = ValueError("is not a size such as 65536, 64K, 16M or 1.5G")
    var digits = argument[...]
    let unit = digits.trimSuffix { !$0.isNumber && $0 != "." }.lowercased().filter { $0 != " " }
    let shifts: [String: Int64] = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
    var letter = unit
    if letter.hasSuffix("ib") || letter.count == 2 && letter.hasSuffix("b") {
      letter = String(letter.prefix(1))
    }
    guard let shift = shifts[letter] else { throw problem }
    if let whole = Int64(digits), whole >= 0 {
      let product = whole.multipliedReportingOverflow(by: 1 << shift)
      guard !product.overflow else { throw ValueError("is larger than 8 exbibytes") }
      bytes = product.partialValue
      return
    }
    guard shift > 0, let number = Double(digits), number >= 0 else { throw problem }
    guard let value = Int64(exactly: (number * Double(Int64(1) << shift)).rounded()) else {
      throw ValueError("is larger than 8 exbibytes")
    }
    bytes = value
  }

  /// The largest unit that divides the number: `16M`.
  public var argumentText: String {
    for (shift, unit) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")] where bytes > 0 {
      if bytes % (1 << shift) == 0 { return "\(bytes >> shift)\(unit)" }
    }
    return String(bytes)
  }
}

/// A length of time: `90`, `90s`, `10m`, `1h30m`, `2d`; a bare number is seconds.
public struct TimeSpan: ArgumentValue, Equatable {
  /// The length in seconds.
  public var seconds: Double

  /// So many seconds.
  public init(seconds: Double) { self.seconds = seconds }

  /// Reads numbers, each with a unit; a bare number only alone.
  public init(argument: String) throws(ValueError) {
    let problem = ValueError("is not a length of time such as 90, 45s, 10m or 1h30m")
    let factors: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
    if let number = Double(argument), number.isFinite, number >= 0, argument.allSatisfy({ !$0.isLetter }) {
      seconds = number
      return
    }
    var total = 0.0
    var digits = ""
    for character in argument.lowercased() {
      if character.isNumber || character == "." {
        digits.append(character)
      } else {
        guard let factor = factors[character], let number = Double(digits), number.isFinite else {
          throw problem
        }
        total += number * factor
        digits = ""
      }
    }
    guard digits.isEmpty, total.isFinite, !argument.isEmpty else { throw problem }
    seconds = total
  }

  /// The largest unit that divides it: `10m`.
  public var argumentText: String {
    for (length, unit) in [(86400.0, "d"), (3600, "h"), (60, "m")] where seconds >= length {
      let number = seconds / length
      if number == number.rounded() { return "\(Int(number))\(unit)" }
    }
    return seconds.argumentText + "s"
  }
}

extension Substring {
  /// Cuts the longest end whose characters all satisfy `condition`, and returns it.
  fileprivate mutating func trimSuffix(while condition: (Character) -> Bool) -> Substring {
    var start = endIndex
    while start > startIndex, condition(self[index(before: start)]) { start = index(before: start) }
    let end = self[start...]
    self = self[..<start]
    return end
  }
}
