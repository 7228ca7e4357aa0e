import TestSupport
import Testing

/// The other programs among themselves: where these fail, the surroundings are at fault and not Apus.
@Suite(.throttled)
struct OtherClientsTests {
  @Test(.timeLimit(.minutes(2)))
  func libtorrentSeedsToAria2() async throws {
    try await transfer(.paddedV1, from: .libtorrent, to: .aria2)
  }

  @Test(.timeLimit(.minutes(2)))
  func libtorrentTakesPieceLayersFromLibtorrent() async throws {
    try await transfer(.v2, from: .libtorrent, to: .libtorrent, strippedOfLayers: true)
  }

  @Test(.timeLimit(.minutes(2)), .enabled(if: ClientKind.transmission.isAvailable))
  func transmissionSeedsToLibtorrent() async throws {
    try await transfer(.v1, from: .transmission, to: .libtorrent)
  }

  @Test(.timeLimit(.minutes(2)))
  func libtorrentAndAria2FindEachOtherThroughOpentracker() async throws {
    try await withStage { stage in
      let tracker = OpenTracker(on: stage)
      let torrent = try await TorrentOnStage(named: "file", size: 4 << 20, tracker: tracker.url, on: stage)
      try await tracker.start(serving: [torrent.infoHash])
      let seeder = Libtorrent(on: stage)
      try seeder.seed(torrent.path, in: torrent.source)
      try await eventually("the seeder has checked") { seeder.output.contains("checked") }
      try await torrent.download(by: Aria2(on: stage), on: stage)
    }
  }
}
