import Foundation
import TestSupport
import Testing

/// What `apus download` does beyond downloading: torrents by URL, retries, seeding afterwards.
@Suite(.throttled) struct DownloadTests {
  /// A folder of content, its torrent, and a seeder that has it.
  private func withSeeder(
    _ body: (_ stage: Stage, _ torrent: String, _ seeder: ApusClient, _ source: String) async throws -> Void
  ) async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      let folder = try stage.folder.folder("source/payload")
      try writeFile((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }, folder + "/a.bin")
      try writeFile(Array("small".utf8), folder + "/b.txt")
      let torrent = stage.folder["payload.torrent"]
      try await ApusClient.succeed(["create", folder, "-o", torrent, "--quiet"], on: stage)
      let seeder = ApusClient(on: stage)
      try await seeder.seed(torrent, in: source)
      try await body(stage, torrent, seeder, source)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func aTorrentIsFetchedFromItsURL() async throws {
    try await withSeeder { stage, torrent, seeder, source in
      let server = TestNetwork.address()
      let folder = URL(fileURLWithPath: torrent).deletingLastPathComponent().path
      let web = try stage.start(
        "python3", ["-m", "http.server", "\(server.port)", "--bind", server.ip, "--directory", folder])
      try await eventually("the web server answers") {
        (try? await onThread { try Connection(to: server).close() }) != nil && web.status == nil
      }
      let target = try stage.folder.folder("target")
      let run = try await ApusClient.run(
        [
          "download", "http://\(server)/payload.torrent", "--dir", target, "--peer", "\(seeder.address)",
          "--listen", "\(TestNetwork.address())",
        ], on: stage)
      #expect(run.status == .exited(0))
      #expect(try differences(target + "/payload", from: source + "/payload") == [])
      let missing = try await ApusClient.run(
        ["download", "http://\(server)/none.torrent", "--dir", target], on: stage)
      #expect(missing.status == .exited(1))
      #expect(missing.errors.contains("404"))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func aRetryGoesOnOnceTheCauseIsGone() async throws {
    try await withSeeder { stage, torrent, seeder, source in
      let target = try stage.folder.folder("target")
      try writeFile([], target + "/payload")
      let download = try stage.start(
        ApusClient.executable,
        [
          "download", torrent, "--dir", target, "--peer", "\(seeder.address)", "--listen",
          "\(TestNetwork.address())", "--retry", "1s", "--json",
        ])
      try await eventually("the fault is told") { download.output.contains("is in the way") }
      #expect(download.status == nil)
      try FileManager.default.removeItem(atPath: target + "/payload")
      #expect(try await download.waitForExit() == .exited(0))
      #expect(try differences(target + "/payload", from: source + "/payload") == [])
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func withoutRetryAFaultIsTheEnd() async throws {
    try await withSeeder { stage, torrent, seeder, _ in
      let target = try stage.folder.folder("target")
      try writeFile([], target + "/payload")
      let download = try await ApusClient.run(
        [
          "download", torrent, "--dir", target, "--peer", "\(seeder.address)", "--listen",
          "\(TestNetwork.address())",
        ], on: stage)
      #expect(download.status == .exited(1))
      #expect(download.errors.contains("is in the way at '\(target)/payload'"))
    }
  }

  @Test(
    .timeLimit(.minutes(1)), arguments: [["--seed-time", "1s"], ["--seed-ratio", "1", "--seed-time", "1s"]])
  func itSeedsAfterwardsForAsLongAsItIsTold(_ options: [String]) async throws {
    try await withSeeder { stage, torrent, seeder, source in
      let first = TestNetwork.address()
      let download = try stage.start(
        ApusClient.executable,
        [
          "download", torrent, "--dir", try stage.folder.folder("one"), "--peer", "\(seeder.address)",
          "--listen",
          "\(first)", "--json",
        ] + options)
      try await eventually("it is complete") { download.output.contains("\"event\":\"completed\"") }
      #expect(download.status == nil)
      #expect(try await download.waitForExit() == .exited(0))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: ["--limit-down", "--limit-up"])
  func aRateIsLimited(_ option: String) async throws {
    try await withSeeder { stage, torrent, first, source in
      // 300,005 bytes at 150,000 a second, of which two blocks' worth may be saved up.
      let least = Duration.seconds(Double(300_005 - 32_768) / (150_000 * 1.05))
      let limit = [option, "150000"]
      let seeder = ApusClient(on: stage)
      let seed = ["seed", torrent, "--dir", source, "--listen", "\(seeder.address)", "--json"]
      try await seeder.waitUntilListening(
        try seeder.start(seed + (option == "--limit-up" ? limit : [])))
      let target = try stage.folder.folder("target")
      let start = ContinuousClock.now
      try await ApusClient.succeed(
        [
          "download", torrent, "--dir", target, "--peer", "\(seeder.address)", "--listen",
          "\(TestNetwork.address())",
        ] + (option == "--limit-down" ? limit : []), on: stage)
      #expect(ContinuousClock.now - start >= least)
      #expect(try differences(target + "/payload", from: source + "/payload") == [])
    }
  }

  @Test(
    .timeLimit(.minutes(1)), arguments: [["--limit-down", "10"], ["--limit-up", "0"], ["--limit-up", "x"]])
  func aRateThatMakesNoSenseIsRefused(_ options: [String]) async throws {
    try await withStage { stage in
      for command in ["download", "seed"] {
        let run = try await ApusClient.run([command, "none.torrent"] + options, on: stage)
        #expect(run.status == .exited(64))
        #expect(run.errors.contains(options[0]))
      }
    }
  }
}
