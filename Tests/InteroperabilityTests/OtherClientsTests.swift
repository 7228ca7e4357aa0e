import TestSupport
import Testing

/// The other programs among themselves: where these fail, the surroundings are at fault and not Apus.
@Suite(.serialized, .throttled)
struct OtherClientsTests {
  @Test(
    .timeLimit(.minutes(1)), arguments: [ClientKind.libtorrent, .aria2, .transmission].filter(\.isAvailable))
  func seedsToLibtorrent(_ seeder: ClientKind) async throws {
    try await transfer(.v1, from: seeder, to: .libtorrent)
  }

  @Test(.timeLimit(.minutes(1)), arguments: [ClientKind.aria2, .transmission].filter(\.isAvailable))
  func downloadsFromLibtorrent(_ leecher: ClientKind) async throws {
    try await transfer(.paddedV1, from: .libtorrent, to: leecher)
  }

  @Test(.timeLimit(.minutes(1)))
  func findEachOtherThroughOpentracker() async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      try Payload(seed: 2).write(to: source + "/file", size: 4 << 20)
      let tracker = OpenTracker(on: stage)
      let torrent = stage.folder["file.torrent"]
      try await Libtorrent.create(
        source + "/file", format: .v1, pieceLength: 65536, tracker: tracker.url, output: torrent, on: stage)
      let contents = try await Libtorrent.show(torrent, on: stage)
      try await tracker.start(serving: [try #require(contents.v1)])
      let seeder = Libtorrent(on: stage)
      try seeder.seed(torrent, in: source)
      try await eventually("the seeder has checked") { seeder.output.contains("checked") }
      let target = try stage.folder.folder("target")
      let leecher = Aria2(on: stage)
      try leecher.download(torrent, into: target)
      try await eventually("everything is there") { try leecher.isComplete() }
      #expect(try differences(target, from: source, ignoring: ignored) == [])
    }
  }
}
