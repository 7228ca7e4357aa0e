import Testing

/// The larger campaign is in the Simulation package: `make simulate`.
@Suite struct DHTSimulationTests {
  @Test func aStoredPeerIsFoundDespiteChurn() {
    let report = DHTScenario(name: "1,000 nodes, 20 % churn").run(seed: 1)
    print(report)
    #expect(report.searches >= 390)
    #expect(report.foundShare >= 0.995)
    #expect(DHTReport.median(report.hops) ?? 99 <= 3)
    #expect(DHTReport.median(report.queries) ?? 99 <= 25)
    #expect(DHTReport.median(report.stored) == 8)
  }

  @Test func liarsDoNotHideAPeer() {
    var scenario = DHTScenario(name: "400 nodes, 10 % of them liars")
    scenario.nodes = 400
    scenario.poison = 0.1
    scenario.swarms = 50
    scenario.searches = 200
    let report = scenario.run(seed: 2)
    print(report)
    #expect(report.searches >= 195)
    #expect(report.foundShare >= 0.995)
    #expect(report.queries.max() ?? 999 <= 100)
  }

  /// As most programs ask: nodes that nobody has heard of before answer in full only after a proof.
  @Test func whoDoesNotPayFindsPeersToo() {
    var scenario = DHTScenario(name: "200 nodes that do not pay for answers, 20 % churn")
    scenario.nodes = 200
    scenario.swarms = 25
    scenario.searches = 100
    scenario.pads = false
    let report = scenario.run(seed: 4)
    print(report)
    #expect(report.searches >= 95)
    #expect(report.foundShare >= 0.99)
  }

  /// Everything as datagrams: what a node writes, nodes read.
  @Test func aSmallNetworkWorksInDatagrams() {
    var scenario = DHTScenario(name: "60 nodes in datagrams")
    scenario.nodes = 60
    scenario.swarms = 20
    scenario.searches = 40
    scenario.encodes = true
    let report = scenario.run(seed: 3)
    print(report)
    #expect(report.searches >= 35)
    #expect(report.found == report.searches)
  }
}
