import Foundation
import TestSupport
import Testing

/// Proxies that others have made: Dante (SOCKS with UDP), microsocks (SOCKS, TCP only), tinyproxy (HTTP).
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct RealProxyTests {
  private func startDante(_ scene: ProxyStage) async throws {
    let configuration = """
      logoutput: stderr
      internal: 10.77.0.1 port = 1080
      external: 10.78.0.8
      clientmethod: none
      socksmethod: none
      user.notprivileged: root
      client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
      socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }

      """
    let path = scene.stage.folder["dante.conf"]
    try writeFile(Array(configuration.utf8), path)
    let process = try scene.network.startInWorld(
      "danted", ["-f", path, "-p", scene.stage.folder["dante.pid"], "-N", "1"])
    try await scene.network.waitForWorld(process, at: "10.77.0.1", port: 1080)
  }

  @Test(.timeLimit(.minutes(1)))
  func throughDanteOverTCPWithATrackerOverUDP() async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["announce"] = "udp://four.world:6969/announce"
      try await scene.startUDPTracker()
      try await scene.startSeed()
      try await startDante(scene)
      try await scene.download(try scene.write(), ["--proxy", "socks5://10.77.0.1", "--no-utp"])
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func throughDanteOverUTP() async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      try await scene.startSeed(["--no-dht", "--no-tcp"])
      try await startDante(scene)
      let process = try await scene.download(
        try scene.write(), ["--proxy", "socks5://10.77.0.1", "--no-tcp", "--peer", "10.78.0.3:7000"])
      #expect(process.output.contains(#""transport":"utp""#))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func throughMicrosocks() async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["announce"] = "http://one.world:6969/announce"
      try await scene.startTracker()
      try await scene.startSeed()
      let process = try scene.network.startInWorld(
        "microsocks", ["-i", "10.77.0.1", "-p", "1080", "-u", "joe", "-P", "secret"])
      try await scene.network.waitForWorld(process, at: "10.77.0.1", port: 1080)
      try await scene.download(try scene.write(), ["--proxy", "socks5://joe:secret@10.77.0.1"])
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func throughTinyproxy() async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["announce"] = "http://one.world:6969/announce"
      try await scene.startTracker()
      try await scene.startSeed()
      let path = stage.folder["tinyproxy.conf"]
      let configuration = """
        Port 8080
        Listen 10.77.0.1
        BasicAuth joe secret
        LogLevel Error

        """
      try writeFile(Array(configuration.utf8), path)
      let process = try scene.network.startInWorld("tinyproxy", ["-d", "-c", path])
      try await scene.network.waitForWorld(process, at: "10.77.0.1", port: 8080)
      let leecher = try await scene.download(
        try scene.write(), ["--proxy", "http://joe:secret@10.77.0.1", "--peer", "10.78.0.3:7000"])
      #expect(leecher.output.contains(#""address":"10.78.0.3:7000""#))
    }
  }
}
