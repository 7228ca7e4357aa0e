import Testing

@Suite struct DHTSimulationTests {
  @Test func aStoredPeerIsFoundDespiteChurn() {
    let report = DHTScenario(name: "1,000 nodes, 20 % churn").run(seed: 1)
    print(report)
    #expect(report.searches >= 390)
    #expect(report.foundShare >= 0.995)
    #expect(DHTReport.median(report.hops) ?? 99 <= 5)
    #expect(DHTReport.median(report.queries) ?? 99 <= 40)
  }
}
