import Testing

@testable import ArgumentParsing

@Suite struct HelpTests {
  @Test func theProgramsHelpListsItsCommands() {
    #expect(
      shown("--help") == """
        OVERVIEW: Decorate rooms.

        USAGE: decor <command> [<options>] [<arguments>]

        COMMANDS:
          paint                   Paint walls.
          wash                    Wash brushes.

        OPTIONS:
          -h, --help              Show help; with every command, too.
          --version               Print the version.
          --generate-completion-script <shell>
                                  Print completions for bash, zsh or fish.
          --generate-manual       Print a manual page in roff.

        EXIT CODES:
          0                       Done.

        See 'decor help <command>' for a command's own options.

        """)
  }

  @Test func aCommandsHelpTellsArgumentsOptionsAndDefaults() {
    #expect(
      shown("paint", "--help") == """
        OVERVIEW: Paint walls.

        Paints every wall that is named, one after the other, until there is no paint
        left.

        USAGE: decor paint [<options>] <room> [<wall> ...]

        ARGUMENTS:
          <room>                  The room.
          <wall> ...              Its walls.

        OPTIONS:
          -c, --colour <name>     The colour. One of red, green. (default: green)
          --amount <size>         How much. (environment: PAINT_AMOUNT)
          -n, --coats <number>    How often. (default: 2)
          -t, --tool <name>       What with. May be given again.
          --drying <time>         How long it dries. (default: 90s)
          -f, --fast              Hurry.
          -p, --no-primer         Leave the primer out.
          -h, --help              Show this help.

        """)
  }

  @Test(arguments: [
    ["paint", "-h"], ["paint", "hall", "--coats", "1", "--help"], ["help", "paint"], ["paint", "-fh"],
  ])
  func helpIsFoundEverywhere(words: [String]) {
    guard case .show(let text) = sample.parse(words) else {
      Issue.record("no help")
      return
    }
    #expect(text == shown("paint", "--help"))
  }

  @Test(arguments: [[], ["-h"], ["help"], ["help", "--help"]])
  func theProgramsHelpIsFoundEverywhere(words: [String]) {
    guard case .show(let text) = sample.parse(words) else {
      Issue.record("no help")
      return
    }
    #expect(text == shown("--help"))
  }

  @Test(arguments: [50, 60, 80, 120])
  func helpFitsTheTerminal(columns: Int) {
    for line in shown("paint", "--help", columns: columns).split(separator: "\n") {
      #expect(line.count <= columns)
    }
  }

  @Test func theVersionIsPrinted() { #expect(shown("--version") == "decor 1.2\n") }

  @Test(arguments: [("coats", "cotas", 1), ("", "ab", 2), ("same", "same", 0), ("paint", "pant", 1)])
  func editDistances(one: String, other: String, distance: Int) {
    #expect(editDistance(one, other) == distance)
    #expect(editDistance(other, one) == distance)
  }

  @Test func theManualHasEveryOptionAndEscapesDashes() {
    let manual = shown("--generate-manual")
    #expect(manual.hasPrefix(".TH DECOR 1"))
    #expect(manual.contains("\\fB\\-n, \\-\\-coats <number>\\fR\nHow often. (default: 2)\n"))
    #expect(!manual.contains("secret"))
  }

  @Test func bashCompletesCommandsOptionsAndChoices() {
    let script = shown("--generate-completion-script", "bash")
    #expect(script.contains("compgen -W 'paint wash help --help --version'"))
    #expect(script.contains("--colour|-c) COMPREPLY=($(compgen -W 'red green' -- \"$current\")); return ;;"))
    #expect(script.contains("compgen -d"))
    #expect(!script.contains("secret"))
  }

  @Test func zshAndFishKnowTheSameOptions() {
    let zsh = shown("--generate-completion-script", "zsh")
    #expect(zsh.contains("'--colour[The colour.]:name:(red green)'"))
    #expect(zsh.contains("'*--tool[What with.]:name: '"))
    let fish = shown("--generate-completion-script", "fish")
    #expect(fish.contains("-l colour -s c -x -a 'red green' -d 'The colour.'"))
  }
}
