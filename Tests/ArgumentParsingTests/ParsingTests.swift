import ArgumentParsing
import Testing

@Suite struct ParsingTests {
  @Test func defaultsStayWhenNothingIsGiven() throws {
    let command = try #require(paint(["hall"]))
    #expect(command.room == "hall")
    #expect(command.walls.isEmpty)
    #expect(command.colour == .green)
    #expect(command.amount == nil)
    #expect(command.coats == 2)
    #expect(command.primer)
    #expect(!command.fast)
  }

  @Test(arguments: [
    ["hall", "--coats", "3"], ["hall", "--coats=3"], ["--coats", "3", "hall"], ["hall", "-n", "3"],
    ["hall", "-n3"], ["hall", "-n=3"], ["hall", "--coats", "9", "--coats", "3"],
  ])
  func anOptionsValueIsFoundInEveryForm(words: [String]) throws {
    #expect(try #require(paint(words)).coats == 3)
  }

  @Test func shortFlagsBundleAndTheLastTakesTheRest() throws {
    let command = try #require(paint(["-fpn4", "hall"]))
    #expect(command.fast)
    #expect(!command.primer)
    #expect(command.coats == 4)
  }

  @Test func argumentsFillInOrderAndRepeatedOptionsAddUp() throws {
    let command = try #require(paint(["hall", "-t", "brush", "north", "--tool=roller", "south"]))
    #expect(command.room == "hall")
    #expect(command.walls == ["north", "south"])
    #expect(command.tools == ["brush", "roller"])
  }

  @Test func twoDashesEndTheOptions() throws {
    let command = try #require(paint(["--fast", "--", "--coats", "-x"]))
    #expect(command.room == "--coats")
    #expect(command.walls == ["-x"])
    #expect(command.fast)
  }

  @Test func aDashAloneIsAnArgument() throws {
    #expect(try #require(paint(["-"])).room == "-")
  }

  @Test func anEmptyValueAfterEqualsIsAValueAndRefused() {
    #expect(
      refusal("paint", "hall", "--tool=") == "decor paint: --tool: '' is empty; see 'decor paint --help'")
  }

  @Test func theEnvironmentStandsInForAnOption() throws {
    #expect(try #require(paint(["hall"], environment: ["PAINT_AMOUNT": "4K"])).amount == ByteCount(4096))
    let given = paint(["hall", "--amount", "1"], environment: ["PAINT_AMOUNT": "4K"])
    #expect(try #require(given).amount == ByteCount(1))
    #expect(try #require(paint(["hall"], environment: ["PAINT_AMOUNT": ""])).amount == nil)
  }

  @Test(arguments: [
    (["paint"], "decor paint: missing <room>; see 'decor paint --help'"),
    (
      ["paint", "hall", "--cotas", "3"],
      "decor paint: unknown option '--cotas' (did you mean '--coats'?); see 'decor paint --help'"
    ),
    (["paint", "hall", "--wxyz"], "decor paint: unknown option '--wxyz'; see 'decor paint --help'"),
    (
      ["paint", "hall", "--coats"],
      "decor paint: --coats needs a value: --coats <number>; see 'decor paint --help'"
    ),
    (
      ["paint", "hall", "--coats", "--fast"],
      "decor paint: --coats needs a value: --coats <number>, but '--fast' follows; see 'decor paint --help'"
    ),
    (
      ["paint", "hall", "--coats", "many"],
      "decor paint: --coats: 'many' is not a whole number from 0 to 9223372036854775807; see 'decor paint --help'"
    ),
    (
      ["paint", "hall", "-c", "blue"],
      "decor paint: -c: 'blue' is none of red, green; see 'decor paint --help'"
    ),
    (["paint", "hall", "--fast=yes"], "decor paint: --fast takes no value; see 'decor paint --help'"),
    (["paint", "hall", "-fz"], "decor paint: unknown option '-z'; see 'decor paint --help'"),
    (["paint", "hall", "-fn6"], "decor paint: --fast allows at most 5 coats; see 'decor paint --help'"),
    (["wash", "brush"], "decor wash: unexpected argument 'brush'; see 'decor wash --help'"),
    (["piant"], "decor: unknown command 'piant' (did you mean 'paint'?); see 'decor --help'"),
    (["sculpt"], "decor: unknown command 'sculpt'; see 'decor --help'"),
    (["--verzion"], "decor: unknown option '--verzion' (did you mean '--version'?); see 'decor --help'"),
    (["help", "pant"], "decor: unknown command 'pant' (did you mean 'paint'?); see 'decor --help'"),
    (
      ["--generate-completion-script", "tcsh"],
      "decor: --generate-completion-script needs a shell: one of bash, zsh, fish"
    ),
  ])
  func mistakesAreNamedInOneLine(words: [String], expected: String) {
    guard case .refuse(let text) = sample.parse(words) else {
      Issue.record("accepted \(words)")
      return
    }
    #expect(text == expected)
  }

  @Test func hiddenOptionsWorkButAreNotSuggested() throws {
    #expect(try #require(paint(["hall", "--secret"])).secret)
    #expect(!refusal("paint", "hall", "--secrt").contains("--secret"))
  }
}

@Suite struct ValueTests {
  @Test(arguments: [
    ("0", 0), ("65536", 65536), ("16K", 16384), ("16k", 16384), ("16KiB", 16384), ("16 KiB", 16384),
    ("16KB", 16384), ("1M", 1 << 20), ("1.5G", 3 << 29), ("2T", 2 << 40), ("12B", 12),
  ])
  func sizes(text: String, bytes: Int64) throws {
    #expect(try ByteCount(argument: text) == ByteCount(bytes))
  }

  @Test(arguments: ["", "K", "-1", "1.5", "1X", "9999999999999G", "1e400G", "nanK", "infM", "0x10", "1 2K"])
  func textsThatAreNoSizes(text: String) {
    #expect(throws: ValueError.self) { try ByteCount(argument: text) }
  }

  @Test(arguments: [("1023", "1023"), ("16384", "16K"), ("1048576", "1M"), ("1536M", "1536M"), ("0", "0")])
  func sizesPrintWithTheLargestUnitThatDivides(text: String, printed: String) throws {
    #expect(try ByteCount(argument: text).argumentText == printed)
  }

  @Test(arguments: [
    ("90", 90), ("45s", 45), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("0.5", 0.5), ("1.5h", 5400),
  ])
  func times(text: String, seconds: Double) throws {
    #expect(try TimeSpan(argument: text).seconds == seconds)
  }

  @Test(arguments: ["", "s", "-1", "10x", "1h30", "nan", "inf", "1e999", "h1"])
  func textsThatAreNoTimes(text: String) {
    #expect(throws: ValueError.self) { try TimeSpan(argument: text) }
  }

  @Test(arguments: ["-1", "", "1.5", "9223372036854775808", "1x"])
  func textsThatAreNoWholeNumbers(text: String) {
    #expect(throws: ValueError.self) { try Int(argument: text) }
  }

  @Test(arguments: ["nan", "inf", "-0.1", "", "x"])
  func textsThatAreNoNumbers(text: String) {
    #expect(throws: ValueError.self) { try Double(argument: text) }
  }
}
