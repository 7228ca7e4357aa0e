import Configuration
import Testing

@Suite struct ConfigurationFileTests {
  private func entry(_ text: String) -> ConfigurationFile.Entry? {
    let file = ConfigurationFile(Array(text.utf8))
    return file.faults.isEmpty ? file.entries.first : nil
  }

  private func faults(_ text: String) -> [String] {
    ConfigurationFile(Array(text.utf8)).faults.map(\.description)
  }

  @Test(arguments: [
    ("a = \"x\\ty\\u00e9\\U0001F426\\\"\\\\\"", ConfigurationValue.string("x\tyé🐦\"\\")),
    ("a='C:\\x'", .string("C:\\x")), ("a = 1_000", .integer(1000)), ("a = -7 # seven", .integer(-7)),
    ("a = +7", .integer(7)), ("a = 0xfF", .integer(255)), ("a = 0o17", .integer(15)),
    ("a=0b101", .integer(5)),
    ("a = 9223372036854775807", .integer(.max)), ("a = -9223372036854775808", .integer(.min)),
    ("a = 1.5", .number(1.5)), ("a = 1e3", .number(1000)), ("a = 1.5E-1\r\n", .number(0.15)),
    ("a = true", .boolean(true)), ("\u{feff}a = false", .boolean(false)), ("a = []", .list([])),
    (
      "a = [ # first\n  1, \"b\" , # second\n\n true,\n]", .list([.integer(1), .string("b"), .boolean(true)])
    ),
  ])
  func valuesAreThoseOfTOML(text: String, value: ConfigurationValue) throws {
    #expect(entry(text)?.value == value)
  }

  @Test func sectionsComeBeforeTheirKeys() {
    let file = ConfigurationFile(Array("a = 1\n\n[b]\nc = 2\n[ b . d-e ]\n  f_g = 3\n".utf8))
    #expect(file.faults.isEmpty)
    #expect(file.entries.map(\.key) == ["a", "b.c", "b.d-e.f_g"])
    #expect(file.entries.map(\.place.line) == [1, 4, 6])
    #expect(file.entries.map(\.place.column) == [1, 1, 3])
    #expect(file.entries.map(\.valuePlace.column) == [5, 5, 9])
  }

  @Test(arguments: [
    ("a = 30m", "1:5: '30m' is no value: text is written in quotes: \"30m\""),
    ("a = yes", "1:5: 'yes' is no value: write true"),
    ("a = ", "1:5: expected a value"), ("a", "1:2: expected '=' after 'a'"),
    ("é = 1", "1:1: expected a key"), ("\"a\" = 1", "1:1: a key is written without quotes"),
    ("a.b = 1", "1:1: dots in keys are not used here: write the rest below [a]"),
    ("a = 1 b = 2", "1:7: unexpected 'b': one setting a line"),
    ("a = \"é\" x", "1:9: unexpected 'x': one setting a line"),
    ("a = 1\na = 2", "2:1: 'a' is set in line 1 already"),
    ("[a]\n[b]\n[a]", "3:1: section [a] is in line 1 already"),
    ("[[a]]", "1:1: sections that repeat ([[…]]) are not used here: write [name]"),
    ("[a", "1:3: expected ']' after the section's name"), ("[]", "1:2: expected a section's name"),
    ("a = \"x", "1:5: the text has no closing '\"'"), ("a = 'x\n'", "1:5: the text has no closing '''"),
    ("a = \"\"\"x\"\"\"", "1:5: strings of several lines are not used here: use one pair of quotes"),
    ("a = \"\\x\"", "1:6: unknown escape: write '\\\\' for a backslash, or use single quotes"),
    ("a = \"\\ud800\"", "1:6: there is no such character"),
    ("a = \"\\uzzzz\"", "1:6: expected 4 hexadecimal digits after '\\u'"),
    ("a = {b = 1}", "1:5: tables in one line are not used here: write a section"),
    ("a = [[1]]", "1:6: lists in lists are not used here"),
    ("a = [1 2]", "1:8: expected ',' or ']' in the list"),
    ("a = [1,\n2", "1:5: the list has no ']'"), ("a = [,]", "1:6: expected a value"),
    ("a = 007", "1:5: '007' is no value: text is written in quotes: \"007\""),
    (
      "a = 9223372036854775808",
      "1:5: '9223372036854775808' is no value: text is written in quotes: \"9223372036854775808\""
    ),
    ("a = 1__0", "1:5: '1__0' is no value: text is written in quotes: \"1__0\""),
    ("a = 1.", "1:5: '1.' is no value: text is written in quotes: \"1.\""),
    ("a = nan", "1:5: 'nan' is no value: text is written in quotes: \"nan\""),
    ("a = 1 # \u{1}", "1:9: control character in a comment"),
    ("a = 1\rb = 2", "1:6: unexpected byte 13: one setting a line"),
  ])
  func faultsSayWhereAndWhatToWrite(text: String, fault: String) {
    #expect(faults(text).first == fault)
  }

  @Test func readingGoesOnBehindAFault() {
    let file = ConfigurationFile(Array("a = 1\nb = x\n[ü]\nc = 1\n[d]\ne = 2\nf = y".utf8))
    #expect(file.entries.map(\.key) == ["a", "d.e"])
    #expect(file.faults.map(\.place.line) == [2, 3, 7])
  }

  @Test func bytesThatAreNoTextAreFaults() {
    #expect(ConfigurationFile(Array("a = \"".utf8) + [0xff] + Array("\"".utf8)).faults.count == 1)
    #expect(ConfigurationFile([0x23, 0xc3, 0x0a]).faults.count == 1)
    #expect(ConfigurationFile([UInt8](repeating: 0x20, count: 2 << 20)).faults.count == 1)
    #expect(ConfigurationFile(Array(String(repeating: "=\n", count: 1000).utf8)).faults.count == 50)
  }

  @Test func quotedTextReadsBackTheSame() {
    for text in ["", "plain", "with \"quotes\" and \\", "a\u{1}\u{7f}\n\t\r", "é🐦"] {
      #expect(entry("a = " + ConfigurationValue.quoted(text))?.value == .string(text))
    }
  }

  @Test func noInputTraps() {
    var generator = SystemRandomNumberGenerator()
    let pieces = [
      "a", "=", "[", "]", "\"", "'", "\\", "\n", "\r", " ", "1", ".", "_", "e", ",", "#", "{", "é", "\u{0}",
      "u", "-",
    ]
    for _ in 0..<5000 {
      let count = Int.random(in: 0..<24, using: &generator)
      let text = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
      let file = ConfigurationFile(Array(text.utf8))
      for fault in file.faults { #expect(fault.place.line >= 1 && fault.place.column >= 1) }
    }
  }
}
