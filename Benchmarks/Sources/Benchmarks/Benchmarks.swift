import Glibc

/// Measures the parts that everything passes through: times, and counts that repeat.
@main
enum Benchmarks {
  private static let usage = """
    usage: Benchmarks [--json] [--check] [--only TEXT]
      --json       print JSON, not a table
      --check      count only, and exit with 1 if a count is above its threshold
      --only TEXT  only what has TEXT in its name

    """

  static func main() async {
    // Large copies by one instruction would be counted as thousands of steps, and dictionaries that differ
    // from run to run in other numbers each time.
    if getenv("GLIBC_TUNABLES") == nil || getenv("SWIFT_DETERMINISTIC_HASHING") == nil { restart() }
    var arguments = CommandLine.arguments.dropFirst()
    var isJSON = false
    var isCheck = false
    var only = ""
    while let argument = arguments.popFirst() {
      switch (argument, arguments.first) {
      case ("--json", _): isJSON = true
      case ("--check", _): isCheck = true
      case ("--only", let text?):
        only = text
        arguments.removeFirst()
      default:
        _ = usage.withCString { write(2, $0, strlen($0)) }
        exit(64)
      }
    }
    let rows = await measure(only: only, timed: !isCheck)
    if isCheck {
      exit(check(rows, isAll: only.isEmpty) ? 0 : 1)
    }
    print(isJSON ? Report.json(rows) : Report.table(rows))
  }

  private static func measure(only: String, timed: Bool) async -> [Report.Row] {
    // The engine last: what runs before it makes copies of the process, which then has one thread.
    let all =
      Wire.all + Transport.all + Downloading.all + Choking.all + Formats.all + Hashing.all + Swarms.all
      + Blocking.all
      + UDPAnnounces.all
      + Storage.all
    var rows: [Report.Row] = []
    for benchmark in all where only.isEmpty || benchmark.name.contains(only) {
      rows.append((benchmark.name, benchmark.run(timed: timed)))
    }
    if only.isEmpty || only == "tracker" { rows += HTTPAnnounces.run(timed: timed) }
    if only.isEmpty || only == "engine" { rows += await Engine.run(timed: timed) }
    return rows
  }

  private static func check(_ rows: [Report.Row], isAll: Bool) -> Bool {
    var isGood = true
    for row in rows {
      let found = Threshold.all[row.name].map { $0.violations(row.cost) } ?? ["has no threshold"]
      print(found.isEmpty ? "good \(row.name)" : "FAIL \(row.name): \(found.joined(separator: ", "))")
      isGood = isGood && found.isEmpty
    }
    for name in Threshold.all.keys.sorted() where isAll && !rows.contains(where: { $0.name == name }) {
      print("FAIL \(name): there is no such benchmark")
      isGood = false
    }
    return isGood
  }

  /// Runs the program anew, with an environment in which counts repeat.
  private static func restart() {
    setenv("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1073741824", 1)
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
    perror("Benchmarks: cannot restart")
    exit(1)
  }
}
