import Foundation
import TestSupport
import Testing

/// Proxies that lie, break off, flood or dawdle. Nothing goes past them, and nobody is harmed.
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct HostileProxyTests {
  /// All ways are tried at once: a tracker of each kind, a web seed, a peer, a name, the DHT.
  private func everything(_ kind: String, _ scene: inout ProxyStage) throws -> [String] {
    scene.torrent.metainfo["announce-list"] = [
      ["http://one.world:6969/announce"], ["udp://four.world:6969/announce"], ["udp://10.78.0.4:6969"],
    ]
    scene.torrent.metainfo["url-list"] = "http://five.world/"
    return [
      "--proxy", "\(kind)://joe:secret@10.77.0.1:1080", "--peer", "10.78.0.3:7000", "--dht-bootstrap",
      "six.world:7000", "--dht-bootstrap", "10.78.0.6:7000",
    ]
  }

  @Test(
    .timeLimit(.minutes(2)), arguments: ["socks5", "http"],
    ["silent", "cut", "flood", "noise", "drip", "absent"])
  func nothingGoesPastIt(_ kind: String, _ mode: String) async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      try await scene.startSeed()
      try await scene.startTracker()
      let options = try everything(kind, &scene)
      if mode != "absent" { _ = try await scene.network.startProxy(kind, ["--hostile", mode]) }
      let process = try scene.start(try scene.write(), into: try stage.folder.folder("target"), options)
      try await Task.sleep(for: .seconds(4))
      #expect(process.status == nil, "\(process.tail)")
      let text = process.output + process.errors
      if mode == "noise" || mode == "absent" { #expect(text.contains(#""event":"proxy""#), "\(text)") }
      #expect(!text.contains("secret"))
      // A flood, or an answer without end, is not kept.
      let memory = process.memory("VmRSS")
      #expect(memory ?? .max < 150 << 20)
      process.kill(SIGINT)
      #expect(try await process.waitForExit(within: .seconds(20)) == .exited(130), "\(process.tail)")
      try await scene.expectNoLeak(among: 10)
    }
  }

  /// A wrong password is told, without telling it.
  @Test(.timeLimit(.minutes(1)), arguments: ["socks5", "http"])
  func aWrongPassword(_ kind: String) async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      let options = try everything(kind, &scene)
      let server = try await scene.network.startProxy(kind, ["--login", "joe:other"])
      let process = try scene.start(try scene.write(), into: try stage.folder.folder("target"), options)
      try await eventually("it is told", within: .seconds(15)) {
        process.output.contains("the proxy refuses user or password")
      }
      #expect(!process.output.contains("secret"))
      #expect(server.output.contains("refused") && !server.output.contains("connect"))
      await process.stop()
      try await scene.expectNoLeak(among: 10)
    }
  }

  /// The relay is sought at the proxy, wherever that says that it is.
  @Test(.timeLimit(.minutes(1)))
  func aRelayThatIsSaidToBeElsewhere() async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      try await scene.startSeed(["--no-dht", "--no-tcp"])
      _ = try await scene.network.startProxy("socks5", ["--hostile", "elsewhere"])
      try await scene.download(
        try scene.write(), ["--proxy", "socks5://10.77.0.1", "--no-tcp", "--peer", "10.78.0.3:7000"])
    }
  }

  /// Without a relay there is TCP; a relay that does not last is not asked for without pause.
  @Test(.timeLimit(.minutes(1)), arguments: [["--no-udp"], ["--hostile", "early"], ["--hostile", "echo"]])
  func withoutARelayThereIsTCP(_ server: [String]) async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      try await scene.startSeed()
      _ = try everything("socks5", &scene)
      scene.torrent.metainfo["url-list"] = nil
      let proxy = try await scene.network.startProxy("socks5", server)
      try await scene.download(
        try scene.write(),
        ["--proxy", "socks5://10.77.0.1", "--peer", "10.78.0.3:7000", "--dht-bootstrap", "six.world:7000"])
      #expect(proxy.output.split(separator: "\n").count { $0 == "associate" } < 12)
    }
  }
}
