import Foundation
import JSON
import TestSupport
import Testing

/// `apus tracker` as its operator meets it.
@Suite struct TrackerCommandTests {
  private static let torrent = String(repeating: "ab", count: 20)
  private static let announce =
    "/announce?info_hash=" + String(repeating: "%ab", count: 20) + "&peer_id=-qB4250-abcdefghijkl&port=6881"
    + "&uploaded=0&downloaded=0&left=0"

  private func get(
    _ path: String, _ tracker: ApusTracker, method: String = "GET", token: String? = nil
  ) async throws -> (status: Int, text: String) {
    let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
    let answer = try await onThread { [address = tracker.address] in
      try HTTPExchange(method, path, at: address, headers: headers)
    }
    return (answer.status, String(decoding: answer.body, as: UTF8.self))
  }

  @Test func theDefaultConfigurationIsInOrder() async throws {
    try await withStage { stage in
      let text = try await ApusClient.succeed(["tracker", "--print-default-config"], on: stage)
      let path = stage.folder["tracker.toml"]
      try writeFile(Array(text.utf8), path)
      let checked = try await ApusClient.succeed(["tracker", "-c", path, "--check-config"], on: stage)
      #expect(checked == "\(path): the settings are in order\n")
      // Whatever has a default reads back as that default.
      let lines = text.split(separator: "\n").map { line in
        line.hasPrefix("#") && !line.hasPrefix("# ") && !line.hasSuffix("\"\"") ? line.dropFirst() : line
      }
      try writeFile(Array(lines.joined(separator: "\n").utf8), path)
      try await ApusClient.succeed(["tracker", "-c", path, "--check-config"], on: stage)
    }
  }

  @Test func faultsOfTheConfigurationAreShownWithTheirPlaces() async throws {
    try await withStage { stage in
      let path = stage.folder["tracker.toml"]
      try writeFile(Array("intervall = \"30m\"\n[limits]\ntorrents = many\n".utf8), path)
      let process = try await ApusClient.run(["tracker", "-c", path, "--check-config"], on: stage)
      #expect(process.status == .exited(64))
      let lines = process.errors.split(separator: "\n")
      #expect(lines.count == 2)
      #expect(lines.first == "apus tracker: \(path):1:1: unknown key 'intervall' (did you mean 'interval'?)")
      #expect(lines.last?.contains(":3:12: 'many' is no value") == true)
    }
  }

  @Test func whatTheExtensionsMayTakeIsBounded() async throws {
    try await withStage { stage in
      for (option, value, problem) in [
        ("batch-limit", "100001", "choose at most 100000"),
        ("batch-memory", "48", "choose 0, or at least 1M"),
        ("piece-memory", "1000K", "choose 0, or at least 1M"),
        ("rank-memory", "1", "choose 0, or at least 1M"),
        ("piece-interval", "0", "choose from 1s to 1d"), ("piece-interval", "25h", "choose from 1s to 1d"),
      ] {
        let process = try await ApusClient.run(["tracker", "--extensions-\(option)", value], on: stage)
        #expect(process.status == .exited(64))
        #expect(process.errors.contains("--extensions-\(option): \(problem)"), "\(process.errors)")
      }
      let path = stage.folder["t.toml"]
      let none = "batch-limit = 0\nbatch-memory = \"0\"\npiece-memory = \"0\"\nrank-memory = \"0\"\n"
      try writeFile(Array("[extensions]\n\(none)piece-interval = \"90s\"\n".utf8), path)
      let tracker = ApusTracker(on: stage)
      try await tracker.start(["-c", path])
      let answer = try await get(Self.announce + "&x_have=0-3&x_rank=1", tracker).text
      #expect(answer.contains("8:interval") && !answer.contains("6:pieces") && !answer.contains("6:ranked"))
      #expect(try await get("/announce", tracker, method: "POST").status == 405)
    }
  }

  @Test func aSeedIsShownByTheNameThatItGivesItself() async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      try await tracker.start()
      let payload = TestTorrent(size: 100_000, tracker: tracker.url)
      try payload.writeContent(in: stage.folder[""])
      let torrent = try payload.write(to: stage.folder["payload.torrent"])
      let long = try await ApusClient.run(
        ["seed", torrent, "--announce-name", String(repeating: "x", count: 65)], on: stage)
      #expect(long.status == .exited(64) && long.errors.contains("choose at most 64 bytes, on one line"))
      let slow = try await ApusClient.run(["seed", torrent, "--announce-bandwidth", "2"], on: stage)
      #expect(
        slow.status == .exited(64) && slow.errors.contains("--announce-bandwidth: the lowest rate is 1K"))
      let seeder = ApusClient(
        on: stage, options: ["--no-dht", "--announce-name", "Anna's box", "--announce-bandwidth", "2M"])
      try await seeder.seed(torrent, in: stage.folder[""])
      try await eventually("its name is shown") {
        let list = try JSONValue(parsing: try await get("/api/torrents", tracker).text)
        guard let hash = list["torrents"]?.array?.first?["info_hash"]?.string else { return false }
        return try await get("/api/torrents/\(hash)", tracker).text.contains("\"name\":\"Anna's box\"")
      }
    }
  }

  @Test func listsAndLogAreReadAgainOnSIGHUPAndByTheAPI() async throws {
    try await withStage { stage in
      let (config, deny, log) = (stage.folder["t.toml"], stage.folder["deny.txt"], stage.folder["t.log"])
      try writeFile([], deny)
      try writeFile(Array("[access]\ndeny = \"\(deny)\"\n[log]\nfile = \"\(log)\"\n".utf8), config)
      let tracker = ApusTracker(on: stage)
      let process = try stage.start(
        ApusClient.executable,
        ["tracker", "-c", config, "--listen", "\(tracker.address)", "--admin-token", "opensesame", "-q"])
      try await eventually("it is well", within: .seconds(120)) {
        (try? await get("/health", tracker))?.status == 200
      }
      #expect(try await get(Self.announce, tracker).text.contains("8:interval"))

      try writeFile(Array("# gone\n\(Self.torrent) by request\n".utf8), deny)
      #expect(rename(log, log + ".1") == 0)
      process.kill(SIGHUP)
      try await eventually("the torrent is refused") {
        try await get(Self.announce, tracker).text.contains("does not serve this torrent")
      }
      try await eventually("the log begins anew") {
        ((try? readFile(log)) ?? []).starts(with: Array("time=".utf8))
      }

      // A list with a fault changes nothing.
      try writeFile(Array("nonsense\n".utf8), deny)
      let refused = try await get("/api/admin/reload", tracker, method: "POST", token: "opensesame")
      #expect(refused.status == 422 && refused.text.contains("deny.txt:1: 'nonsense' is no info-hash"))
      #expect(try await get(Self.announce, tracker).text.contains("does not serve this torrent"))

      try writeFile([], deny)
      #expect(try await get("/api/admin/reload", tracker, method: "POST", token: "opensesamE").status == 401)
      let done = try await get("/api/admin/reload", tracker, method: "POST", token: "opensesame")
      #expect(done.status == 200 && done.text.contains("\"reloaded\":true"))
      #expect(try await get(Self.announce, tracker).text.contains("8:interval"))
      #expect(process.errors.isEmpty)
      let lines = String(decoding: try readFile(log + ".1") + readFile(log), as: UTF8.self)
      #expect(lines.contains("event=listening") && lines.contains("level=error event=reload_failed"))
      #expect(!lines.contains("opensesame"))
    }
  }

  @Test func theServiceManagerHearsOfTheTracker() async throws {
    try await withStage { stage in
      let path = stage.folder["notify"]
      let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(socket) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      #expect(bound == 0)
      let process = try stage.start(
        ApusClient.executable, ["tracker", "--listen", "127.0.0.1:0", "-q"],
        environment: ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"])
      var heard = ""
      func hear(_ text: String) async throws {
        try await eventually("'\(text)' is heard", within: .seconds(60)) {
          var bytes = [UInt8](repeating: 0, count: 4096)
          while true {
            let count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { break }
            heard += String(decoding: bytes[..<count], as: UTF8.self) + "\n"
          }
          return heard.contains(text)
        }
      }
      try await hear("READY=1\n")
      try await hear("WATCHDOG=1\n")
      process.kill(SIGTERM)
      try await hear("STOPPING=1\n")
      #expect(try await process.waitForExit(within: .seconds(5)) == .exited(143))
    }
  }

  @Test(.enabled(if: geteuid() == 0)) func rootIsGivenUpForGood() async throws {
    try await withStage { stage in
      let process = try stage.start(
        ApusClient.executable, ["tracker", "--listen", "127.0.0.1:0", "--user", "nobody"])
      try await eventually("it listens") { process.output.hasSuffix("/announce\n") }
      let status = String(decoding: try readFile("/proc/\(process.id)/status"), as: UTF8.self)
      let lines = status.split(separator: "\n")
      #expect(lines.contains("Uid:\t65534\t65534\t65534\t65534"))
      #expect(lines.contains { $0.hasPrefix("Gid:\t65534\t65534\t65534\t65534") })
      #expect(lines.contains { $0.hasPrefix("CapEff:") && $0.allSatisfy { !("1"..."9").contains($0) } })
      let unknown = try await ApusClient.run(
        ["tracker", "--listen", "127.0.0.1:0", "--user", "no-such-user"], on: stage)
      #expect(unknown.status == .exited(1))
      #expect(unknown.errors.contains("cannot become user 'no-such-user': there is no such user"))
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")))
  func promtoolAcceptsTheMetrics() async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      try await tracker.start()
      for _ in 0..<300 { _ = try await get(Self.announce, tracker) }
      var metrics = try await get("/metrics", tracker)
      try await eventually("all announces are counted") {
        metrics = try await get("/metrics", tracker)
        return metrics.text.contains("apus_tracker_announces_total{transport=\"http\",family=\"ipv4\"} 300")
      }
      let path = stage.folder["metrics"]
      try writeFile(Array(metrics.text.utf8), path)
      let check = try stage.start("/bin/sh", ["-c", "exec promtool check metrics <'\(path)'"])
      #expect(try await check.waitForExit() == .exited(0))
      #expect(check.errors.isEmpty && check.output.isEmpty)
    }
  }

  @Test func theDoctorFindsAPortThatIsTaken() async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      let before = try await ApusClient.succeed(
        ["doctor", "--listen", "\(tracker.address)", "--json"], on: stage)
      let report = try JSONValue(parsing: before.trimmingCharacters(in: .newlines))
      #expect(report["ok"] == .bool(true))
      try await tracker.start()
      let after = try await ApusClient.run(["doctor", "--listen", "\(tracker.address)"], on: stage)
      #expect(after.status == .exited(1))
      #expect(after.output.contains("\(tracker.address) cannot be listened on over TCP"))
      #expect(after.output.contains("→ if that is not this tracker, see who has it"))
      let snippet = try await ApusClient.succeed(
        ["doctor", "--proxy", "nginx", "--host", "t.example"], on: stage)
      #expect(snippet.contains("server_name t.example;"))
    }
  }
}
