import Foundation
import TestSupport
import Testing

/// What shows only when whole programs of ours meet.
@Suite(.serialized, .throttled)
struct OurselvesTests {
  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2, .hybrid])
  func transferAFolder(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .apus, to: .apus)
  }

  @Test(.timeLimit(.minutes(1)))
  func transferOverIPv6() async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let seed = try stage.start(
        ApusClient.executable, ["seed", path, "--dir", source, "--listen", "[::1]:0", "--json"])
      try await eventually("the seed is ready") { seed.output.contains(#""state":"seeding""#) }
      let address = try #require(seed.output.firstMatch(of: /"addresses":\["(\[::1\]:\d+)"/)?.1)
      let target = try stage.folder.folder("target")
      let leecher = try await ApusClient.run(
        ["download", path, "--dir", target, "--listen", "[::1]:0", "--peer", String(address), "--quiet"],
        on: stage)
      #expect(leecher.status == .exited(0), "\(leecher.tail)")
      #expect(try torrent.faults(in: target) == [])
    }
  }

  /// A tracker hears of every step, and of the end of an interrupted program within three seconds.
  @Test(.timeLimit(.minutes(1)), arguments: [SIGINT, SIGTERM])
  func tellTheTrackerEverything(_ signal: Int32) async throws {
    try await withStage { stage in
      let tracker = try stage.tracker()
      let torrent = TestTorrent(size: 4 << 20, tracker: tracker.url)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let (seed, leecher) = (ApusClient(on: stage), ApusClient(on: stage))
      tracker.add(seed.address)
      tracker.add(leecher.address)
      try await seed.seed(path, in: source)
      try leecher.download(path, into: stage.folder.folder("target"))
      try await eventually("the download is done") { try leecher.isComplete() }
      #expect(tracker.announce(of: leecher.address)?.events == ["started", "completed", "stopped"])
      #expect(tracker.announce(of: leecher.address)?.left == 0)

      let process = try #require(seed.process)
      process.kill(signal)
      let status = try await process.waitForExit(within: .seconds(3))
      #expect(status == .exited(128 + signal))
      // It was complete from the start.
      #expect(tracker.announce(of: seed.address)?.events == ["started", "stopped"])
    }
  }
}
