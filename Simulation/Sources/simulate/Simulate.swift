import Glibc

/// `simulate`: runs the scenarios with many seeds and prints a table in Markdown.
@main
enum Simulate {
  static let usage = "usage: simulate [--peers N] [--pieces N] [--seeds N] [--first-seed N] [--only TEXT]"

  static func main() async {
    var numbers = ["--peers": 50, "--pieces": 200, "--seeds": 1, "--first-seed": 1]
    var only = ""
    var arguments = CommandLine.arguments.dropFirst()
    while let name = arguments.popFirst() {
      guard let value = arguments.popFirst() else { return complain() }
      if name == "--only" {
        only = value
      } else if numbers[name] != nil, let number = Int(value), number > 0 {
        numbers[name] = number
      } else {
        return complain()
      }
    }
    let peers = numbers["--peers"] ?? 50
    let seeds = (numbers["--first-seed"] ?? 1)..<((numbers["--first-seed"] ?? 1) + (numbers["--seeds"] ?? 1))
    let pieces = numbers["--pieces"] ?? 200
    print("\(peers) peers, \(pieces) pieces of 256 KiB, seeds \(seeds); times over the bound\n")
    let columns = [
      "scenario", "bound s", "mean", "worst mean", "slowest", "duplicates %", "fairness", "tail %",
      "seeder's copies",
    ]
    print("| " + columns.joined(separator: " | ") + " |")
    print("|" + String(repeating: "---|", count: columns.count))
    for var scenario in Scenario.all(peers) where only.isEmpty || scenario.name.contains(only) {
      scenario.resize(pieces: pieces)
      let reports = await reports(of: scenario, seeds)
      printRow(reports)
    }
  }

  private static func complain() {
    print(usage)
    exit(64)
  }

  /// Runs as many at once as there are processors.
  private static func reports(of scenario: Scenario, _ seeds: Range<Int>) async -> [SwarmReport] {
    await withTaskGroup(of: SwarmReport.self) { group in
      var next = seeds.lowerBound
      var reports: [SwarmReport] = []
      let atOnce = max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
      while next < min(seeds.lowerBound + atOnce, seeds.upperBound) {
        let seed = UInt64(next)
        group.addTask { Swarm(scenario, seed: seed).run() }
        next += 1
      }
      for await report in group {
        reports.append(report)
        guard next < seeds.upperBound else { continue }
        let seed = UInt64(next)
        group.addTask { Swarm(scenario, seed: seed).run() }
        next += 1
      }
      return reports
    }
  }

  private static func printRow(_ reports: [SwarmReport]) {
    guard let first = reports.first else { return }
    func average(_ value: (SwarmReport) -> Double) -> Double {
      reports.reduce(0) { $0 + value($1) } / Double(reports.count)
    }
    let unfinished = reports.reduce(0) { $0 + $1.unfinished }
    let completed = reports.filter { !$0.times.isEmpty }
    let mean = completed.reduce(0) { $0 + $1.mean } / Double(max(completed.count, 1))
    let cells = [
      first.name, shown(first.bound, 1), shown(mean, 3), shown(reports.map(\.mean).max() ?? 0, 3),
      shown(reports.map(\.slowest).max() ?? 0, 3) + (unfinished > 0 ? " (\(unfinished) unfinished)" : ""),
      shown(average(\.duplicates) * 100, 2), shown(average(\.fairness), 3), shown(average(\.tail) * 100, 1),
      shown(average(\.seederCopies), 2),
    ]
    print("| " + cells.joined(separator: " | ") + " |")
    guard first.groups.count > 1 else { return }
    for group in first.groups {
      let means = reports.map { $0.mean(of: group.name) }
      let slowest = reports.map { $0.slowest(of: group.name) }.max() ?? 0
      let mean = means.reduce(0, +) / Double(means.count)
      let times = [mean, means.max() ?? 0, slowest].map { shown($0, 3) }
      print("| · \(group.name) | | " + times.joined(separator: " | ") + " | | | | |")
    }
  }

  private static func shown(_ value: Double, _ digits: Int) -> String {
    let scale = digits == 1 ? 10.0 : digits == 2 ? 100 : 1000
    let rounded = Int((value * scale).rounded())
    let fraction = "\(rounded % Int(scale))"
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(rounded / Int(scale)).\(zeros)\(fraction)"
  }
}
