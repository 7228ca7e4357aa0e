import Addresses
import BitTorrent
import Foundation
import Metainfo
import TestSupport
import Testing

/// Web seeds with nginx, where a session must be set up as no command line does (BEP 19).
@Suite(.serialized, .timeLimit(.minutes(1))) struct WebSeedSwarmTests {
  private static let files = [
    (path: "a", size: 300_000), (path: "b/c", size: 170_001), (path: "d", size: 90_000),
  ]

  private func with(
    _ version: TorrentVersion = .v1, _ body: (SwarmStage, Stage) async throws -> Void
  ) async throws {
    try await SwarmStage.with(Self.files, version: version) { swarm in
      try await withStage { stage in try await body(swarm, stage) }
    }
  }

  private func torrent(_ swarm: SwarmStage, _ urls: [String]) -> Metainfo {
    var metainfo = swarm.metainfo
    metainfo.webSeeds = urls
    return metainfo
  }

  /// What one server lacks comes from another; each piece of these lies in one file.
  @Test(arguments: [TorrentVersion.hybrid, .v2])
  func oneOfManyFilesIsMissing(_ version: TorrentVersion) async throws {
    try await with(version) { swarm, stage in
      var urls: [String] = []
      var servers: [Nginx] = []
      for missing in ["a", "b/c"] {
        let folder = try stage.folder.folder("without\(urls.count)")
        try FileManager.default.copyItem(atPath: swarm.content.path, toPath: folder + "/payload")
        try FileManager.default.removeItem(atPath: folder + "/payload/" + missing)
        let server = Nginx(on: stage)
        try await server.start(serving: folder)
        servers.append(server)
        urls.append(server.url)
      }
      let leech = try await SwarmStage.session()
      let handle = try await leech.add(
        torrent(swarm, urls), AddOptions(directory: swarm.downloadFolder("copy")))
      let status = try await handle.waitUntilComplete()
      #expect(status.failedPieces == 0)
      await leech.stop()
      try swarm.compare("copy")
      // Something was missed, and the rest was asked for nevertheless.
      #expect(servers.contains { $0.requests.contains { $0.status == "404" } } == true)
      for server in servers { #expect(server.requests.contains { $0.status == "206" } == true) }
    }
  }

  /// A server that answers and then says nothing is set aside, and another one gives the rest.
  @Test func whoStallsIsSetAside() async throws {
    try await with { swarm, stage in
      let silent = try stage.server { connection in
        while receiveRequestTarget(connection) != nil {
          let head = "HTTP/1.1 206 Partial Content\r\nContent-Length: 16384\r\n"
          guard (try? connection.send(Array(head.utf8))) != nil else { return }
          _ = connection.isClosed(within: .seconds(20))
        }
      }
      let good = Nginx(on: stage)
      try await good.start(serving: swarm.seedFolder, bytesPerSecond: 100_000)
      let leech = try await SwarmStage.session {
        $0.webSeeds.stallTimeout = 1
      }
      let handle = try await leech.add(
        torrent(swarm, ["http://\(silent.address)/", good.url]),
        AddOptions(directory: swarm.downloadFolder("copy")))
      let start = ContinuousClock.now
      var told: String?
      while ContinuousClock.now - start < .seconds(15), told == nil {
        told = await handle.status().webSeedMessage
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(told?.contains("\(silent.address.ip)") == true, "\(told ?? "nothing")")
      _ = try await handle.waitUntilComplete()
      await leech.stop()
      try swarm.compare("copy")
    }
  }

  @Test func limitsHold() async throws {
    try await with { swarm, stage in
      let web = Nginx(on: stage)
      try await web.start(serving: swarm.seedFolder)
      let leech = try await SwarmStage.session { $0.downloadLimit = 200_000 }
      let start = ContinuousClock.now
      let handle = try await leech.add(
        torrent(swarm, [web.url]), AddOptions(directory: swarm.downloadFolder("copy")))
      _ = try await handle.waitUntilComplete()
      #expect(ContinuousClock.now - start > .seconds(1.8))
      await leech.stop()
      try swarm.compare("copy")
    }
  }

  /// The link's web seed (`ws`) has the content, a peer that gives next to nothing the torrent.
  @Test(arguments: [TorrentVersion.v1, .v2])
  func aMagnetLinkNamesOne(_ version: TorrentVersion) async throws {
    try await with(version) { swarm, stage in
      let web = Nginx(on: stage)
      try await web.start(serving: swarm.seedFolder)
      let seeder = try await SwarmStage.session { $0.uploadLimit = 1024 }
      _ = try await seeder.add(swarm.metainfo, AddOptions(directory: swarm.seedFolder)).waitUntilComplete()
      let port = try #require(seeder.listening.first?.port)
      let info = swarm.metainfo.info
      var text = "magnet:?ws=\(web.url)&x.pe=127.0.0.1:\(port)"
      if let hash = info.infoHashV1 { text += "&xt=urn:btih:\(hash)" }
      if let hash = info.infoHashV2 { text += "&xt=urn:btmh:1220\(hash)" }
      let leech = try await SwarmStage.session()
      let handle = try await leech.add(
        Magnet(text), AddOptions(directory: swarm.downloadFolder("copy")))
      let status = try await handle.waitUntilComplete()
      let fromWeb = status.peerTraffic.filter { $0.client == "web seed" }.reduce(0) { $0 + $1.downloaded }
      #expect(fromWeb > 400_000)
      await leech.stop()
      await seeder.stop()
      try swarm.compare("copy")
    }
  }

  /// Over TLS, if the certificate is one that is trusted.
  @Test(arguments: [true, false])
  func tlsNeedsTrust(isTrusted: Bool) async throws {
    try await with { swarm, stage in
      let web = Nginx(on: stage)
      try await web.start(serving: swarm.seedFolder, isSecure: true)
      let leech = try await SwarmStage.session { $0.certificates = isTrusted ? web.certificate : nil }
      let handle = try await leech.add(
        torrent(swarm, [web.url]), AddOptions(directory: swarm.downloadFolder("copy")))
      if isTrusted {
        _ = try await handle.waitUntilComplete()
        #expect(web.url.hasPrefix("https://"))
        try swarm.compare("copy")
      } else {
        let start = ContinuousClock.now
        var told: String?
        while ContinuousClock.now - start < .seconds(15), told == nil {
          told = await handle.status().webSeedMessage
          try await Task.sleep(for: .milliseconds(20))
        }
        #expect(told?.contains("no secure connection") == true, "\(told ?? "nothing")")
        #expect(await handle.status().downloaded == 0)
      }
      await leech.stop()
    }
  }
}
