import TestSupport
import Testing

@Suite(.throttled)
struct MixedSwarmTests {
  /// One seeder of ours; Transmission, aria2, libtorrent and another of ours fetch from it and from
  /// each other.
  @Test(.timeLimit(.minutes(2)))
  func everyoneGetsEverything() async throws {
    try await withStage { stage in
      let tracker = try stage.tracker()
      let torrent = try await TorrentOnStage(named: "file", size: 16 << 20, tracker: tracker.url, on: stage)
      let seeder = ApusClient(on: stage)
      tracker.add(seeder.address)
      let leechers = ClientKind.allCases.filter(\.isAvailable).map { $0.make(on: stage) }
      for leecher in leechers { tracker.add(leecher.address) }
      try await seeder.seed(torrent.path, in: torrent.source)
      // Transmission takes longest to get going.
      var targets: [String] = []
      for leecher in leechers.reversed() {
        targets.insert(try await torrent.start(leecher, on: stage), at: 0)
      }
      for (leecher, target) in zip(leechers, targets) { try await torrent.finish(leecher, target) }
    }
  }
}
