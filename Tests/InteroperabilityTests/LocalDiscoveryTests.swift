import Foundation
import TestSupport
import Testing

/// Peers of the local network that find each other by nothing but multicast (BEP 14).
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct LocalDiscoveryTests {
  /// A torrent, its content in one folder, and folders for those who want it.
  private struct Scene {
    let torrent: TestTorrent
    let path: String
    let source: String
    let network: NetworkNamespace

    init(on stage: Stage, isPrivate: Bool = false) async throws {
      var torrent = TestTorrent(size: 3 << 20)
      if isPrivate, var info = torrent.metainfo["info"] {
        info["private"] = 1
        torrent = torrent.renamed(info)
      }
      self.torrent = torrent
      path = try torrent.write(to: stage.folder["payload.torrent"])
      source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      network = try await NetworkNamespace(on: stage, addresses: 3)
    }

    func apus(_ command: String, _ what: String, in folder: String, at address: String, _ more: [String] = [])
      throws -> ChildProcess
    {
      try network.start(
        ApusClient.executable,
        [command, what, "--dir", folder, "--listen", "\(address):7000", "--no-pex", "--json"] + more)
    }
  }

  @Test(
    .timeLimit(.minutes(1)),
    arguments: [["10.66.0.1", "10.66.0.2", "10.66.0.3"], ["[fd66::1]", "[fd66::2]", "[fd66::3]"]])
  func threeOfOursComplete(_ addresses: [String]) async throws {
    try await withStage { stage in
      let scene = try await Scene(on: stage)
      _ = try scene.apus("seed", scene.path, in: scene.source, at: addresses[0])
      let link = "magnet:?xt=urn:btih:" + scene.torrent.infoHash.map { String(format: "%02x", $0) }.joined()
      for (what, address) in [(scene.path, addresses[1]), (link, addresses[2])] {
        let target = try stage.folder.folder("target \(address)")
        let leecher = try scene.apus("download", what, in: target, at: address)
        #expect(try await leecher.waitForExit(within: .seconds(30)) == .exited(0), "\(leecher.tail)")
        #expect(try scene.torrent.faults(in: target) == [])
      }
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [true, false])
  func libtorrentAndOursFindEachOther(_ weSeed: Bool) async throws {
    try await withStage { stage in
      let scene = try await Scene(on: stage)
      let target = try stage.folder.folder("target")
      let theirs = try scene.network.start(
        "/usr/bin/python3",
        Libtorrent.arguments(scene.path, in: weSeed ? target : scene.source, at: "10.66.0.2:7001") + ["--lsd"]
      )
      let ours = try scene.apus(
        weSeed ? "seed" : "download", scene.path, in: weSeed ? scene.source : target, at: "10.66.0.1")
      try await eventually("the download is done", within: .seconds(40)) {
        weSeed ? theirs.output.contains("finished\n") : ours.status == .exited(0)
      }
      #expect(try scene.torrent.faults(in: target) == [])
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: ["private", "--no-lsd"])
  func nobodyIsFoundWhereNobodyMayBe(_ why: String) async throws {
    try await withStage { stage in
      let scene = try await Scene(on: stage, isPrivate: why == "private")
      let more = why == "private" ? [] : [why]
      let seed = try scene.apus("seed", scene.path, in: scene.source, at: "10.66.0.1", more)
      try await eventually("the seed is ready") { seed.output.contains(#""state":"seeding""#) }
      let target = try stage.folder.folder("target")
      let leecher = try scene.apus("download", scene.path, in: target, at: "10.66.0.2", more)
      try await Task.sleep(for: .seconds(3))
      #expect(leecher.status == nil && !leecher.output.contains(#""peers":1"#))
    }
  }
}
