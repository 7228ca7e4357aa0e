import Testing

@testable import BitTorrent

@Suite struct ConnectionPermitsTests {
  @Test func `many threads never have more than there are`() async {
    let permits = ConnectionPermits(limit: 10)
    #expect((0..<12).filter { _ in permits.take() }.count == 10)
    permits.giveBack(10)
    let most = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          var most = 0
          for _ in 0..<10_000 where permits.take() {
            most = max(most, permits.count)
            permits.giveBack()
          }
          return most
        }
      }
      return await group.reduce(0, max)
    }
    // Whoever is being refused is counted for a moment.
    #expect(most <= 10 + 8)
    #expect(permits.count == 0)
  }
}
