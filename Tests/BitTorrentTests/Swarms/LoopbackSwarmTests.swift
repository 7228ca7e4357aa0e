import Addresses
import BitTorrent
import Metainfo
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct LoopbackSwarmTests {
  static let files = [
    (path: "a.bin", size: 300_000), (path: "empty", size: 0), (path: "folder/b", size: 1),
    (path: "folder/c", size: 70_000), (path: "z", size: 32_768),
  ]

  @Test(arguments: TorrentVersion.allCases)
  func aFolderTravelsFromOneSessionToAnother(_ version: TorrentVersion) async throws {
    try await SwarmStage.with(Self.files, version: version) { stage in
      let seeder = try await SwarmStage.session()
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.piecesHave == status.pieces)
      #expect(status.doneBytes == status.wantedBytes)
      #expect(status.wasted == 0)
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }
}
