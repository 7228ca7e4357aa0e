import Addresses
import BitTorrent
import Foundation
import Metainfo
import TestSupport
import Testing

/// Programs that have nothing but the DHT to find each other: no tracker, no peer that is known.
@Suite(.serialized, .throttled)
struct DHTTests {
  /// A torrent without a tracker and its content.
  private struct Scene {
    let torrent = TestTorrent(size: 4 << 20)
    let path: String
    let source: String

    init(on stage: Stage) throws {
      path = try torrent.write(to: stage.folder["payload.torrent"])
      source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
    }

    func download(by client: any Client, into name: String, on stage: Stage) async throws {
      let target = try stage.folder.folder(name)
      try await client.download(path, into: target)
      try await eventually("\(client.kind) has everything", within: .seconds(90)) {
        try await client.isComplete()
      }
      #expect(try torrent.faults(in: target) == [])
    }
  }

  private static func entering(through address: TestAddress) -> [String] {
    ["--dht-bootstrap", "\(address)"]
  }

  @Test(.timeLimit(.minutes(2)))
  func threeOfOursFindEachOther() async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      let seed = ApusClient(on: stage)
      try await seed.seed(scene.path, in: scene.source)
      for name in ["one", "two"] {
        let leecher = ApusClient(on: stage, options: Self.entering(through: seed.address))
        try await scene.download(by: leecher, into: name, on: stage)
      }
    }
  }

  @Test(.timeLimit(.minutes(2)))
  func libtorrentFindsUs() async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      let seed = ApusClient(on: stage)
      try await seed.seed(scene.path, in: scene.source)
      try await scene.download(by: Libtorrent(on: stage, dht: [seed.address]), into: "target", on: stage)
    }
  }

  @Test(.timeLimit(.minutes(2)))
  func weFindLibtorrent() async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      let router = try Self.router(on: stage)
      let seed = Libtorrent(on: stage, dht: [router])
      try seed.seed(scene.path, in: scene.source)
      try await eventually("it seeds") { seed.output.contains("checked") }
      let leecher = ApusClient(on: stage, options: Self.entering(through: router))
      try await scene.download(by: leecher, into: "target", on: stage)
    }
  }

  /// Either way: who seeds, and who looks.
  @Test(
    .timeLimit(.minutes(3)), .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"),
    arguments: [true, false])
  func transmissionAndOursFindEachOther(_ weSeed: Bool) async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      // It announces nothing before it knows nine nodes.
      let nodes = try await Self.nodes(12)
      let router = try #require(nodes.first?.listening.first).testAddress
      let other = TransmissionDaemon(on: stage, dht: router)
      let ours = ApusClient(on: stage, options: Self.entering(through: router))
      let seed: any Client = weSeed ? ours : other
      try await seed.seed(scene.path, in: scene.source)
      try await scene.download(by: weSeed ? other : ours, into: "target", on: stage)
      for node in nodes { await node.stop(within: 1) }
    }
  }

  /// Sessions that do nothing but take part in the DHT.
  private static func nodes(_ count: Int) async throws -> [Session] {
    var nodes: [Session] = []
    for _ in 0..<count {
      var configuration = SessionConfiguration()
      configuration.loops = 1
      configuration.localDiscovery = false
      configuration.listen = [try #require(Endpoint("\(TestNetwork.address())"))]
      if let first = nodes.first?.listening.first {
        configuration.dht.routers = [Node(host: "\(first.address)", port: first.port)]
      }
      nodes.append(try await Session(configuration))
    }
    return nodes
  }

  /// A publisher's link is as good as a torrent, and whoever follows gets what comes in its place (BEP 46).
  @Test(.timeLimit(.minutes(2)))
  func aPublishersLinkLeadsToItsTorrents() async throws {
    try await withStage { stage in
      let router = try Self.router(on: stage)
      let entering = Self.entering(through: router)
      let listen = ["--listen", "\(TestNetwork.address())"]
      let key = try stage.folder.write(Array((Self.seed + "\n").utf8), to: "key")
      var link = ""
      func publish(_ torrent: TestTorrent, _ name: String) async throws {
        let path = try torrent.write(to: stage.folder[name + ".torrent"])
        let source = try stage.folder.folder(name)
        try torrent.writeContent(in: source)
        try await ApusClient(on: stage, options: entering).seed(path, in: source)
        let hash = torrent.infoHash.map { String(format: "%02x", $0) }.joined()
        link = try await ApusClient.succeed(
          ["dht", "put", hash, "--torrent", "--key", key] + entering + listen, on: stage
        )
        .trimmingCharacters(in: .newlines)
      }
      let first = TestTorrent(size: 1 << 20)
      try await publish(first, "first")
      #expect(link == "magnet:?xs=urn:btpk:\(Self.key)")
      let once = try stage.folder.folder("once")
      try await ApusClient.succeed(
        ["download", link, "--dir", once, "--listen", "\(TestNetwork.address())", "--quiet"] + entering,
        on: stage)
      #expect(try first.faults(in: once) == [])
      let saved = stage.folder["saved.torrent"]
      try await ApusClient.succeed(["magnet", link, "-o", saved, "--quiet"] + entering + listen, on: stage)
      #expect(try readFile(saved).count > 100)

      let target = try stage.folder.folder("target")
      let follower = ApusClient(on: stage)
      let process = try follower.start(
        [
          "download", link, "--dir", target, "--listen", "\(follower.address)", "--json", "--follow",
          "--follow-interval", "1s",
        ] + entering)
      try await eventually("the first is here", within: .seconds(40)) {
        process.output.contains("\"event\":\"completed\"")
      }
      #expect(try first.faults(in: target) == [])
      let second = TestTorrent(size: 700_000)
      try FileManager.default.removeItem(atPath: target + "/payload.bin")
      try await publish(second, "second")
      try await eventually("the second is here", within: .seconds(40)) {
        process.output.components(separatedBy: "\"event\":\"completed\"").count == 3
      }
      #expect(try second.faults(in: target) == [])
      #expect(process.status == nil)
    }
  }

  @Test(.timeLimit(.minutes(2)))
  func aria2FindsUs() async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      let seed = ApusClient(on: stage)
      try await seed.seed(scene.path, in: scene.source)
      try await scene.download(by: Aria2(on: stage, dht: seed.address), into: "target", on: stage)
    }
  }

  /// One of ours that seeds something else, as a node for others.
  private static func router(on stage: Stage) throws -> TestAddress {
    let torrent = TestTorrent(size: 100_000)
    let path = try torrent.write(to: stage.folder["other.torrent"])
    let folder = try stage.folder.folder("other")
    try torrent.writeContent(in: folder)
    let client = ApusClient(on: stage)
    try client.start(["seed", path, "--dir", folder, "--listen", "\(client.address)", "--json"])
    return client.address
  }

  /// RFC 8032's second key.
  private static let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
  private static let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"

  /// Items that libtorrent stores with us can be read by us and by it.
  @Test(.timeLimit(.minutes(2)))
  func libtorrentStoresItemsWithUs() async throws {
    try await withStage { stage in
      let router = try Self.router(on: stage)
      let put = try await Libtorrent.dht(["-", "--put", "from afar"], through: router, on: stage)
      let digest = String(try #require(put.split(separator: "\n").first))
      #expect(put.contains("stored with 1"))
      #expect(try await Self.get(digest, through: router, on: stage) == "from afar\n")
      #expect(try await Libtorrent.dht([digest], through: router, on: stage) == "from afar\n")
      let signed = try await Libtorrent.dht(
        [Self.key, "--put", "signed", "--seed", Self.seed, "--salt", "n"], through: router, on: stage)
      #expect(signed.contains("stored with 1"))
      #expect(try await Self.get(Self.key, ["--salt", "n"], through: router, on: stage) == "signed\n")
    }
  }

  /// Items that we store with libtorrent can be read by it and by us.
  @Test(.timeLimit(.minutes(2)))
  func weStoreItemsWithLibtorrent() async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      let node = Libtorrent(on: stage, dht: [TestNetwork.address()])
      try node.seed(scene.path, in: scene.source)
      try await eventually("it is there") { node.output.contains("checked") }
      let bootstrap = Self.entering(through: node.address)
      let listen = ["--listen", "\(TestNetwork.address())"]
      let digest = try await ApusClient.succeed(["dht", "put", "hello"] + bootstrap + listen, on: stage)
        .trimmingCharacters(in: .newlines)
      #expect(digest.count == 40)
      #expect(try await Libtorrent.dht([digest], through: node.address, on: stage) == "hello\n")
      #expect(try await Self.get(digest, through: node.address, on: stage) == "hello\n")

      let file = try stage.folder.write(Array((Self.seed + "\n").utf8), to: "key")
      let put = ["--key", file, "--salt", "n"] + bootstrap + listen
      for text in ["first", "second"] {
        let link = try await ApusClient.succeed(["dht", "put", text] + put, on: stage)
        #expect(link == "magnet:?xs=urn:btpk:\(Self.key)&s=6e\n")
        let found = try await Libtorrent.dht([Self.key, "--salt", "n"], through: node.address, on: stage)
        #expect(found == text + "\n")
        #expect(
          try await Self.get(Self.key, ["--salt", "n"], through: node.address, on: stage) == text + "\n")
      }
    }
  }

  private static func get(
    _ target: String, _ more: [String] = [], through node: TestAddress, on stage: Stage
  ) async throws -> String {
    let listen = ["--listen", "\(TestNetwork.address())"]
    return try await ApusClient.succeed(
      ["dht", "get", target] + more + entering(through: node) + listen, on: stage)
  }

  @Test(.timeLimit(.minutes(2)))
  func singleNodesAnswer() async throws {
    try await withStage { stage in
      let scene = try Scene(on: stage)
      let seed = ApusClient(on: stage)
      try await seed.seed(scene.path, in: scene.source)
      let listen = ["--listen", "\(TestNetwork.address())"]
      let id = try await ApusClient.succeed(["dht", "ping", "\(seed.address)"] + listen, on: stage)
      #expect(id.trimmingCharacters(in: .newlines).count == 40)
      // A second seed is what the first one has been told of.
      let second = ApusClient(on: stage, options: Self.entering(through: seed.address))
      try await second.seed(scene.path, in: scene.source)
      let entering = Self.entering(through: seed.address) + listen
      try await eventually("the second seed is announced", within: .seconds(40)) {
        let found = try await ApusClient.succeed(["dht", "peers", scene.path] + entering, on: stage)
        // The first one is told to the second, and may be found there.
        return found.split(separator: "\n").contains("\(second.address)")
      }
      let sample = try await ApusClient.succeed(["dht", "sample", "\(seed.address)"] + listen, on: stage)
      #expect(sample.split(separator: "\n").count == 1)
      let scrape = try await ApusClient.succeed(
        ["dht", "peers", scene.path, "--scrape", "--json"] + entering, on: stage)
      // The filters themselves are longer than what our nodes send to who cannot prove its address.
      #expect(scrape.contains("\(second.address)") && scrape.contains(#""seeds":"#), "\(scrape)")
      let nobody = try await ApusClient.run(
        ["dht", "ping", "\(TestNetwork.address())", "--timeout", "1s"] + listen, on: stage)
      #expect(nobody.status == .exited(1))
      #expect(nobody.errors.contains("does not answer"))
    }
  }
}

extension Endpoint {
  fileprivate var testAddress: TestAddress { TestAddress(ip: "\(address)", port: port) }
}
