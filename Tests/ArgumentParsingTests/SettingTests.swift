import ArgumentParsing
import Testing

/// A command with one of each kind of setting.
private struct Serve: Command {
  static let name = "serve"
  static let summary = "Serve tea."
  static let settingSources: SettingSources? = SettingSources(
    prefix: "DECOR_SERVE_", title: "Tea.", sections: ["kettle": "The kettle."])
  static let parameters: [Parameter<Self>] =
    [
      .setting("cups", \.cups, short: "-n", value: "number", help: "How many.", isReloadable: true),
      .setting("guests", \.guests, value: "name", help: "Who comes."),
      .setting("milk", \.milk, help: "With milk."),
      .flag(\.quiet, "--quiet", help: "Print nothing."),
    ] + Parameter.group(\.kettle, Kettle.parameters)
    + Parameter.sources(\.config, variable: "DECOR_SERVE_CONFIG")
  var cups = 2
  var guests: [String] = ["Ada"]
  var milk = true
  var kettle = Kettle()
  var quiet = false
  var config: String?

  func validate() throws(UsageProblem) {
    if cups > 100 { throw UsageProblem("cups: choose at most 100") }
  }
}

private struct Kettle: Sendable {
  static let parameters: [Parameter<Self>] = [
    .setting("kettle.boil-time", \.time, value: "time", help: "How long."),
    .setting("kettle.colour", \.colour, value: "name", help: "Its colour."),
    .setting("kettle.code", \.code, value: "text", help: "Opens it.", isSecret: true),
  ]
  var time = TimeSpan(seconds: 90)
  var colour: Colour?
  var code: ByteCount?
}

private let teahouse = Program(name: "decor", version: "1", summary: "Tea.", commands: [Serve.self])

private func invoke(_ words: [String], _ environment: [String: String] = [:], file: String = "") -> Invocation
{
  teahouse.parse(["serve"] + words, environment: environment) { path throws(UsageProblem) in
    guard path == "tea.toml" else { throw UsageProblem("cannot read '\(path)'") }
    return Array(file.utf8)
  }
}

private func serve(_ words: [String], _ environment: [String: String] = [:], file: String = "") -> Serve? {
  guard case .run(let command) = invoke(words, environment, file: file) else { return nil }
  return command as? Serve
}

private func refused(_ words: [String], _ environment: [String: String] = [:], file: String = "") -> [String]
{
  guard case .refuse(let text) = invoke(words, environment, file: file) else { return [] }
  return text.split(separator: "\n").map { String($0.trimmingPrefix("decor serve: ")) }
}

@Suite struct SettingTests {
  @Test func eachSourceGoesBeforeTheOnesBelow() throws {
    let file = "cups = 3\nguests = [\"Bo\", \"Cy\"]\nmilk = false\n[kettle]\nboil-time = \"2m\"\n"
    #expect(serve([])?.cups == 2)
    #expect(serve([])?.guests == ["Ada"])
    let fromFile = try #require(serve(["-c", "tea.toml"], file: file))
    #expect(fromFile.cups == 3 && fromFile.guests == ["Bo", "Cy"] && !fromFile.milk)
    #expect(fromFile.kettle.time.seconds == 120)
    let environment = [
      "DECOR_SERVE_CONFIG": "tea.toml", "DECOR_SERVE_CUPS": "4", "DECOR_SERVE_GUESTS": "Di, Ed",
      "DECOR_SERVE_MILK": "true", "DECOR_SERVE_KETTLE_BOIL_TIME": "3m", "OTHER_CUPS": "9",
    ]
    let fromEnvironment = try #require(serve([], environment, file: file))
    #expect(fromEnvironment.cups == 4 && fromEnvironment.guests == ["Di", "Ed"] && fromEnvironment.milk)
    #expect(fromEnvironment.kettle.time.seconds == 180)
    let words = ["--cups", "5", "--guests", "Fa", "--guests", "Gi", "--no-milk", "--kettle-boil-time=4m"]
    let fromWords = try #require(serve(words, environment, file: file))
    #expect(fromWords.cups == 5 && fromWords.guests == ["Fa", "Gi"] && !fromWords.milk)
    #expect(fromWords.kettle.time.seconds == 240)
    #expect(serve(["--milk", "-c", "tea.toml"], file: file)?.milk == true)
    #expect(serve(["-n7", "--quiet", "-c", "tea.toml"], file: file)?.cups == 7)
  }

  @Test(arguments: [
    ("cups = \"many\"", "tea.toml:1:8: cups: 'many' is not a whole number from 0 to 9223372036854775807"),
    ("\n cupz = 3", "tea.toml:2:2: unknown key 'cupz' (did you mean 'cups'?)"),
    ("colour = \"red\"", "tea.toml:1:1: unknown key 'colour' (did you mean 'kettle.colour'?)"),
    ("[kettle]\ncolour = \"rot\"", "tea.toml:2:10: kettle.colour: 'rot' is none of red, green"),
    (
      "[kettle]\ncode = \"top secret\"",
      "tea.toml:2:8: kettle.code: the value is not a size such as 65536, 64K, 16M or 1.5G"
    ),
    ("milk = \"true\"", "tea.toml:1:8: 'milk' is true or false, without quotes"),
    ("milk = 1", "tea.toml:1:8: 'milk' is true or false, without quotes"),
    ("cups = [1]", "tea.toml:1:8: 'cups' takes one value, not a list"),
    ("cups = 2m", "tea.toml:1:8: '2m' is no value: text is written in quotes: \"2m\""),
  ])
  func faultsOfTheFileAreNamedWithTheirPlace(file: String, line: String) {
    #expect(refused(["-c", "tea.toml"], file: file) == [line])
    #expect(refused(["-c", "tea.toml", "--check-config"], file: file) == [line])
  }

  @Test func allFaultsAreToldAtOnce() {
    let file = "cups = x\nguest = 1\n[kettle]\ncolour = \"rot\"\n"
    let lines = refused(
      ["-c", "tea.toml"], ["DECOR_SERVE_MILK": "perhaps", "DECOR_SERVE_CUP": "1"], file: file)
    #expect(lines.count == 5)
    #expect(lines.prefix(3).map { $0.prefix(11) } == ["tea.toml:1:", "tea.toml:2:", "tea.toml:4:"])
    #expect(
      lines.last == "environment variable DECOR_SERVE_CUP is no setting (did you mean 'DECOR_SERVE_CUPS'?)")
  }

  @Test func whatCannotBeReadOrMeantIsRefused() {
    #expect(refused(["-c", "none.toml"]) == ["cannot read 'none.toml'"])
    #expect(refused(["--check-config"]).first?.hasPrefix("--check-config needs a file") == true)
    #expect(
      refused(["-c", "tea.toml"], file: "cups = 101").first?.hasPrefix("cups: choose at most 100") == true)
  }

  @Test func aFileInOrderIsSaidToBe() {
    guard case .show(let text) = invoke(["--check-config", "-c", "tea.toml"], file: "cups = 1\n") else {
      Issue.record("nothing shown")
      return
    }
    #expect(text == "tea.toml: the settings are in order\n")
  }

  @Test func theDefaultFileHasEverySettingAndReadsBackAsTheDefaults() throws {
    guard case .show(let text) = invoke(["--print-default-config"]) else {
      Issue.record("nothing shown")
      return
    }
    #expect(serve(["-c", "tea.toml"], file: text)?.guests == ["Ada"])
    let lines = text.split(separator: "\n")
    for key in [
      "cups = 2", "guests = [\"Ada\"]", "milk = true", "boil-time = \"90s\"", "colour = \"\"", "code = \"\"",
    ] {
      #expect(lines.contains(Substring("#" + key)), "\(key)")
    }
    let live = lines.map {
      $0.hasPrefix("#") && !$0.hasPrefix("# ") && !$0.hasSuffix("\"\"") ? $0.dropFirst() : $0
    }
    let command = try #require(serve(["-c", "tea.toml"], file: live.joined(separator: "\n")))
    #expect(Serve.changes(from: Serve(), to: command).fixed.isEmpty)
    #expect(lines.contains("# How many. (reload)"))
  }

  @Test func changesAreToldApartByWhetherTheyNeedARestart() throws {
    let command = try #require(serve(["--cups", "9", "--no-milk", "--kettle-colour", "red"]))
    let changes = Serve.changes(from: Serve(), to: command)
    #expect(changes.reloadable == ["cups"])
    #expect(changes.fixed == ["milk", "kettle.colour"])
  }

  @Test func helpListsSettingsAsOptions() {
    guard case .show(let text) = invoke(["--help"]) else {
      Issue.record("nothing shown")
      return
    }
    #expect(text.contains("-n, --cups <number>"))
    #expect(text.contains("--milk, --no-milk"))
    #expect(text.contains("-c, --config <file>"))
  }
}
