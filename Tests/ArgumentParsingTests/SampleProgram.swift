import ArgumentParsing

enum Colour: String, CaseIterable, ArgumentValue {
  case red
  case green
}

/// A command with one of each kind of parameter.
struct Paint: Command {
  static let name = "paint"
  static let summary = "Paint walls."
  static let discussion =
    "Paints every wall that is named, one after the other, until there is no paint left."
  static let parameters: [Parameter<Self>] = [
    .argument(\.room, "room", help: "The room.", complete: .directories),
    .arguments(\.walls, "wall", minimum: 0, help: "Its walls.", complete: .files("wall")),
    .option(\.colour, "--colour", "-c", value: "name", help: "The colour."),
    .option(\.amount, "--amount", value: "size", help: "How much.", environment: "PAINT_AMOUNT"),
    .option(\.coats, "--coats", "-n", value: "number", help: "How often."),
    .option(\.tools, "--tool", "-t", value: "name", help: "What with."),
    .option(\.drying, "--drying", value: "time", help: "How long it dries."),
    .flag(\.fast, "--fast", "-f", help: "Hurry."),
    .flag(\.primer, "--no-primer", "-p", sets: false, help: "Leave the primer out."),
    .flag(\.secret, "--secret", help: "Not shown.", isHidden: true),
  ]
  var room = ""
  var walls: [String] = []
  var colour = Colour.green
  var amount: ByteCount?
  var coats = 2
  var tools: [String] = []
  var drying = TimeSpan(seconds: 90)
  var fast = false
  var primer = true
  var secret = false

  func validate() throws(UsageProblem) {
    if fast, coats > 5 { throw UsageProblem("--fast allows at most 5 coats") }
  }
}

struct Wash: Command {
  static let name = "wash"
  static let summary = "Wash brushes."
  static let parameters: [Parameter<Self>] = []
}

let sample = Program(
  name: "decor", version: "1.2", summary: "Decorate rooms.",
  notes: [Program.Note("EXIT CODES", [("0", "Done.")])], commands: [Paint.self, Wash.self])

/// What a command line is refused with; empty if it is not.
func refusal(_ words: String...) -> String {
  guard case .refuse(let text) = sample.parse(words) else { return "" }
  return text
}

/// What a command line shows; empty if it does not.
func shown(_ words: String..., columns: Int = 80) -> String {
  guard case .show(let text) = sample.parse(words, columns: columns) else { return "" }
  return text
}

/// The command that a command line runs.
func paint(_ words: [String], environment: [String: String] = [:]) -> Paint? {
  guard case .run(let command) = sample.parse(["paint"] + words, environment: environment) else { return nil }
  return command as? Paint
}
