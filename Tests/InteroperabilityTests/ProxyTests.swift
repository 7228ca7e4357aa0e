import Foundation
import TestSupport
import Testing

/// Everything through proxies, in a network where each packet that goes elsewhere is counted.
@Suite(.serialized, .throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct ProxyTests {
  /// A proxy of the tests, and how it is given to us.
  struct Given: Sendable, CustomTestStringConvertible {
    let kind: String
    var server: [String] = []
    var login = ""
    var testDescription: String { kind + (login.isEmpty ? "" : " with a password") }
    var url: String { "\(kind)://\(login)\(ProxiedNetwork.proxyAddress):1080" }
  }

  static let all = [
    Given(kind: "socks5"),
    Given(kind: "socks5", server: ["--login", "joe:s:e cret"], login: "joe:s%3Ae%20cret@"),
    Given(kind: "http"), Given(kind: "http", server: ["--login", "joe:secret"], login: "joe:secret@"),
  ]

  /// Shows that what is not proxied would be seen.
  @Test(.timeLimit(.minutes(1)))
  func withoutAProxyTheWatchSeesIt() async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      try await scene.startSeed()
      scene.torrent.metainfo["announce"] = "http://one.world:6969/announce"
      let target = try stage.folder.folder("target")
      let process = try scene.start(
        try scene.write(), into: target,
        ["--peer", "10.78.0.3:7000", "--listen", "10.77.0.2:7000", "--seed-time", "1s"])
      #expect(try await process.waitForExit() == .exited(0), "\(process.tail)")
      let foreign = try await scene.network.packets().foreign
      #expect(foreign.contains { $0.contains("tcp 10.77.0.2 10.78.0.3 7000") })
      #expect(foreign.contains { $0.contains("udp 10.77.0.2 10.78.0.9 53") })
      #expect(foreign.contains { $0.contains("udp 10.77.0.2 239.192.152.143 6771") })
    }
  }

  /// The tracker is known by name, the seed by the tracker.
  @Test(.timeLimit(.minutes(1)), arguments: all)
  func peersOverTCPAndATrackerOverHTTP(_ proxy: Given) async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["announce"] = "http://one.world:6969/announce"
      try await scene.startTracker()
      try await scene.startSeed()
      let server = try await scene.network.startProxy(proxy.kind, proxy.server)
      let process = try await scene.download(try scene.write(), ["--proxy", proxy.url])
      #expect(server.output.contains("connect one.world 6969"))
      #expect(server.output.contains("connect 10.78.0.3 7000"))
      #expect(!server.output.contains("refused"))
      #expect(!(process.output + process.errors).contains("secret"))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func peersOverUTP() async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      try await scene.startSeed(["--no-dht", "--no-tcp"])
      let server = try await scene.network.startProxy("socks5")
      let process = try await scene.download(
        try scene.write(), ["--proxy", "socks5://10.77.0.1", "--no-tcp", "--peer", "10.78.0.3:7000"])
      #expect(server.output.contains("datagram 10.78.0.3 7000"))
      #expect(!server.output.contains("connect"))
      #expect(process.output.contains(#""transport":"utp""#))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func aTrackerOverUDP() async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["announce"] = "udp://four.world:6969/announce"
      try await scene.startUDPTracker()
      try await scene.startSeed()
      let server = try await scene.network.startProxy("socks5")
      try await scene.download(try scene.write(), ["--proxy", "socks5://10.77.0.1", "--no-dht"])
      #expect(server.output.contains("datagram four.world 6969"))
      #expect(server.output.contains("datagram 10.78.0.4 6969"))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: all)
  func aWebSeed(_ proxy: Given) async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["url-list"] = "http://five.world/"
      try await scene.startWebSeed()
      let server = try await scene.network.startProxy(proxy.kind, proxy.server)
      try await scene.download(try scene.write(), ["--proxy", proxy.url])
      #expect(server.output.contains("connect five.world 80"))
    }
  }

  /// The torrent file, too, comes through the proxy; its user and password from a file or the environment.
  @Test(.timeLimit(.minutes(1)), arguments: [true, false])
  func aMagnetLinkWhosePeerHasAName(_ isFile: Bool) async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      try await scene.startSeed()
      let server = try await scene.network.startProxy("socks5", ["--login", "joe:secret"])
      try writeFile(Array("joe:secret\n".utf8), stage.folder["login"])
      try await scene.download(
        scene.magnet("&x.pe=three.world:7000"),
        ["--proxy", "socks5h://10.77.0.1"] + (isFile ? ["--proxy-login", stage.folder["login"]] : []),
        environment: isFile ? [:] : ["APUS_PROXY_LOGIN": "joe:secret"])
      #expect(server.output.contains("connect three.world 7000"))
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func aTorrentFileByURL() async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      try await scene.startWebSeed()
      try await scene.startSeed()
      _ = try scene.torrent.write(to: scene.source + "/file.torrent")
      let server = try await scene.network.startProxy("http")
      try await scene.download(
        "http://five.world/file.torrent", ["--proxy", "http://10.77.0.1:1080", "--peer", "10.78.0.3:7000"])
      #expect(server.output.contains("connect five.world 80"))
    }
  }

  /// Nothing but the DHT, entered through a name.
  @Test(.timeLimit(.minutes(1)), arguments: [true, false])
  func theDHT(_ isMagnet: Bool) async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      // A node that keeps the seed's announce, and tells of it.
      var other = TestTorrent(size: 1 << 16, seed: 9)
      other.metainfo["announce"] = nil
      let otherSource = try stage.folder.folder("other")
      try other.writeContent(in: otherSource)
      let node = try scene.network.startInWorld(
        ApusClient.executable,
        [
          "seed", try other.write(to: stage.folder["other.torrent"]), "--dir", otherSource, "--listen",
          "10.78.0.6:7000", "--no-lsd", "--dht-state", stage.folder["other nodes"],
        ])
      try await scene.network.waitForWorld(node, at: "10.78.0.6", port: 7000)
      try await scene.startSeed([
        "--dht-bootstrap", "10.78.0.6:7000", "--dht-state", stage.folder["seed nodes"],
      ])
      let server = try await scene.network.startProxy("socks5")
      try await scene.download(
        isMagnet ? scene.magnet("") : try scene.write(),
        ["--proxy", "socks5://10.77.0.1", "--dht-bootstrap", "six.world:7000"],
        within: .seconds(40))
      #expect(server.output.contains("datagram six.world 7000"))
      #expect(server.output.contains("connect 10.78.0.3 7000"))
    }
  }

  /// Nobody is awaited: no socket listens, and those for datagrams face the proxy.
  @Test(.timeLimit(.minutes(1)), arguments: ["socks5", "http"])
  func nobodyIsAwaited(_ kind: String) async throws {
    try await withStage { stage in
      let scene = try await ProxyStage(on: stage)
      let server = try await scene.network.startProxy(kind)
      let process = try scene.start(
        try scene.write(), into: try stage.folder.folder("target"),
        ["--proxy", "\(kind)://10.77.0.1:1080", "--peer", "10.78.0.3:7000"])
      try await eventually("the peer is tried") { server.output.contains("connect 10.78.0.3 7000") }
      let sockets = try await scene.network.outputInside("sh", ["-c", "ss -Hlntu; ss -Hanu"])
      for line in sockets.split(separator: "\n") {
        let words = line.split(separator: " ")
        #expect(kind == "socks5" && words.contains { $0.hasPrefix("10.77.0.2:") }, "\(line)")
        #expect(!words.contains("LISTEN"), "\(line)")
      }
      #expect(process.output.contains(#""addresses":[]"#))
      await process.stop()
      try await scene.expectNoLeak(among: 10)
    }
  }

  /// What has no proxy goes straight, what has one does not.
  @Test(.timeLimit(.minutes(1)))
  func eachUseHasItsOwn() async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage)
      scene.torrent.metainfo["announce"] = "http://one.world:6969/announce"
      scene.torrent.metainfo["url-list"] = "http://10.78.0.5/"
      try await scene.startTracker()
      try await scene.startWebSeed()
      try await scene.startSeed()
      let peers = try await scene.network.startProxy("socks5", port: 1080)
      let trackers = try await scene.network.startProxy("http", port: 1081)
      let target = try stage.folder.folder("target")
      let process = try scene.start(
        try scene.write(), into: target,
        [
          "--proxy", "socks5://10.77.0.1:1080", "--proxy-trackers", "http://10.77.0.1:1081",
          "--proxy-web-seeds",
          "none",
        ])
      #expect(try await process.waitForExit() == .exited(0), "\(process.tail)")
      #expect(peers.output.contains("connect 10.78.0.3 7000") && !peers.output.contains("one.world"))
      #expect(trackers.output.contains("connect one.world 6969") && !trackers.output.contains("7000"))
      let foreign = try await scene.network.packets().foreign
      #expect(
        !foreign.isEmpty && foreign.allSatisfy { $0.contains("10.78.0.5") && $0.contains("tcp") },
        "\(foreign)")
    }
  }

  /// It goes on through the proxy when that is back, and nowhere else meanwhile.
  @Test(.timeLimit(.minutes(2)), arguments: ["tcp", "utp", "http"])
  func aProxyThatDiesInTheMiddle(_ way: String) async throws {
    try await withStage { stage in
      var scene = try await ProxyStage(on: stage, size: 12 << 20)
      scene.torrent.metainfo["announce"] = "http://one.world:6969/announce"
      try await scene.startTracker()
      try await scene.startSeed(["--no-dht", "--limit-up", "2M"] + (way == "utp" ? ["--no-tcp"] : []))
      let kind = way == "http" ? "http" : "socks5"
      let first = try await scene.network.startProxy(kind)
      let target = try stage.folder.folder("target")
      let process = try scene.start(
        try scene.write(), into: target,
        ["--proxy", "\(kind)://10.77.0.1:1080", "--dht-bootstrap", "six.world:7000"]
          + (way == "utp" ? ["--no-tcp"] : []))
      try await eventually("some is here", within: .seconds(20)) {
        process.output.contains(#""peers":1"#) && process.output.contains(#""pieces_have":"#)
      }
      try await Task.sleep(for: .seconds(1))
      first.kill(SIGKILL)
      _ = try await first.waitForExit()
      try await Task.sleep(for: .seconds(3))
      #expect(process.status == nil)
      try await scene.expectNoLeak()
      let second = try await scene.network.startProxy(kind)
      guard way != "utp" else {
        // The seed takes the peer for a double until it has given up the old connection, which may take a minute.
        try await eventually("the peer is tried again", within: .seconds(60)) {
          second.output.contains("datagram 10.78.0.3 7000")
        }
        return try await scene.expectNoLeak()
      }
      #expect(try await process.waitForExit(within: .seconds(90)) == .exited(0), "\(process.tail)")
      #expect(second.output.contains("10.78.0.3 7000"))
      #expect(try scene.torrent.faults(in: target) == [])
      try await scene.expectNoLeak()
    }
  }
}
