import Testing

@testable import PortMapping

/// What is asked of a router when, with time that the tests set.
@Suite struct MappingPlanTests {
  static let tcp = PortMapperOptions.Port(.tcp, 6881)
  static let udp = PortMapperOptions.Port(.udp, 6881)

  @Test func portsAreMappedOnceARouterIsThereAndRenewedAtHalfTime() {
    var plan = MappingPlan([Self.tcp, Self.udp])
    #expect(plan.next(now: 0) == .search)
    plan.searched(found: true, now: 1)
    #expect(plan.next(now: 1) == .map(Self.tcp, external: 6881))
    plan.mapped(Self.tcp, to: 7000, life: 600, now: 1)
    #expect(plan.next(now: 1) == .map(Self.udp, external: 6881))
    plan.mapped(Self.udp, to: 6881, life: 100, now: 2)
    #expect(plan.next(now: 2) == .wait(until: 52))
    #expect(plan.next(now: 52) == .map(Self.udp, external: 6881))
    plan.mapped(Self.udp, to: 6881, life: 600, now: 52)
    #expect(plan.next(now: 52) == .wait(until: 301))
    // The port that the router chose is asked for again.
    #expect(plan.next(now: 301) == .map(Self.tcp, external: 7000))
    #expect(plan.open.map(\.external) == [7000, 6881])
  }

  @Test func whereThereIsNoRouterItIsSoughtLessAndLessOften() {
    var plan = MappingPlan([Self.tcp])
    var now = 0.0
    var pauses: [Double] = []
    for _ in 0..<8 {
      #expect(plan.next(now: now) == .search)
      plan.searched(found: false, now: now)
      guard case .wait(let until) = plan.next(now: now) else { break }
      pauses.append(until - now)
      now = until
    }
    #expect(pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600])
  }

  @Test func refusalsAreTriedAgainAndThenAnotherRouterIsSought() {
    var plan = MappingPlan([Self.tcp])
    plan.searched(found: true, now: 0)
    plan.failed(Self.tcp, now: 0)
    #expect(plan.next(now: 0) == .wait(until: 15))
    plan.failed(Self.tcp, now: 15)
    #expect(plan.next(now: 15) == .wait(until: 45))
    plan.failed(Self.tcp, now: 45)
    #expect(plan.next(now: 45) == .wait(until: 105))
    #expect(plan.next(now: 105) == .search)
    #expect(plan.open.isEmpty)
  }

  @Test func shortLeasesDoNotMakeItBusyAndPermanentOnesAreLookedAt() {
    var plan = MappingPlan([Self.tcp])
    plan.searched(found: true, now: 0)
    plan.mapped(Self.tcp, to: 6881, life: 1, now: 0)
    #expect(plan.next(now: 0) == .wait(until: 15))
    plan.mapped(Self.tcp, to: 6881, life: 0, now: 0)
    #expect(plan.next(now: 0) == .wait(until: 1800))
  }

  @Test func nothingToMapIsNothingToDo() {
    #expect(MappingPlan([]).next(now: 5) == .wait(until: .infinity))
  }
}
