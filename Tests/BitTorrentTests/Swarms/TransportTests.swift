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

  @Test("torrents of every loop have uTP, whoever connects", arguments: [1, 3], [1, 3])
  func spreads(seederLoops: Int, leechLoops: Int) async throws {
    try await SwarmStage.with([("a", 700_000)]) { first in
      try await SwarmStage.with([("b", 900_001)]) { second in
        try await SwarmStage.with([("c", 500_000), ("d", 70_000)], version: .v2) { third in
          let stages = [first, second, third]
          let seeder = try await Self.session([.utp]) { $0.loops = seederLoops }
          // The order is another one there, so that both ends of a connection are on unlike loops.
          let leech = try await Self.session([.utp]) { $0.loops = leechLoops }
          var sources: [TorrentHandle] = []
          for stage in stages {
            sources.append(try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)))
          }
          for source in sources { _ = try await source.waitUntilComplete() }
          var copies: [TorrentHandle] = []
          for stage in stages.reversed() {
            var options = AddOptions(directory: stage.downloadFolder("copy"))
            options.peers = seeder.listening
            copies.append(try await leech.add(stage.metainfo, options))
          }
          for copy in copies {
            let status = try await copy.waitUntilComplete()
            #expect(status.wasted == 0)
            #expect(status.peerTraffic.map(\.transport) == [.utp])
          }
          await leech.stop()
          await seeder.stop()
          for stage in stages { try stage.compare("copy") }
        }
      }
    }
  }

  @Test("a magnet link needs nothing but uTP, on any loop", arguments: [1, 2])
  func magnets(loops: Int) async throws {
    try await SwarmStage.with([("a", 300_000)]) { stage in
      let seeder = try await Self.session([.utp]) { $0.loops = loops }
      // Others have the first loop.
      try await SwarmStage.with([("b", 20_000)]) { other in
        _ = try await seeder.add(other.metainfo, AddOptions(directory: other.seedFolder)).waitUntilComplete()
        let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
        _ = try await source.waitUntilComplete()
        let leech = try await Self.session([.utp]) { $0.loops = loops }
        _ = try await leech.add(other.metainfo, AddOptions(directory: other.seedFolder)).waitUntilComplete()
        var options = AddOptions(directory: stage.downloadFolder("copy"))
        options.peers = seeder.listening
        let magnet = Magnet(infoHashV1: stage.metainfo.info.infoHashV1)
        let status = try await leech.add(magnet, options).waitUntilComplete()
        #expect(status.peerTraffic.map(\.transport) == [.utp])
        await leech.stop()
        await seeder.stop()
        try stage.compare("copy")
      }
    }
  }

  @Test("a peer that begins with a key exchange finds a torrent of another loop")
  func hides() async throws {
    try await SwarmStage.with([("a", 70_000)]) { first in
      try await SwarmStage.with([("b", 900_001)]) { second in
        let seeder = try await Self.session([.utp]) {
          $0.loops = 2
          $0.encryption = .require
        }
        for stage in [first, second] {
          let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
          _ = try await source.waitUntilComplete()
        }
        let leech = try await Self.session([.utp]) { $0.encryption = .require }
        for stage in [first, second] {
          var options = AddOptions(directory: stage.downloadFolder("copy"))
          options.peers = seeder.listening
          _ = try await leech.add(stage.metainfo, options).waitUntilComplete()
          try stage.compare("copy")
        }
        await leech.stop()
        await seeder.stop()
      }
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
