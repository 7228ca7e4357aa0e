/// Reads the lines of a file of settings.
struct ConfigurationReader {
  typealias Place = ConfigurationFile.Place
  typealias Fault = ConfigurationFile.Fault

  let bytes: [UInt8]
  var position = 0
  private(set) var entries: [ConfigurationFile.Entry] = []
  private(set) var faults: [Fault] = []
  private var line = 1
  private var lineStart = 0
  private var section = ""
  private var sections: [String: Int] = [:]
  private var keys: [String: Int] = [:]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    // A mark of byte order at the start means nothing in UTF-8.
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    lineStart = position
  }

  /// Reads all lines, up to the limits.
  mutating func run() {
    guard bytes.count <= ConfigurationFile.maximumSize else {
      faults.append(Fault(place, "is larger than 1 MiB"))
      return
    }
    while position < bytes.count, faults.count < ConfigurationFile.maximumFaults {
      do throws(Fault) {
        try readLine()
      } catch {
        faults.append(error)
        while let byte = next, byte != 0x0a { position += 1 }
      }
      endLine()
    }
  }

  // MARK: Characters

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// Where `position` is. Bytes that continue a character count no column.
  var place: Place { place(at: position) }

  func place(at position: Int) -> Place {
    let column = bytes[lineStart..<max(lineStart, position)].reduce(1) { $1 & 0xc0 == 0x80 ? $0 : $0 + 1 }
    return Place(line: line, column: column)
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x09 { position += 1 }
  }

  /// Steps over a line's end, if it is here.
  mutating func endLine() {
    guard next == 0x0a else { return }
    position += 1
    line += 1
    lineStart = position
  }

  /// Steps over blanks, a comment and the carriage return of a line's end; something else is a fault.
  mutating func finishLine() throws(Fault) {
    try skipComment()
    if let byte = next, byte != 0x0a {
      throw Fault(place, "unexpected \(Self.shown(byte)): one setting a line")
    }
  }

  mutating func skipComment() throws(Fault) {
    skipBlanks()
    if take("#") {
      let start = position
      while let byte = next, byte != 0x0a, byte != 0x0d {
        guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else {
          throw Fault(place, "control character in a comment")
        }
        position += 1
      }
      guard String(validating: bytes[start..<position], as: UTF8.self) != nil else {
        throw Fault(place(at: start), "the comment is not UTF-8")
      }
    }
    if next == 0x0d, position + 1 < bytes.count, bytes[position + 1] == 0x0a { position += 1 }
  }

  static func shown(_ byte: UInt8) -> String {
    byte > 0x20 && byte < 0x7f ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
  }

  // MARK: Lines

  private mutating func readLine() throws(Fault) {
    try skipComment()
    guard let byte = next, byte != 0x0a else { return }
    if byte == UInt8(ascii: "[") { return try readSection() }
    try readEntry()
  }

  private mutating func readSection() throws(Fault) {
    let start = place
    position += 1
    // What follows a section that cannot be read belongs to none that is known.
    section = "?"
    guard next != UInt8(ascii: "[") else {
      throw Fault(start, "sections that repeat ([[…]]) are not used here: write [name]")
    }
    var name = ""
    repeat {
      skipBlanks()
      name += (name.isEmpty ? "" : ".") + (try word("a section's name"))
      skipBlanks()
    } while take(".")
    guard take("]") else { throw Fault(place, "expected ']' after the section's name") }
    if let line = sections[name] { throw Fault(start, "section [\(name)] is in line \(line) already") }
    sections[name] = start.line
    try finishLine()
    section = name
  }

  private mutating func readEntry() throws(Fault) {
    let start = place
    let word = try word("a key")
    skipBlanks()
    if next == UInt8(ascii: ".") {
      throw Fault(start, "dots in keys are not used here: write the rest below [\(word)]")
    }
    guard take("=") else { throw Fault(place, "expected '=' after '\(word)'") }
    skipBlanks()
    let valuePlace = place
    let value = try value(inList: false)
    try finishLine()
    // Already reported with its section.
    guard section != "?" else { return }
    let key = section.isEmpty ? word : "\(section).\(word)"
    if let line = keys[key] { throw Fault(start, "'\(word)' is set in line \(line) already") }
    keys[key] = start.line
    entries.append(ConfigurationFile.Entry(key: key, value: value, place: start, valuePlace: valuePlace))
  }

  private mutating func word(_ what: String) throws(Fault) -> String {
    let start = position
    while let byte = next, Self.isBare(byte) { position += 1 }
    guard position > start else {
      if next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") {
        throw Fault(place, "\(what) is written without quotes")
      }
      throw Fault(place, "expected \(what)")
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  static func isBare(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension ConfigurationFile.Fault: Error {}
