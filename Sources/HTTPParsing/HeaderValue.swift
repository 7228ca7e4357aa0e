/// A field's value with parameters: `form-data; name="a"; filename="b.txt"` (RFC 9110, section 5.6.6).
public struct HeaderValue: Sendable, Equatable {
  /// What comes before the first semicolon.
  public let text: String
  private let parameters: [(name: String, value: String)]

  /// Reads a value; parameters that are none are left out.
  public init(_ value: String) {
    var parts: [String] = [""]
    var (isQuoted, isEscaped) = (false, false)
    for character in value.unicodeScalars {
      if isEscaped {
        isEscaped = false
      } else if isQuoted, character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == ";", !isQuoted {
        parts.append("")
        continue
      }
      parts[parts.count - 1].unicodeScalars.append(character)
    }
    text = Self.trimmed(parts[0])
    parameters = parts.dropFirst().compactMap { part in
      guard let equals = part.firstIndex(of: "=") else { return nil }
      let value = Self.trimmed(String(part[part.index(after: equals)...]))
      return (Self.trimmed(String(part[..<equals])).lowercased(), Self.unquoted(value))
    }
  }

  /// The first parameter of a name (lower case).
  public subscript(name: String) -> String? { parameters.first { $0.name == name }?.value }

  /// Equality of text and parameters.
  public static func == (one: HeaderValue, other: HeaderValue) -> Bool {
    one.text == other.text && one.parameters.elementsEqual(other.parameters, by: ==)
  }

  private static func trimmed(_ text: String) -> String {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    return String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }

  private static func unquoted(_ value: String) -> String {
    guard value.count >= 2, value.first == "\"", value.last == "\"" else { return value }
    var result = ""
    var isEscaped = false
    for character in value.dropFirst().dropLast() {
      if !isEscaped, character == "\\" {
        isEscaped = true
      } else {
        result.append(character)
        isEscaped = false
      }
    }
    return result
  }
}
