// Configuration: files of settings, in a subset of TOML. No input or output of its own; imports nothing.

/// A file of settings, read: keys with values in the order of the file, and what is wrong with it.
///
/// What is understood is a subset of TOML 1.0: sections (`[http]`), bare keys, strings in one line, integers,
/// numbers, booleans, and lists of those. A file without faults means the same to every reader of TOML. What
/// TOML has beyond that is refused by name. After a fault reading goes on with the next line, so that all of
/// them can be shown at once. O(n); never fails, never traps, whatever the bytes.
public struct ConfigurationFile: Sendable, Equatable {
  /// A key and its value.
  public struct Entry: Sendable, Equatable {
    /// The key with its section before it: `http.threads`.
    public let key: String
    /// What it is set to.
    public let value: ConfigurationValue
    /// Where the key is.
    public let place: Place
    /// Where the value starts.
    public let valuePlace: Place
  }

  /// A place in a text; both count from 1, columns in Unicode scalars.
  public struct Place: Sendable, Equatable, Hashable {
    /// The line.
    public let line: Int
    /// The character in the line.
    public let column: Int
  }

  /// Something that is wrong, and where.
  public struct Fault: Sendable, Equatable, CustomStringConvertible {
    /// Where it is.
    public let place: Place
    /// What is wrong, and perhaps what to write instead; no full stop.
    public let problem: String

    /// A fault.
    public init(_ place: Place, _ problem: String) {
      self.place = place
      self.problem = problem
    }

    /// `12:3: what is wrong`.
    public var description: String { "\(place.line):\(place.column): \(problem)" }
  }

  /// Bytes of a file at most.
  public static let maximumSize = 1 << 20
  /// Faults that are told at most.
  public static let maximumFaults = 50

  /// The settings; no key twice.
  public let entries: [Entry]
  /// What is wrong, by place; empty if the file is in order.
  public let faults: [Fault]

  /// Reads a file's bytes.
  public init(_ bytes: [UInt8]) {
    var reader = ConfigurationReader(bytes)
    reader.run()
    entries = reader.entries
    faults = reader.faults
  }
}

/// A value of a file of settings.
public enum ConfigurationValue: Sendable, Equatable {
  /// Text in quotes.
  case string(String)
  /// A whole number.
  case integer(Int64)
  /// A number with a fraction or an exponent.
  case number(Double)
  /// `true` or `false`.
  case boolean(Bool)
  /// Values in brackets; none of them is a list.
  case list([ConfigurationValue])

  /// Text as a string of the file: in quotes, with what must be escaped.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7f {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
