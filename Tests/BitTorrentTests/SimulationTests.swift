import Testing

@testable import BitTorrent

/// Whole swarms in virtual time, with the engine's own picker, choker, windows and suggestions. Times are
/// over the fluid bound; the thresholds are what is reached, rounded up. docs/PERFORMANCE.md has the goals,
/// and larger swarms: `make simulate`.
@Suite struct SimulationTests {
  private func run(_ scenario: Scenario, seed: UInt64 = 1) -> SwarmReport {
    let report = Swarm(scenario, seed: seed).run()
    #expect(report.unfinished == 0, "\(report)")
    #expect(report.duplicates < 0.015, "\(report)")
    return report
  }

  @Test func `the same seed gives the same run, event by event, another seed another`() {
    var scenario = Scenario.flashCrowd(8)
    scenario.loss = 0.01
    scenario.resize(pieces: 40)
    let first = Swarm(scenario, seed: 7).run()
    #expect(first == Swarm(scenario, seed: 7).run())
    #expect(first.times != Swarm(scenario, seed: 8).run().times)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func `a flash crowd is done as soon as its links allow`(seed: UInt64) {
    let report = run(.flashCrowd(24), seed: seed)
    #expect(report.mean <= 1.05 && report.slowest <= 1.2 && report.duplicates < 0.01, "\(report)")
    #expect(report.fairness > 0.98, "\(report)")
  }

  @Test func `with links all alike little of the seeder's is sent twice`() {
    let report = run(.tight(24))
    #expect(report.mean <= 1.3 && report.slowest <= 1.45 && report.seederCopies < 1.3, "\(report)")
  }

  @Test func `slow links do not hold up fast ones`() {
    let report = run(.heterogeneous(24))
    #expect(report.mean(of: "fast") <= 0.5 && report.slowest(of: "fast") <= 0.6, "\(report)")
    #expect(report.mean(of: "slow") <= 1.2 && report.slowest(of: "slow") <= 1.45, "\(report)")
  }

  @Test func `peers that leave at completion take no piece with them`() {
    let report = run(.leaving(24))
    #expect(report.mean <= 1.1 && report.slowest <= 1.4, "\(report)")
  }

  @Test func `a seeder that leaves after 1.1 copies has left all of it`() {
    let report = run(.seederLeaves(24))
    #expect(report.mean <= 1.05 && report.slowest <= 1.2, "\(report)")
  }

  @Test func `free riders are slower than those who contribute`() {
    let report = run(.freeRiders(24))
    #expect(report.mean(of: "contributors") <= 1.05, "\(report)")
    #expect(report.mean(of: "free riders") > report.mean(of: "contributors"), "\(report)")
  }

  @Test func `a very slow peer that alone has a piece holds nobody up`() {
    let report = run(.rarePiece(24))
    #expect(report.mean <= 1.1 && report.slowest <= 1.2 && report.tail < 0.02, "\(report)")
  }

  @Test func `late joiners find a swarm that serves them`() {
    let report = run(.lateJoiners(24))
    #expect(report.mean(of: "early") <= 1.0 && report.mean(of: "late") <= 0.85, "\(report)")
  }

  @Test func `liars are found out and cost little`() {
    let report = run(.liars(24))
    #expect(report.mean <= 1.05 && report.slowest <= 1.2, "\(report)")
  }

  /// Seconds from joining to completion: the mean of a few runs of a swarm of seeds that is there, most of them with
  /// slow links, which others join one after the other.
  private func settled(isRanked: Bool, forgers: Int) -> Double {
    var sum = 0.0
    for seed in 1...4 as ClosedRange<UInt64> {
      var scenario = Scenario.settled(100, isRanked: isRanked, forgers: forgers)
      scenario.announced = 10
      scenario.connections = 10
      scenario.pieces = 40
      let report = run(scenario, seed: seed)
      sum += report.mean * report.bound / 4
    }
    return sum
  }

  @Test func `a tracker that ranks is better than chance, even where a tenth of all seeds forge`() {
    let (random, ranked) = (settled(isRanked: false, forgers: 0), settled(isRanked: true, forgers: 0))
    #expect(ranked < 0.95 * random, "\(ranked) \(random)")
    let (plagued, forged) = (settled(isRanked: false, forgers: 10), settled(isRanked: true, forgers: 10))
    #expect(forged < plagued, "\(forged) \(plagued)")
  }
}
