import Foundation
import JSON
import TestSupport
import Testing

/// The built program, run as a user runs it.
@Suite struct ProgramTests {
  @Test(
    arguments: [
      (["--version"], 0), (["--help"], 0), (["help", "download"], 0), (["download", "--help"], 0), ([], 0),
      (["fly"], 64), (["--fly"], 64), (["create"], 64), (["create", "--piece-length", "17K", "x"], 64),
      (["download", "x", "--listen", "nowhere"], 64), (["seed"], 64), (["tracker", "--interval", "0"], 64),
      (["seed", "x", "--proxy", "socks5://127.0.0.1", "--proxy-listen", "--no-tcp"], 64),
      (["create", "x", "--tracker", "nowhere"], 64), (["create", "/nonexistent"], 1),
      (["show", "/nonexistent"], 1),
      (["show", "magnet:?xt=urn:btih:zz"], 1), (["verify", "/nonexistent"], 1),
      (["download", "/nonexistent", "--listen", "127.0.0.1:0"], 1),
      (["download", "magnet:?xt=urn:btih:zz"], 1), (["magnet", "magnet:?xt=urn:btih:zz"], 64),
      (["download", "http://127.0.0.1:1/x.torrent"], 1), (["seed", "/nonexistent"], 1),
    ] as [([String], Int32)])
  func exitCodesAndWhereThingsArePrinted(arguments: [String], code: Int32) async throws {
    try await withStage { stage in
      let process = try await ApusClient.run(arguments, on: stage)
      #expect(process.status == .exited(code))
      #expect(process.output.isEmpty == (code != 0))
      #expect(process.errors.isEmpty == (code == 0))
      if code != 0 {
        #expect(process.errors.hasPrefix("apus"))
        #expect(process.errors.filter { $0 == "\n" }.count == 1)
      }
    }
  }

  @Test func everyCommandHasHelpThatFits() async throws {
    try await withStage { stage in
      let commands = [
        "create", "show", "magnet", "verify", "tracker", "download", "seed", "dht", "doctor", "demo",
        "bench",
      ]
      for command in commands {
        let help = try await ApusClient.succeed([command, "--help"], on: stage)
        #expect(help.hasPrefix("OVERVIEW: "))
        #expect(help.contains("USAGE: apus \(command)"))
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
        #expect(help == (try await ApusClient.succeed(["help", command], on: stage)))
      }
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completionScriptsAreMade(shell: String) async throws {
    try await withStage { stage in
      let script = try await ApusClient.succeed(["--generate-completion-script", shell], on: stage)
      #expect(script.contains("piece-length"))
      guard shell == "bash" else { return }
      let path = try stage.folder.write(Array(script.utf8), to: "completion")
      let check = try await stage.run("bash", ["-n", path])
      #expect(check.status == .exited(0))
    }
  }

  @Test func theSameInputGivesTheSameTorrent() async throws {
    try await withStage { stage in
      try stage.folder.write([UInt8](repeating: 7, count: 100_000), to: "data")
      let create = ["create", stage.folder["data"], "--no-date", "--tracker", "http://127.0.0.1:1/announce"]
      let path = try await ApusClient.succeed(create + ["-o", stage.folder["a.torrent"]], on: stage)
      #expect(path == stage.folder["a.torrent"] + "\n")
      try await ApusClient.succeed(create + ["--output=" + stage.folder["b.torrent"]], on: stage)
      #expect(try readFile(stage.folder["a.torrent"]) == readFile(stage.folder["b.torrent"]))
    }
  }

  @Test(arguments: ["v1", "v2", "hybrid"])
  func whatIsCreatedIsShownAndVerified(format: String) async throws {
    try await withStage { stage in
      let content = try stage.folder.folder("album")
      try writeFile([UInt8](repeating: 1, count: 70_000), content + "/été 画.txt")
      try writeFile([], content + "/empty")
      let torrent = stage.folder["x.torrent"]
      let create = [
        "create", content, "-o", torrent, "--format", format, "--piece-length", "16K", "--private",
      ]
      try await ApusClient.succeed(create + ["--comment", "a comment", "--source", "here"], on: stage)
      let shown = try JSONValue(
        parsing: try await ApusClient.succeed(["show", torrent, "--json"], on: stage))
      #expect(shown["name"] == "album")
      #expect(shown["format"] == .string(format))
      #expect(shown["size"] == 70_000)
      #expect(shown["piece_length"] == 16384)
      #expect(shown["private"] == true)
      #expect(shown["comment"] == "a comment")
      #expect(shown["source"] == "here")
      #expect(shown["files"]?.array?.count == 2)
      let text = try await ApusClient.succeed(["show", torrent], on: stage)
      #expect(text.contains("album/été 画.txt"))
      let link = try await ApusClient.succeed(["magnet", torrent], on: stage)
      #expect(link.hasPrefix("magnet:?xt=urn:bt"))
      let magnet = try JSONValue(
        parsing:
          try await ApusClient.succeed(["show", String(link.dropLast()), "--json"], on: stage))
      #expect(magnet["info_hash_v1"] == shown["info_hash_v1"])
      #expect(magnet["info_hash_v2"] == shown["info_hash_v2"])
      #expect(magnet["name"] == "album")
      let verify = ["verify", torrent, "--dir", stage.folder.path]
      #expect(try await ApusClient.succeed(verify, on: stage).hasPrefix("album: whole"))
    }
  }

  @Test func verifyListsWhatIsDamagedAndChangesNothing() async throws {
    try await withStage { stage in
      let content = try stage.folder.folder("album")
      var bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try writeFile(bytes, content + "/a")
      try writeFile(bytes, content + "/b")
      let torrent = stage.folder["x.torrent"]
      try await ApusClient.succeed(["create", content, "-o", torrent, "--piece-length", "16K"], on: stage)
      bytes[40_000] ^= 1
      try writeFile(bytes, content + "/b")
      let verify = ["verify", torrent, "--dir", stage.folder.path]
      let process = try await ApusClient.run(verify, on: stage)
      #expect(process.status == .exited(1))
      #expect(process.output.contains("album/b: damaged, 1 piece\n"))
      #expect(!process.output.contains("album/a"))
      let told = try JSONValue(parsing: try await ApusClient.run(verify + ["--json"], on: stage).output)
      #expect(told["whole"] == false)
      // File a has 7 pieces of 16 KiB; byte 40,000 of b is in its third.
      #expect(told["damaged_pieces"] == [9])
      #expect(try readFile(content + "/b") == bytes)
      let quiet = try await ApusClient.run(verify + ["--quiet"], on: stage)
      #expect(quiet.status == .exited(1))
      #expect(quiet.output.isEmpty && quiet.errors.isEmpty)
    }
  }

  @Test func seedingWhatIsNotThereIsAMistake() async throws {
    try await withStage { stage in
      let data = try stage.folder.write([UInt8](repeating: 7, count: 100_000), to: "data")
      let torrent = stage.folder["x.torrent"]
      try await ApusClient.succeed(["create", data, "-o", torrent], on: stage)
      let elsewhere = try stage.folder.folder("elsewhere")
      let process = try await ApusClient.run(["seed", torrent, "--dir", elsewhere], on: stage)
      #expect(process.status == .exited(1))
      #expect(process.errors.contains("give the folder that has it with --dir"))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func manyTorrentsAreSeededFromOneFolder() async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      let torrents = try stage.folder.folder("torrents")
      for number in 0..<20 {
        let path = "\(source)/\(number).bin"
        try writeFile([UInt8](repeating: UInt8(number), count: 50_000 + number), path)
        try await ApusClient.succeed(
          ["create", path, "-o", "\(torrents)/\(number).torrent", "--quiet"], on: stage)
      }
      let seeder = ApusClient(on: stage)
      // Checked at the first start, known at the second.
      for round in 0..<2 {
        let seed = try seeder.start(
          ["seed", "--torrents", torrents, "--dir", source, "--listen", "\(seeder.address)"])
        try await seeder.waitUntilListening(seed)
        for number in [3, 17] {
          let target = try stage.folder.folder("target-\(round)")
          try await ApusClient.succeed(
            [
              "download", "\(torrents)/\(number).torrent", "--dir", target, "--listen",
              "\(TestNetwork.address())", "--peer", "\(seeder.address)", "--quiet",
            ], on: stage)
          #expect(try readFile("\(target)/\(number).bin") == readFile("\(source)/\(number).bin"))
        }
        seed.kill(SIGINT)
        #expect(try await seed.waitForExit(within: .seconds(5)) == .exited(130))
      }
      let elsewhere = try stage.folder.folder("elsewhere")
      let wrong = try await ApusClient.run(["seed", "--torrents", torrents, "--dir", elsewhere], on: stage)
      #expect(wrong.status == .exited(1))
      #expect(wrong.errors.contains("no file of '0.bin' is in"))
    }
  }

  @Test(arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func aSignalStopsCleanly(signal: Int32, code: Int32) async throws {
    try await withStage { stage in
      let arguments = ["tracker", "--listen", "127.0.0.1:0"]
      let process = try stage.start(ApusClient.executable, arguments)
      try await eventually("the tracker's address is printed") { process.output.hasSuffix("/announce\n") }
      process.kill(signal)
      #expect(try await process.waitForExit(within: .seconds(3)) == .exited(code))
      // Its log, and nothing else.
      #expect(
        process.errors.split(separator: "\n").allSatisfy {
          $0.hasPrefix("time=") && $0.contains("level=info")
        })
    }
  }

  @Test func downloadFetchesSelectedFilesFromASeedAndTellsOfTraffic() async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      let content = try stage.folder.folder("source/album")
      let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 3) }
      try writeFile(bytes, content + "/a.flac")
      try writeFile(bytes, content + "/b.txt")
      let torrent = stage.folder["x.torrent"]
      try await ApusClient.succeed(["create", content, "-o", torrent, "--piece-length", "16K"], on: stage)
      let seed = try stage.start(
        ApusClient.executable, ["seed", torrent, "--dir", source, "--listen", "127.0.0.1:0", "--json"])
      var address = ""
      try await eventually("the seed tells where it listens") {
        let line = seed.output.split(separator: "\n").first.map(String.init) ?? ""
        address = (try? JSONValue(parsing: line))?["addresses"]?.array?.first?.string ?? ""
        return !address.isEmpty
      }
      let target = stage.folder["target"]
      let output = try await ApusClient.succeed(
        [
          "download", torrent, "--dir", target, "--listen", "127.0.0.1:0", "--peer", address, "--select",
          "*.flac", "--priority", "a.*=high", "--priority", "*.flac=low", "--sequential",
          "--json",
        ], on: stage)
      #expect(!FileManager.default.fileExists(atPath: target + "/album/b.txt"))
      #expect(try readFile(target + "/album/a.flac") == bytes)
      let events = try output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
      #expect(events.first?["event"] == "listening")
      let completed = try #require(events.first { $0["event"] == "completed" })
      #expect(completed["size"] == 300_000)
      let traffic = try #require(completed["traffic"]?.array?.first)
      #expect(traffic["address"]?.string == address)
      #expect((traffic["downloaded"]?.integer ?? 0) >= 300_000)
      #expect(events.last?["event"] == "closed")
      seed.kill(SIGINT)
      #expect(try await seed.waitForExit(within: .seconds(3)) == .exited(130))
    }
  }

  @Test func prioritiesOfFilesAreRefusedIfTheyMeanNothing() async throws {
    try await withStage { stage in
      let content = try stage.folder.folder("album")
      try writeFile([1, 2, 3], content + "/a.flac")
      try writeFile([4, 5], content + "/b.txt")
      let torrent = stage.folder["x.torrent"]
      try await ApusClient.succeed(["create", content, "-o", torrent], on: stage)
      for (arguments, words) in [
        (["--priority", "a.flac"], "is no pattern and priority"),
        (["--priority", "a.flac=urgent"], "is no pattern and priority"),
        (["--priority", "*.ogg=high"], "no chosen file of 'album' matches '*.ogg'"),
        (["--select", "b.txt", "--priority", "a.flac=low"], "no chosen file of 'album' matches 'a.flac'"),
      ] {
        let run = try await ApusClient.run(
          ["download", torrent, "--dir", stage.folder["t"]] + arguments, on: stage)
        #expect(run.status != .exited(0))
        #expect(run.tail.contains(words), "\(run.tail)")
      }
    }
  }

  @Test func whenNobodyReadsTheEventsTheCommandEnds() async throws {
    try await withStage { stage in
      let path = ApusClient.executable
      let script = "\"$0\" tracker --listen 127.0.0.1:0 --json | head -n 1; echo gone"
      let process = try stage.start("sh", ["-c", script, path])
      #expect(try await process.waitForExit(within: .seconds(10)) == .exited(0))
      #expect(process.output.contains("listening"))
    }
  }
}
