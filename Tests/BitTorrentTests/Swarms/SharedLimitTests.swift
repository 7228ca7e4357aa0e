import Foundation
import Metainfo
import TestSupport
import Testing

@testable import BitTorrent

/// Limits of a session whose torrents are on several loops.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SharedLimitTests {
  static let size = 3 << 20
  static let rate = 3 << 20

  enum Side: CaseIterable { case seeder, leech }

  @Test(arguments: [1, 2], Side.allCases)
  func loopsTogetherAreNoFasterThanTheirLimit(_ torrents: Int, _ side: Side) async throws {
    try await SwarmStage.with([(path: "a", size: Self.size)], pieceLength: 64 << 10) { first in
      try await SwarmStage.with([(path: "b", size: Self.size)], pieceLength: 64 << 10) { second in
        let stages = [first, second].prefix(torrents)
        let seeder = try await SwarmStage.session {
          $0.loops = 2
          if side == .seeder { $0.uploadLimit = Self.rate }
        }
        let leech = try await SwarmStage.session {
          $0.loops = 2
          if side == .leech { $0.downloadLimit = Self.rate }
        }
        for stage in stages {
          _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
            .waitUntilComplete()
        }
        let start = ContinuousClock.now
        var handles: [TorrentHandle] = []
        for stage in stages {
          var options = AddOptions(directory: stage.downloadFolder("copy"))
          options.peers = seeder.listening
          handles.append(try await leech.add(stage.metainfo, options))
        }
        for handle in handles { #expect(try await handle.waitUntilComplete().wasted == 0) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(seconds >= RateLimitTests.leastSeconds(torrents * Self.size, rate: Self.rate))
        await leech.stop()
        await seeder.stop()
        for stage in stages { try stage.compare("copy") }
      }
    }
  }

  @Test func connectionsOfAllLoopsTogetherAreLimited() async throws {
    try await SwarmStage.with([(path: "a", size: 300_000)]) { first in
      try await SwarmStage.with([(path: "b", size: 300_000)]) { second in
        let seeder = try await SwarmStage.session {
          $0.loops = 2
          $0.connections = 3
          $0.uploadLimit = 0
        }
        for stage in [first, second] {
          _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
            .waitUntilComplete()
        }
        var leeches: [Session] = []
        for index in 0..<6 {
          let leech = try await SwarmStage.session()
          let stage = index % 2 == 0 ? first : second
          var options = AddOptions(directory: stage.downloadFolder("copy-\(index)"))
          options.peers = seeder.listening
          _ = try await leech.add(stage.metainfo, options)
          leeches.append(leech)
        }
        try await eventually("three are connected") { await seeder.connected == 3 }
        // The others are tried, and refused, at once.
        for _ in 0..<10 {
          #expect(await seeder.connected <= 3)
          try await Task.sleep(for: .milliseconds(20))
        }
        for leech in leeches.prefix(3) { await leech.stop() }
        for leech in leeches { await leech.stop() }
        await seeder.stop()
      }
    }
  }
}

extension Session {
  /// Peers of all torrents.
  fileprivate var connected: Int {
    get async { await changes().reduce(0) { $0 + $1.peers } }
  }
}
