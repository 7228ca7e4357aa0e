import Testing

@testable import BitTorrent

@Suite struct SimulationTests {
  @Test func `the same seed gives the same run, event by event, another seed another`() {
    let scenario = Scenario.flashCrowd(12)
    let first = Swarm(scenario, seed: 7).run()
    #expect(first == Swarm(scenario, seed: 7).run())
    #expect(first.times != Swarm(scenario, seed: 8).run().times)
  }
}
