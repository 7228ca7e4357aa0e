import BitTorrent
import Foundation
import Metainfo
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct ManyPeersTests {
  @Test func downloadersTradeWithEachOther() async throws {
    try await SwarmStage.with([(path: "a", size: 4 << 20), (path: "b", size: 100_000)], version: .hybrid) {
      stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var sessions = [seeder]
      var handles: [TorrentHandle] = []
      for name in ["one", "two", "three"] {
        let session = try await SwarmStage.session()
        var options = AddOptions(directory: stage.downloadFolder(name))
        options.peers = sessions.flatMap(\.listening)
        handles.append(try await session.add(stage.metainfo, options))
        sessions.append(session)
      }
      for handle in handles {
        let status = try await handle.waitUntilComplete()
        #expect(status.failedPieces == 0)
        // All of something this small is endgame: at most two peers are asked for a block.
        #expect(status.wasted <= status.wantedBytes)
      }
      for session in sessions { await session.stop() }
      for name in ["one", "two", "three"] { try stage.compare(name) }
    }
  }

  @Test func littleMemoryForUploadsServesEveryone() async throws {
    try await SwarmStage.with([(path: "a", size: 1 << 20)]) { stage in
      // One batch at a time for all of them.
      let seeder = try await SwarmStage.session { $0.uploadBytes = 1 }
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var sessions = [seeder]
      var handles: [TorrentHandle] = []
      for index in 0..<6 {
        let session = try await SwarmStage.session()
        var options = AddOptions(directory: stage.downloadFolder("\(index)"))
        options.peers = seeder.listening
        handles.append(try await session.add(stage.metainfo, options))
        sessions.append(session)
      }
      for handle in handles { _ = try await handle.waitUntilComplete() }
      for session in sessions { await session.stop() }
    }
  }

  @Test func aSelectionOfFilesIsAllThatComes() async throws {
    let files = [(path: "a", size: 200_000), (path: "b", size: 200_000), (path: "c", size: 200_000)]
    try await SwarmStage.with(files) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      options.wanted = [false, true, false]
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.wantedBytes == 200_000)
      #expect(status.doneBytes == 200_000)
      #expect(status.piecesHave < status.pieces)
      await leech.stop()
      await seeder.stop()
      let folder = stage.downloadFolder("copy") + "/payload"
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["b"])
      #expect(
        FileManager.default.contents(atPath: folder + "/b")
          == FileManager.default.contents(atPath: stage.content.path + "/b"))
    }
  }

  @Test func aTorrentCanBeAddedOnce() async throws {
    try await SwarmStage.with([(path: "a", size: 1000)]) { stage in
      let session = try await SwarmStage.session()
      _ = try await session.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      let error = await #expect(throws: SessionError.self) {
        try await session.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      }
      #expect(error?.code == .duplicate)
      await session.stop()
    }
  }
}
