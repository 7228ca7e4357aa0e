import BitTorrent
import Metainfo
import Testing

/// Very many peers, and very many torrents, each small: all of it arrives, everywhere.
@Suite(.serialized, .timeLimit(.minutes(2))) struct CrowdTests {
  private static func small(_ configure: (inout SessionConfiguration) -> Void = { _ in }) async throws
    -> Session
  {
    try await SwarmStage.session {
      $0.loops = 1
      $0.diskThreads = 1
      configure(&$0)
    }
  }

  @Test func oneSeederServesFiftyDownloaders() async throws {
    // Private: they know only the seeder.
    try await SwarmStage.with([(path: "a", size: 500_000)], isPrivate: true) { stage in
      let seeder = try await SwarmStage.session()
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      var sessions: [Session] = []
      var handles: [TorrentHandle] = []
      for number in 0..<50 {
        let session = try await Self.small()
        var options = AddOptions(directory: stage.downloadFolder("copy-\(number)"))
        options.peers = seeder.listening
        handles.append(try await session.add(stage.metainfo, options))
        sessions.append(session)
      }
      for handle in handles { #expect(try await handle.waitUntilComplete(within: 60).failedPieces == 0) }
      #expect(await source.status().uploaded >= 50 * 500_000)
      for session in sessions { await session.stop() }
      await seeder.stop()
      for number in 0..<50 { try stage.compare("copy-\(number)") }
    }
  }

  @Test func oneDownloaderTakesFromFiftySeeders() async throws {
    try await SwarmStage.with([(path: "a", size: 8 << 20)], pieceLength: 32 << 10) { stage in
      var sessions: [Session] = []
      var sources: [TorrentHandle] = []
      for _ in 0..<50 {
        // Slow, so that there is time for all of them.
        let session = try await Self.small { $0.uploadLimit = 200_000 }
        let handle = try await session.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
        _ = try await handle.waitUntilComplete()
        sessions.append(session)
        sources.append(handle)
      }
      let leech = try await SwarmStage.session { $0.halfOpen = 60 }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = sessions.flatMap(\.listening)
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete(within: 60)
      #expect(status.failedPieces == 0)
      var helpers = 0
      for source in sources where await source.status().uploaded > 0 { helpers += 1 }
      #expect(helpers >= 45)
      await leech.stop()
      for session in sessions { await session.stop() }
      try stage.compare("copy")
    }
  }

  @Test func twoHundredTorrentsMoveAtOnce() async throws {
    let files = (0..<200).map { "file-\($0)" }
    var stages: [SwarmStage] = []
    func nest(_ rest: ArraySlice<String>, _ body: () async throws -> Void) async throws {
      guard let file = rest.first else { return try await body() }
      try await SwarmStage.with([(path: file, size: 40_000 + stages.count)], pieceLength: 16 << 10) { stage in
        stages.append(stage)
        try await nest(rest.dropFirst(), body)
      }
    }
    try await nest(files[...]) {
      let seeder = try await SwarmStage.session()
      for stage in stages {
        _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      }
      let leech = try await SwarmStage.session()
      var handles: [TorrentHandle] = []
      for stage in stages {
        var options = AddOptions(directory: stage.downloadFolder("copy"))
        options.peers = seeder.listening
        handles.append(try await leech.add(stage.metainfo, options))
      }
      for handle in handles { #expect(try await handle.waitUntilComplete(within: 60).failedPieces == 0) }
      await leech.stop()
      await seeder.stop()
      for stage in stages { try stage.compare("copy") }
    }
  }
}
