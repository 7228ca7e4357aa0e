import Addresses
import BitTorrent
import Metainfo
import Testing

/// Which way two sessions take to each other.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TransportTests {
  struct Ways: CustomTestStringConvertible, Sendable {
    var seeder: Set<PeerTransport>
    var leech: Set<PeerTransport>
    var taken: PeerTransport
    var testDescription: String { "\(seeder.map(\.rawValue).sorted()) \(leech.map(\.rawValue).sorted())" }
  }

  static let ways = [
    Ways(seeder: [.utp], leech: [.utp], taken: .utp),
    Ways(seeder: [.utp], leech: [.tcp, .utp], taken: .utp),
    Ways(seeder: [.tcp, .utp], leech: [.utp], taken: .utp),
    Ways(seeder: [.tcp], leech: [.tcp, .utp], taken: .tcp),
    Ways(seeder: [.tcp, .utp], leech: [.tcp], taken: .tcp),
    // Both are as fast here: TCP is preferred.
    Ways(seeder: [.tcp, .utp], leech: [.tcp, .utp], taken: .tcp),
  ]

  @Test("the way that both have is found, and carries everything", arguments: ways)
  func finds(ways: Ways) async throws {
    try await SwarmStage.with([("a", 3_000_000), ("b", 70_001)], version: .hybrid) { stage in
      let seeder = try await Self.session(ways.seeder)
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await Self.session(ways.leech)
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.wasted == 0)
      #expect(status.peerTraffic.map(\.transport) == [ways.taken])
      #expect(await source.status().peerTraffic.map(\.transport) == [ways.taken])
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test("without a common way nothing moves", arguments: [true, false])
  func misses(seederHasTCP: Bool) async throws {
    try await SwarmStage.with([("a", 30_000)]) { stage in
      let seeder = try await Self.session([seederHasTCP ? .tcp : .utp])
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await Self.session([seederHasTCP ? .utp : .tcp])
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(stage.metainfo, options)
      await #expect(throws: SwarmFailure.self) { try await handle.waitUntilComplete(within: 1) }
      await leech.stop()
      await seeder.stop()
    }
  }

  @Test("limits hold over uTP as well")
  func limits() async throws {
    try await SwarmStage.with([("a", 600_000)]) { stage in
      let seeder = try await Self.session([.utp])
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await Self.session([.utp]) { $0.downloadLimit = 200_000 }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let start = ContinuousClock.now
      _ = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(ContinuousClock.now - start > .seconds(1.5))
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  private static func session(
    _ ways: Set<PeerTransport>, _ configure: (inout SessionConfiguration) -> Void = { _ in }
  ) async throws -> Session {
    try await SwarmStage.session {
      $0.usesTCP = ways.contains(.tcp)
      $0.usesUTP = ways.contains(.utp)
      configure(&$0)
    }
  }
}
