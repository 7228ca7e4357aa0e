import BitTorrent
import Metainfo
import Testing

/// Torrents whose file lacks the piece layers: they come from peers, with proofs (BEP 52).
@Suite(.serialized, .timeLimit(.minutes(1))) struct LayerExchangeTests {
  @Test(arguments: [1, 2, 5, 40])
  func missingPieceLayersAreFetchedFromPeers(_ pieces: Int) async throws {
    let files = [
      (path: "large", size: pieces * 32_768 - 100), (path: "small", size: 100), (path: "two", size: 65_536),
    ]
    try await SwarmStage.with(files, version: .v2) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let bare = Metainfo(info: stage.metainfo.info)
      #expect(!bare.pieceLayers.missing(in: bare.info).isEmpty)
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let status = try await leech.add(bare, options).waitUntilComplete()
      #expect(status.failedPieces == 0)
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }
}
