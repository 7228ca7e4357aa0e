import BitTorrent
import Foundation
import Metainfo
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct ResumeTests {
  @Test func aStoppedDownloadGoesOnWithoutACheck() async throws {
    try await SwarmStage.with([(path: "a", size: 6 << 20)]) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let first = try await SwarmStage.session()
      let handle = try await first.add(stage.metainfo, options)
      while await handle.status().piecesHave == 0 { try await Task.sleep(for: .milliseconds(1)) }
      await first.stop()
      let second = try await SwarmStage.session()
      let status = try await second.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.checkedPieces == 0)
      #expect(status.downloaded < status.wantedBytes)
      await second.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func aCompleteTorrentIsSeededWithoutACheckTheSecondTime() async throws {
    try await SwarmStage.with([(path: "a", size: 1 << 20)]) { stage in
      for expected in [stage.metainfo.info.pieceCount, 0] {
        let seeder = try await SwarmStage.session()
        let handle = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
        #expect(try await handle.waitUntilComplete().checkedPieces == expected)
        await seeder.stop()
      }
    }
  }

  @Test func aChangedFileIsCheckedAgain() async throws {
    try await SwarmStage.with([(path: "a", size: 1 << 20), (path: "b", size: 1 << 20)], version: .hybrid) {
      stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      await seeder.stop()
      let path = stage.content.path + "/b"
      var data = try #require(FileManager.default.contents(atPath: path))
      data[5] ^= 1
      try data.write(to: URL(fileURLWithPath: path))
      let again = try await SwarmStage.session()
      let handle = try await again.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      while case .checking = await handle.status().state { try await Task.sleep(for: .milliseconds(1)) }
      let status = await handle.status()
      #expect(status.checkedPieces == 32)
      #expect(status.piecesHave == status.pieces - 1)
      await again.stop()
    }
  }
}
