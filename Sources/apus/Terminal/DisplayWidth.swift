extension Character {
  /// Columns that the character takes on a terminal: 0 for marks alone, 2 for East Asian wide and emoji.
  var columns: Int {
    var width = 0
    for scalar in unicodeScalars {
      if scalar.value == 0xfe0f { return 2 }
      width = max(width, scalar.columns)
    }
    return width
  }
}

extension Unicode.Scalar {
  fileprivate var columns: Int {
    if value < 0x300 { return value < 0x20 || (0x7f..<0xa0).contains(value) ? 0 : 1 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return Self.wide.contains { $0.contains(value) } ? 2 : 1
    }
  }

  /// Blocks that Unicode's EastAsianWidth gives as W or F, and emoji that are shown as pictures.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115f, 0x231a...0x231b, 0x23e9...0x23ec, 0x2614...0x2615, 0x2648...0x2653, 0x26a1...0x26a1,
    0x2705...0x2705, 0x2728...0x2728, 0x274c...0x274c, 0x2753...0x2755, 0x2795...0x2797, 0x2b1b...0x2b1c,
    0x2b50...0x2b50, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0xa4cf, 0xa960...0xa97f,
    0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6,
    0x16fe0...0x18cff, 0x1b000...0x1b2ff, 0x1f004...0x1f004, 0x1f0cf...0x1f0cf, 0x1f18e...0x1f18e,
    0x1f191...0x1f19a, 0x1f200...0x1f265, 0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f7e0...0x1f7eb,
    0x1f90c...0x1f9ff, 0x1fa70...0x1faff, 0x20000...0x3fffd,
  ]
}

extension String {
  /// Columns that the text takes on a terminal.
  var columns: Int { reduce(0) { $0 + $1.columns } }

  /// The text without control and bidirectional formatting characters, each shown as `\u{FFFD}`: what
  /// came from outside must not steer the terminal.
  var printable: String {
    guard unicodeScalars.contains(where: \.steersTerminal) else { return self }
    var scalars = String.UnicodeScalarView()
    for scalar in unicodeScalars { scalars.append(scalar.steersTerminal ? "\u{fffd}" : scalar) }
    return String(scalars)
  }

  /// The start of the text that fits `width` columns, ending with `…` if something is cut.
  func cut(to width: Int, mark: String = "…") -> String {
    guard columns > width else { return self }
    guard width > 0 else { return "" }
    var text = ""
    var used = 0
    for character in self {
      let next = character.columns
      if used + next > width - mark.columns { break }
      text.append(character)
      used += next
    }
    return text + (mark.columns <= width ? mark : "")
  }

  /// The text cut or filled with spaces to exactly `width` columns.
  func fitted(to width: Int, mark: String = "…") -> String {
    let text = cut(to: width, mark: mark)
    return text + String(repeating: " ", count: max(0, width - text.columns))
  }

  /// The text with spaces before it, at least `width` columns.
  func right(_ width: Int) -> String { String(repeating: " ", count: max(0, width - columns)) + self }
}

extension Unicode.Scalar {
  fileprivate var steersTerminal: Bool {
    switch value {
    case 0..<0x20, 0x7f..<0xa0, 0x200e...0x200f, 0x202a...0x202e, 0x2066...0x2069, 0x2028...0x2029: true
    default: false
    }
  }
}
