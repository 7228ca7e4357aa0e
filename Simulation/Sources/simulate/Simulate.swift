import Glibc

/// `simulate`: runs the scenarios with many seeds and prints a table in Markdown.
@main
enum Simulate {
  static let usage = """
    usage: simulate [--peers N] [--pieces N] [--seeds N] [--first-seed N] [--only TEXT] [--minutes N] [--curve MS]
    --minutes N  begins no more runs after its share of so many minutes, for each kind of swarm
    --curve MS   one run of each, and what the uplinks did, sampled every MS milliseconds
    """

  static func main() async {
    var numbers = [
      "--peers": 50, "--pieces": 200, "--seeds": 1, "--first-seed": 1, "--curve": 0, "--minutes": 0,
    ]
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
    if let milliseconds = numbers["--curve"], milliseconds > 0 {
      for var scenario in Scenario.all(peers) where only.isEmpty || scenario.name.contains(only) {
        scenario.resize(pieces: pieces)
        printCurve(scenario, seed: UInt64(seeds.lowerBound), interval: Double(milliseconds) / 1000)
      }
      return
    }
    print("\(peers) peers, \(pieces) pieces of 256 KiB, seeds \(seeds); times over the bound\n")
    let columns = [
      "scenario", "bound s", "mean", "worst mean", "slowest", "duplicates %", "fairness", "tail %",
      "seeder's copies", "runs, slowest: seed",
    ]
    print("| " + columns.joined(separator: " | ") + " |")
    print("|" + String(repeating: "---|", count: columns.count))
    // Those of trackers are of another size: only where they are asked for.
    let all = only.hasPrefix("tracker") ? Scenario.trackers(peers) : Scenario.all(peers)
    let scenarios = all.filter { only.isEmpty || $0.name.contains(only) }
    let minutes = numbers["--minutes"] ?? 0
    let share = minutes > 0 ? Duration.seconds(minutes * 60) / scenarios.count : .seconds(1_000_000)
    for var scenario in scenarios {
      scenario.resize(pieces: pieces)
      printRow(await runs(of: scenario, seeds, until: ContinuousClock.now + share))
    }
  }

  private static func complain() {
    print(usage)
    exit(64)
  }

  /// Runs as many at once as there are processors; begins none after the deadline.
  private static func runs(
    of scenario: Scenario, _ seeds: Range<Int>, until deadline: ContinuousClock.Instant
  ) async -> [(seed: UInt64, report: SwarmReport)] {
    await withTaskGroup(of: (seed: UInt64, report: SwarmReport).self) { group in
      var next = seeds.lowerBound
      var reports: [(seed: UInt64, report: SwarmReport)] = []
      let atOnce = max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
      while next < min(seeds.lowerBound + atOnce, seeds.upperBound) {
        let seed = UInt64(next)
        group.addTask { (seed: seed, report: Swarm(scenario, seed: seed).run()) }
        next += 1
      }
      for await report in group {
        reports.append(report)
        guard next < seeds.upperBound, ContinuousClock.now < deadline else { continue }
        let seed = UInt64(next)
        group.addTask { (seed: seed, report: Swarm(scenario, seed: seed).run()) }
        next += 1
      }
      return reports.sorted { $0.seed < $1.seed }
    }
  }

  private static func printCurve(_ scenario: Scenario, seed: UInt64, interval: Double) {
    let swarm = Swarm(scenario, seed: seed)
    let report = swarm.run(sampling: interval)
    print(scenario.name, shown(report.mean, 3), shown(report.slowest, 3))
    let columns = [
      "s", "first: use", "pieces out", "copies", "others: busy", "unwanted", "choking", "unasked",
      "in flight",
      "progress", "complete", "unchoked each",
    ]
    print("| " + columns.joined(separator: " | ") + " |\n|" + String(repeating: "---|", count: columns.count))
    for sample in swarm.curve.samples {
      let begin = [
        shown(sample.seconds, 2), "\(sample.firstMember)", "\(sample.pieces)", shown(sample.copies, 2),
      ]
      let end = [shown(sample.progress, 3), "\(sample.complete)", shown(sample.unchoked, 2)]
      let cells = begin + sample.counts.map { "\($0)" } + end
      print("| " + cells.joined(separator: " | ") + " |")
    }
  }

  private static func printRow(_ runs: [(seed: UInt64, report: SwarmReport)]) {
    let reports = runs.map(\.report)
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
      shown(average(\.seederCopies), 2), "\(runs.count), \(worst(runs))",
    ]
    print("| " + cells.joined(separator: " | ") + " |")
    guard first.groups.count > 1 else { return }
    for group in first.groups {
      let means = reports.map { $0.mean(of: group.name) }
      let slowest = reports.map { $0.slowest(of: group.name) }.max() ?? 0
      let mean = means.reduce(0, +) / Double(means.count)
      let times = [mean, means.max() ?? 0, slowest].map { shown($0, 3) }
      print("| · \(group.name) | | " + times.joined(separator: " | ") + " | | | | | |")
    }
  }

  /// The seeds to look at: those of runs in which somebody did not finish, else the one with the slowest peer.
  private static func worst(_ runs: [(seed: UInt64, report: SwarmReport)]) -> String {
    let stuck = runs.filter { $0.report.unfinished > 0 }
    if !stuck.isEmpty {
      return "\(stuck.count) unfinished: " + stuck.prefix(5).map { "\($0.seed)" }.joined(separator: " ")
    }
    return runs.max { $0.report.slowest < $1.report.slowest }.map { "\($0.seed)" } ?? ""
  }

  private static func shown(_ value: Double, _ digits: Int) -> String {
    let scale = digits == 1 ? 10.0 : digits == 2 ? 100 : 1000
    let rounded = Int((value * scale).rounded())
    let fraction = "\(rounded % Int(scale))"
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(rounded / Int(scale)).\(zeros)\(fraction)"
  }
}
