import Foundation
import TestSupport
import Testing

/// Torrents that are known by a magnet link only (BEP 9).
@Suite(.throttled)
struct MagnetTests {
  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.libtorrent.formats, MagnetKind.allCases)
  func libtorrentGivesUsTheTorrent(_ format: TorrentFormat, _ kind: MagnetKind) async throws {
    try await transfer(format, from: .libtorrent, to: .apus, byMagnet: kind)
  }

  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.libtorrent.formats, MagnetKind.allCases)
  func libtorrentGetsTheTorrentFromUs(_ format: TorrentFormat, _ kind: MagnetKind) async throws {
    try await transfer(format, from: .apus, to: .libtorrent, byMagnet: kind)
  }

  @Test(
    .timeLimit(.minutes(2)), .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"),
    arguments: [true, false])
  func transmission(_ weSeed: Bool) async throws {
    try await transfer(
      .v1, from: weSeed ? .apus : .transmission, to: weSeed ? .transmission : .apus, byMagnet: .tracker,
      within: .seconds(90))
  }

  @Test(.timeLimit(.minutes(2)), arguments: [true, false])
  func aria2(_ weSeed: Bool) async throws {
    try await transfer(
      .v1, from: weSeed ? .apus : .aria2, to: weSeed ? .aria2 : .apus, byMagnet: .tracker,
      within: .seconds(90))
  }

  @Test(
    .timeLimit(.minutes(2)), .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"),
    arguments: [true, false], ["allow", "require"])
  func libtorrentThatEncryptsAll(_ weSeed: Bool, _ policy: String) async throws {
    try await withStage { stage in
      let other = Libtorrent(on: stage, encrypted: true)
      let ours = ApusClient(on: stage, options: ["--encryption", policy])
      try await transfer(
        .hybrid, from: weSeed ? ours : other, to: weSeed ? other : ours, byMagnet: .tracker, on: stage)
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2, .hybrid])
  func ourselves(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .apus, to: .apus, byMagnet: .peer)
  }

  /// What was fetched is kept: neither a restart nor seeding needs anybody for it.
  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2])
  func whatWasFetchedIsSeededByTheSameLink(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20, format: format)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let seed = ApusClient(on: stage)
      try await seed.seed(path, in: source)
      let link = try await ApusClient.succeed(["magnet", path], on: stage).filter { $0 != "\n" }
      let target = try stage.folder.folder("target")
      let listed = try await ApusClient.succeed(
        [
          "download", link, "--dir", target, "--peer", "\(seed.address)", "--listen", "127.0.0.1:0",
          "--quiet",
        ],
        on: stage)
      #expect(listed == target + "/payload.bin\n")
      #expect(try torrent.faults(in: target) == [])
      await seed.process?.stop()
      try FileManager.default.removeItem(atPath: source)

      let second = ApusClient(on: stage)
      try await second.seed(link, in: target)
      let again = try stage.folder.folder("again")
      try await ApusClient.succeed(
        ["download", link + "&x.pe=\(second.address)", "--dir", again, "--listen", "127.0.0.1:0", "--quiet"],
        on: stage)
      #expect(try torrent.faults(in: again) == [])
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func theTorrentFileIsSaved() async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20, pieceLength: 1024)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let seed = ApusClient(on: stage)
      try await seed.seed(path, in: source)
      let tracker = "http://127.0.0.1:1/announce"
      let link =
        try await ApusClient.succeed(["magnet", path], on: stage).filter { $0 != "\n" } + "&tr=" + tracker
      let saved = stage.folder["saved.torrent"]
      try await ApusClient.succeed(
        ["magnet", link, "-o", saved, "--peer", "\(seed.address)", "--listen", "127.0.0.1:0"], on: stage)
      var expected = torrent.metainfo
      expected["announce"] = .text(tracker)
      #expect(try readFile(saved) == expected.encoded())

      let nowhere = try await ApusClient.run(
        ["magnet", link, "-o", saved, "--listen", "127.0.0.1:0", "--timeout", "1s", "--quiet"], on: stage)
      #expect(nowhere.status == .exited(1))
      #expect(nowhere.errors.contains("no peer gave the torrent"))
      let usage = try await ApusClient.run(["magnet", link], on: stage)
      #expect(usage.status == .exited(64) && usage.errors.contains("--output"))
    }
  }
}
