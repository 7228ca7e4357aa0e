import Addresses
import BitTorrent
import Digest
import Foundation
import Metainfo
import PeerProtocol
import TestSupport
import Testing

/// Torrents of which only the magnet link is known (BEP 9).
@Suite(.serialized, .timeLimit(.minutes(1))) struct MagnetTests {
  static let files = [(path: "a", size: 300_000), (path: "b/c", size: 70_000), (path: "d", size: 40_000)]

  /// What the link of a torrent names.
  enum Naming: CaseIterable {
    case all, v1, v2
  }

  private func link(_ info: Info, _ naming: Naming = .all) -> Magnet? {
    let magnet = Magnet(
      infoHashV1: naming == .v2 ? nil : info.infoHashV1, infoHashV2: naming == .v1 ? nil : info.infoHashV2)
    return magnet.infoHash == nil ? nil : magnet
  }

  @Test(arguments: TorrentVersion.allCases, Naming.allCases)
  func aMagnetAndAPeerAreEnough(_ version: TorrentVersion, _ naming: Naming) async throws {
    try await SwarmStage.with(Self.files, version: version) { stage in
      guard let magnet = link(stage.metainfo.info, naming) else { return }
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(magnet, options)
      let status = try await handle.waitUntilComplete()
      #expect(status.name == "payload" && status.piecesHave == status.pieces && status.failedPieces == 0)
      #expect(await handle.metainfo()?.info == stage.metainfo.info)
      // By every hash of it, whichever the link had.
      for hash in stage.metainfo.info.infoHashes { #expect(leech.torrent(hash) != nil) }
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func thePeersOfTheLinkAreTriedFirst() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var magnet = try #require(link(stage.metainfo.info))
      let port = try #require(seeder.listening.first?.port)
      // One by name, one that is not there.
      magnet.peers = ["127.0.0.1:1", "localhost:\(port)"]
      let leech = try await SwarmStage.session()
      let handle = try await leech.add(magnet, AddOptions(directory: stage.downloadFolder("copy")))
      _ = try await handle.waitUntilComplete()
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func theSelectionOfTheLinkIsHonoured() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var magnet = try #require(link(stage.metainfo.info))
      magnet.selection = [1...1]
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let status = try await leech.add(magnet, options).waitUntilComplete()
      #expect(status.wantedBytes == 70_000)
      await leech.stop()
      await seeder.stop()
      let folder = stage.downloadFolder("copy")
      #expect(FileManager.default.contents(atPath: folder + "/payload/b/c")?.count == 70_000)
      #expect(!FileManager.default.fileExists(atPath: folder + "/payload/a"))
    }
  }

  @Test func whatThePersonChoosesGoesBeforeTheSelectionOfTheLink() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var magnet = try #require(link(stage.metainfo.info))
      magnet.selection = [1...1]
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      options.choose = { info in info.files.map { $0.path.last == "d" ? .normal : .unwanted } }
      let status = try await leech.add(magnet, options).waitUntilComplete()
      #expect(status.wantedBytes == 40_000)
      await leech.stop()
      // A choice that cannot be made stops the torrent, and says why.
      let other = try await SwarmStage.session()
      options.directory = stage.downloadFolder("other")
      options.choose = { _ in throw SwarmFailure(reason: "none of that") }
      let handle = try await other.add(magnet, options)
      await #expect(throws: SwarmFailure.self) { try await handle.waitUntilComplete() }
      #expect(await handle.status().state == .stopped(reason: "none of that"))
      await other.stop()
      await seeder.stop()
    }
  }

  @Test func theSameLinkIsFetchedOnceOnly() async throws {
    try await SwarmStage.with(Self.files, version: .v2) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let magnet = try #require(link(stage.metainfo.info))
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let leech = try await SwarmStage.session()
      _ = try await leech.add(magnet, options).waitUntilComplete()
      let path = options.directory + "/.apus/\(try #require(magnet.infoHash)).torrent"
      // With the piece layers, so that it can be verified without anyone else.
      try await waitFor("the layers are kept") {
        guard let data = FileManager.default.contents(atPath: path) else { return false }
        let kept = try Metainfo([UInt8](data))
        return kept.pieceLayers.missing(in: kept.info).isEmpty
      }
      await leech.stop()
      await seeder.stop()
      options.peers = []
      let again = try await SwarmStage.session()
      let status = try await again.add(magnet, options).waitUntilComplete()
      #expect(status.downloaded == 0)
      await again.stop()
    }
  }

  @Test func aKeptFileThatIsAnotherTorrentIsNotUsed() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let magnet = try #require(link(stage.metainfo.info))
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let folder = URL(fileURLWithPath: options.directory + "/.apus")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let other = TestTorrent(size: 100_000).metainfo.encoded()
      try Data(other).write(to: folder.appendingPathComponent("\(try #require(magnet.infoHash)).torrent"))
      let leech = try await SwarmStage.session()
      _ = try await leech.add(magnet, options).waitUntilComplete()
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func theTorrentAloneCanBeFetched() async throws {
    try await SwarmStage.with(Self.files, version: .hybrid) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var magnet = try #require(link(stage.metainfo.info))
      magnet.trackers = ["http://127.0.0.1:1/announce"]
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      options.isMetadataOnly = true
      let handle = try await leech.add(magnet, options)
      try await waitFor("the torrent") { await handle.metainfo() != nil }
      let metainfo = try #require(await handle.metainfo())
      #expect(metainfo.info == stage.metainfo.info && metainfo.trackers == [magnet.trackers])
      #expect(await handle.status().state == .fetchingMetadata(1))
      #expect(!FileManager.default.fileExists(atPath: options.directory))
      await leech.stop()
      await seeder.stop()
    }
  }

  /// Neither has the torrent: they find each other, and who gets it gives it on.
  @Test func magnetsGiveOnWhatTheyGet() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let magnet = try #require(link(stage.metainfo.info))
      let (first, second) = (try await SwarmStage.session(), try await SwarmStage.session())
      var options = AddOptions(directory: stage.downloadFolder("second"))
      options.peers = first.listening
      let late = try await second.add(magnet, options)
      let early = try await first.add(magnet, AddOptions(directory: stage.downloadFolder("first")))
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      await early.add(peers: seeder.listening)
      _ = try await early.waitUntilComplete()
      _ = try await late.waitUntilComplete(within: 40)
      await first.stop()
      await second.stop()
      await seeder.stop()
      try stage.compare("first")
      try stage.compare("second")
    }
  }

  @Test func whatIsTooLargeIsNotFetched() async throws {
    try await SwarmStage.with([(path: "a", size: 4 << 20)], pieceLength: 16384) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await SwarmStage.session { $0.metadataLimit = 4000 }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(try #require(link(stage.metainfo.info)), options)
      try await Task.sleep(for: .milliseconds(600))
      #expect(await handle.status().state == .fetchingMetadata(0))
      await leech.stop()
      await seeder.stop()
    }
  }

  @Test func stoppingWhileFetchingIsQuick() async throws {
    let leech = try await SwarmStage.session()
    let hash = try #require(InfoHash([UInt8](repeating: 9, count: 20)))
    let handle = try await leech.add(Magnet(infoHashV1: hash), AddOptions(directory: "/nonexistent"))
    await #expect(throws: SessionError.self) {
      _ = try await leech.add(Magnet(infoHashV1: hash), AddOptions(directory: "/nonexistent"))
    }
    await leech.remove(handle)
    _ = try await leech.add(Magnet(infoHashV1: hash), AddOptions(directory: "/nonexistent"))
    let start = ContinuousClock.now
    await leech.stop()
    #expect(ContinuousClock.now - start < .seconds(2))
  }
}

private func waitFor(_ what: String, _ condition: () async throws -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(20)
  while try await !condition() {
    guard ContinuousClock.now < end else { throw SwarmFailure(reason: "timed out: \(what)") }
    try await Task.sleep(for: .milliseconds(10))
  }
}
