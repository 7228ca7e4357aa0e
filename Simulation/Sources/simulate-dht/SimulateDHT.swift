import Glibc

/// `simulate-dht`: runs a DHT of many nodes with many seeds and prints a table in Markdown.
@main
enum SimulateDHT {
  static let usage = "usage: simulate-dht [--nodes N] [--seeds N] [--first-seed N] [--searches N]"

  static func main() async {
    var numbers = ["--nodes": 1000, "--seeds": 10, "--first-seed": 1, "--searches": 1000]
    var arguments = CommandLine.arguments.dropFirst()
    while let name = arguments.popFirst() {
      guard numbers[name] != nil, let number = arguments.popFirst().flatMap({ Int($0) }), number > 0 else {
        print(usage)
        exit(64)
      }
      numbers[name] = number
    }
    let first = numbers["--first-seed"] ?? 1
    let seeds = first..<first + (numbers["--seeds"] ?? 1)
    print("\(numbers["--nodes"] ?? 0) nodes, seeds \(seeds)\n")
    let columns = [
      "scenario", "found %", "worst seed %", "median hops", "most hops", "median queries", "most queries",
      "median s", "messages a node and min",
    ]
    print("| " + columns.joined(separator: " | ") + " |")
    print("|" + String(repeating: "---|", count: columns.count))
    for var scenario in scenarios {
      scenario.nodes = numbers["--nodes"] ?? scenario.nodes
      scenario.searches = numbers["--searches"] ?? scenario.searches
      printRow(await reports(of: scenario, seeds))
    }
  }

  private static var scenarios: [DHTScenario] {
    var plain = DHTScenario(name: "1 % loss, nobody leaves")
    plain.churn = 0
    let churn = DHTScenario(name: "20 % churn")
    var lossy = DHTScenario(name: "20 % churn, 10 % loss")
    lossy.loss = 0.1
    var half = DHTScenario(name: "50 % churn")
    half.churn = 0.5
    var poisoned = DHTScenario(name: "20 % churn, 10 % liars")
    poisoned.poison = 0.1
    var worse = DHTScenario(name: "20 % churn, 25 % liars")
    worse.poison = 0.25
    var unpaid = DHTScenario(name: "20 % churn, nobody pays for answers")
    unpaid.pads = false
    return [plain, churn, lossy, half, unpaid, poisoned, worse]
  }

  /// Runs as many at once as there are processors.
  private static func reports(of scenario: DHTScenario, _ seeds: Range<Int>) async -> [DHTReport] {
    await withTaskGroup(of: DHTReport.self) { group in
      var next = seeds.lowerBound
      var reports: [DHTReport] = []
      let atOnce = max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
      while next < min(seeds.lowerBound + atOnce, seeds.upperBound) {
        let seed = UInt64(next)
        group.addTask { scenario.run(seed: seed) }
        next += 1
      }
      for await report in group {
        reports.append(report)
        guard next < seeds.upperBound else { continue }
        let seed = UInt64(next)
        group.addTask { scenario.run(seed: seed) }
        next += 1
      }
      return reports
    }
  }

  private static func printRow(_ reports: [DHTReport]) {
    guard let name = reports.first?.name else { return }
    let searches = reports.reduce(0) { $0 + $1.searches }
    let found = reports.reduce(0) { $0 + $1.found }
    let (hops, queries) = (reports.flatMap(\.hops), reports.flatMap(\.queries))
    let load = reports.reduce(0) { $0 + $1.messagesPerNodeMinute } / Double(reports.count)
    let cells = [
      name, shown(Double(found) / Double(max(searches, 1)) * 100),
      shown((reports.map(\.foundShare).min() ?? 0) * 100), "\(DHTReport.median(hops) ?? 0)",
      "\(hops.max() ?? 0)", "\(DHTReport.median(queries) ?? 0)", "\(queries.max() ?? 0)",
      shown(DHTReport.median(reports.flatMap(\.seconds)) ?? 0), shown(load),
    ]
    print("| " + cells.joined(separator: " | ") + " |")
  }

  private static func shown(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
