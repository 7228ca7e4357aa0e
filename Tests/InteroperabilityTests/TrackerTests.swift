import TestSupport
import Testing

@Suite(.throttled)
struct TrackerTests {
  /// On a machine's own loopback a tracker sees one address for all.
  @Test(.timeLimit(.minutes(2)), .enabled(if: TestNetwork.isIsolated))
  func weFindEachOtherThroughOpentracker() async throws {
    try await withStage { stage in
      let tracker = OpenTracker(on: stage)
      let torrent = try await TorrentOnStage(named: "file", size: 8 << 20, tracker: tracker.url, on: stage)
      try await tracker.start(serving: [torrent.infoHash])
      let seeder = ApusClient(on: stage)
      try await seeder.seed(torrent.path, in: torrent.source)
      try await torrent.download(by: ApusClient(on: stage), on: stage)
    }
  }

  /// Two of ours and libtorrent, by datagrams alone: no tracker over HTTP, no DHT, nothing else.
  @Test(.timeLimit(.minutes(2)), .enabled(if: TestNetwork.isIsolated))
  func weAndLibtorrentFindEachOtherThroughOpentrackerOverUDP() async throws {
    try await withStage { stage in
      let tracker = OpenTracker(on: stage)
      let torrent = try await TorrentOnStage(named: "file", size: 4 << 20, tracker: tracker.udpURL, on: stage)
      try await tracker.start(serving: [torrent.infoHash])
      let seeder = ApusClient(on: stage)
      try await seeder.seed(torrent.path, in: torrent.source)
      try await eventually("the tracker knows the seeder") {
        try await seeds(torrent.path, on: stage) == 1
      }
      try await torrent.download(by: ApusClient(on: stage), on: stage)
      try await torrent.download(by: Libtorrent(on: stage), on: stage)
      // Goodbyes arrive, too.
      await seeder.process?.stop()
      let other = Libtorrent(on: stage)
      try other.seed(torrent.path, in: torrent.source)
      try await torrent.download(by: ApusClient(on: stage), on: stage)
    }
  }

  /// What `apus show --scrape` says of the seeds.
  private func seeds(_ torrent: String, on stage: Stage) async throws -> Int? {
    let shown = try await stage.run(ApusClient.executable, ["show", torrent, "--scrape", "--json"])
    guard let range = shown.output.range(of: "\"seeds\":") else { return nil }
    return Int(shown.output[range.upperBound...].prefix { $0.isNumber })
  }

  /// The seeder is libtorrent, so that nothing but the tracker is ours, or one leecher.
  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.allCases.filter(\.isAvailable))
  func othersFindEachOtherThroughOurs(_ kind: ClientKind) async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      try await tracker.start()
      let torrent = try await TorrentOnStage(named: "file", size: 8 << 20, tracker: tracker.url, on: stage)
      let seeder = Libtorrent(on: stage)
      try seeder.seed(torrent.path, in: torrent.source)
      try await eventually("the seeder is known") { try await tracker.seeds(of: torrent.infoHash) == 1 }
      try await torrent.download(by: kind.make(on: stage), on: stage)
    }
  }
}
