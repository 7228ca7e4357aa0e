/// A name and a value of a line.
public struct LogField: Sendable {
  let name: StaticString
  let value: Value

  enum Value: Sendable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
  }

  /// A text; at most 1,024 characters of it are kept.
  public init(_ name: StaticString, _ text: String) {
    self.name = name
    value = .text(text)
  }

  /// A whole number.
  public init(_ name: StaticString, _ number: some BinaryInteger) {
    self.name = name
    value = .integer(Int64(clamping: number))
  }

  /// A number.
  public init(_ name: StaticString, _ number: Double) {
    self.name = name
    value = .number(number)
  }

  /// True or false.
  public init(_ name: StaticString, _ flag: Bool) {
    self.name = name
    value = .flag(flag)
  }
}

/// Makes lines of events and fields.
struct LineFormat: Sendable {
  let format: Log.Format
  let hasPriorities: Bool

  /// Characters of a text that are kept.
  static let longest = 1024

  /// A line with its end.
  func bytes(_ level: LogLevel, _ event: String, _ fields: [LogField], _ time: LogTime) -> [UInt8] {
    var line = hasPriorities ? "<\(level.priority)>" : ""
    switch format {
    case .logfmt:
      line += "time=\(time.text) level=\(level.name) event=\(event)"
      for field in fields { line += " \(field.name)=\(Self.plain(field.value))" }
    case .json:
      line += "{\"time\":\"\(time.text)\",\"level\":\"\(level.name)\",\"event\":\(Self.quoted(event))"
      for field in fields { line += ",\"\(field.name)\":\(Self.json(field.value))" }
      line += "}"
    }
    line += "\n"
    return Array(line.utf8)
  }

  private static func plain(_ value: LogField.Value) -> String {
    switch value {
    case .text(let text): isWord(text) ? text : quoted(text)
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .flag(let flag): String(flag)
    }
  }

  private static func json(_ value: LogField.Value) -> String {
    switch value {
    case .text(let text): quoted(text)
    case .integer(let number): String(number)
    case .number(let number): number.isFinite ? String(number) : "null"
    case .flag(let flag): String(flag)
    }
  }

  /// Whether a text needs no quotes in logfmt.
  private static func isWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= longest
      && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
  }

  /// A string of JSON, which logfmt understands as well: nothing in it moves a cursor, ends a line or turns the
  /// direction of writing.
  static func quoted(_ text: String) -> String {
    var result = "\""
    var count = 0
    for scalar in text.unicodeScalars {
      guard count < longest else {
        result += "…"
        break
      }
      count += 1
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default: if isSafe(scalar) { result.unicodeScalars.append(scalar) } else { result += escaped(scalar) }
      }
    }
    return result + "\""
  }

  private static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: false
    default: true
    }
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    String(scalar).utf16.map { unit in
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }.joined()
  }
}
