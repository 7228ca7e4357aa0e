import Addresses
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import PortMapping

/// The mapper against a router of `Tests/Drivers/fake_gateway.py`, on loopback.
@Suite(.serialized, .timeLimit(.minutes(1))) struct GatewayTests {
  /// Addresses for routers that speak NAT-PMP, whose port is fixed: another for each test.
  private static let hosts = Atomic<UInt8>(1)

  private final class Told: Sendable {
    let last = Mutex<[PortMapping]>([])
  }

  private static func options() -> PortMapperOptions {
    PortMapperOptions(ports: [.init(.tcp, 6881), .init(.udp, 6882)])
  }

  /// Runs a router with these options and a mapper that knows where it is; `body` gets the router's lines.
  private func with(
    _ method: PortMappingMethod, _ arguments: [String] = [],
    _ body: (PortMapper, _ lines: @escaping () -> [String]) async throws -> Void
  ) async throws {
    try await withStage { stage in
      var options = Self.options()
      options.methods = [method]
      let host = "127.88.0.\(Self.hosts.add(1, ordering: .relaxed).newValue)"
      let router = try stage.start(
        "/usr/bin/python3", [FakeGateway.driver, method == .natpmp ? "--natpmp" : "--upnp", host] + arguments)
      try await eventually("the router is there") { router.output.contains("ready") }
      options.gateway = IPAddress(host)
      options.descriptionURL = router.output.split(separator: "\n").first.map {
        String($0.split(separator: " ").last ?? "")
      }
      let told = Told()
      let mapper = PortMapper(options) { mappings in told.last.withLock { $0 = mappings } }
      let lines = { router.output.split(separator: "\n").map(String.init).filter { $0.contains("map") } }
      do {
        try await body(mapper, lines)
      } catch {
        mapper.stop()
        throw error
      }
      #expect(told.last.withLock { $0 } == mapper.mappings)
      mapper.stop()
      await mapper.waitUntilStopped(within: 10)
      #expect(mapper.mappings.isEmpty)
      if !arguments.contains("--refuse"), !arguments.contains("--forget") {
        try await eventually("all is taken back") { lines().count { $0.hasPrefix("unmap") } == 2 }
      }
    }
  }

  @Test func natPMPMapsBothTransportsAndTakesThemBack() async throws {
    try await with(.natpmp, ["--lease", "900"]) { mapper, lines in
      try await eventually("mapped") { mapper.mappings.count == 2 }
      let address = IPAddress("203.0.113.7")
      #expect(
        mapper.mappings == [
          PortMapping(
            transport: .tcp, port: 6881, externalPort: 6881, externalAddress: address, method: .natpmp),
          PortMapping(
            transport: .udp, port: 6882, externalPort: 6882, externalAddress: address, method: .natpmp),
        ])
      #expect(lines() == ["map tcp 6881 -> 6881 for 900", "map udp 6882 -> 6882 for 900"])
    }
  }

  @Test func thePortThatTheRouterChoosesIsTold() async throws {
    try await with(.natpmp, ["--shift", "10"]) { mapper, _ in
      try await eventually("mapped") { mapper.mappings.count == 2 }
      #expect(mapper.mappings.map(\.externalPort) == [6891, 6892])
    }
  }

  @Test func upnpMapsBothTransportsAndTakesThemBack() async throws {
    try await with(.upnp) { mapper, lines in
      try await eventually("mapped") { mapper.mappings.count == 2 }
      #expect(mapper.mappings.map(\.externalAddress) == [IPAddress("203.0.113.7"), IPAddress("203.0.113.7")])
      #expect(mapper.mappings.map(\.method) == [.upnp, .upnp])
      #expect(lines()[0].hasPrefix("map tcp 6881 -> 6881 for 7200 at 127."))
      #expect(lines()[1].hasPrefix("map udp 6882 -> 6882 for 7200 at 127."))
    }
  }

  @Test func aPortThatIsTakenIsReplaced() async throws {
    try await with(.upnp, ["--taken", "6881"]) { mapper, _ in
      try await eventually("mapped") { mapper.mappings.count == 2 }
      #expect(mapper.mappings[0].externalPort != 6881)
      #expect(mapper.mappings[0].externalPort >= 1024)
      #expect(mapper.mappings[1].externalPort == 6882)
    }
  }

  @Test func routersThatKeepMappingsForeverAreAskedFor() async throws {
    try await with(.upnp, ["--permanent"]) { mapper, lines in
      try await eventually("mapped") { mapper.mappings.count == 2 }
      #expect(lines()[0].contains("for 0 at"))
    }
  }

  @Test(arguments: [PortMappingMethod.natpmp, .upnp])
  func refusalsAreNoMappings(_ method: PortMappingMethod) async throws {
    try await with(method, ["--refuse"]) { mapper, lines in
      try await Task.sleep(for: .milliseconds(500))
      #expect(mapper.mappings.isEmpty)
      #expect(lines().isEmpty)
    }
  }

  @Test func whereNobodyAnswersNothingIsMappedAndTheEndComesSoon() async throws {
    var options = Self.options()
    options.methods = [.natpmp]
    options.gateway = IPAddress("127.88.0.250")
    let mapper = PortMapper(options) { _ in Issue.record("something was mapped") }
    mapper.stop()
    let start = ContinuousClock.now
    await mapper.waitUntilStopped(within: 10)
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func theEndIsNotWaitedForLongerThanWished() async throws {
    try await with(.natpmp, ["--forget", "2"]) { mapper, _ in
      try await eventually("mapped") { mapper.mappings.count >= 1 }
      mapper.stop()
      let start = ContinuousClock.now
      await mapper.waitUntilStopped(within: 0.1)
      #expect(ContinuousClock.now - start < .seconds(1))
    }
  }
}
