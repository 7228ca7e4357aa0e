import Addresses
import Bytes
import Digest
import Foundation
import MainlineDHT
import Metainfo
import Testing

@testable import BitTorrent

/// Sessions that have nothing but the DHT to find each other.
@Suite(.serialized, .timeLimit(.minutes(1))) struct DHTSwarmTests {
  static let files = [(path: "a.bin", size: 300_000), (path: "b", size: 70_000)]

  /// A session that enters the DHT through others.
  private static func session(
    through others: [Session] = [], _ configure: (inout SessionConfiguration) -> Void = { _ in }
  )
    async throws -> Session
  {
    try await SwarmStage.session { configuration in
      configuration.dht.routers = others.flatMap(\.listening).map {
        Node(host: $0.address.description, port: $0.port)
      }
      configuration.dht.firstRetry = 0.3
      configure(&configuration)
    }
  }

  private static func eventually(_ what: String, _ isSo: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(20)
    while try await !isSo() {
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "not in time: \(what)") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  @Test(arguments: [TorrentVersion.v1, .hybrid])
  func aTorrentWithoutTrackersCompletes(_ version: TorrentVersion) async throws {
    try await SwarmStage.with(Self.files, version: version) { stage in
      let router = try await Self.session()
      let seeder = try await Self.session(through: [router])
      let leech = try await Self.session(through: [router])
      let third = try await Self.session(through: [seeder])
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      for (session, name) in [(leech, "one"), (third, "two")] {
        let handle = try await session.add(
          stage.metainfo, AddOptions(directory: stage.downloadFolder(name)))
        #expect(try await handle.waitUntilComplete().failedPieces == 0)
      }
      for session in [router, seeder, leech, third] { await session.stop() }
      try stage.compare("one")
      try stage.compare("two")
    }
  }

  /// Nothing but an info-hash, and a node.
  @Test(arguments: [TorrentVersion.v1, .v2, .hybrid])
  func aMagnetLinkWithoutAnythingCompletes(_ version: TorrentVersion) async throws {
    try await SwarmStage.with(Self.files, version: version) { stage in
      let router = try await Self.session()
      let seeder = try await Self.session(through: [router])
      let leech = try await Self.session(through: [router])
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let info = stage.metainfo.info
      let magnet = Magnet(infoHashV1: info.infoHashV1, infoHashV2: info.infoHashV2)
      _ = try await leech.add(magnet, AddOptions(directory: stage.downloadFolder("copy"))).waitUntilComplete()
      for session in [leech, seeder, router] { await session.stop() }
      try stage.compare("copy")
    }
  }

  @Test func aPrivateTorrentIsNeverThere() async throws {
    try await SwarmStage.with(Self.files) { stage in
      var options = TorrentCreation.Options()
      options.isPrivate = true
      options.pieceLength = 32 << 10
      let metainfo = try TorrentCreation.run(path: stage.content.path, options: options, threads: 1)
      let router = try await Self.session()
      let seeder = try await Self.session(through: [router])
      let handle = try await seeder.add(metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await handle.waitUntilComplete()
      // One that is not private comes after it, and is announced.
      let open = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await open.waitUntilComplete()
      let dht = try #require(router.dht)
      try await Self.eventually("the open torrent is announced") { await dht.status().peers == 1 }
      #expect(await dht.peers(of: metainfo.info.infoHash).peers == [])
      #expect(
        await dht.peers(of: stage.metainfo.info.infoHash).peers.map(\.port) == seeder.listening.map(\.port))
      #expect(await dht.status().swarms == 1)
      await seeder.stop()
      await router.stop()
    }
  }

  @Test func peersTellEachOtherOfTheirNodes() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let seeder = try await Self.session()
      let leech = try await Self.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      _ = try await leech.add(stage.metainfo, options).waitUntilComplete()
      for session in [seeder, leech] {
        let dht = try #require(session.dht)
        try await Self.eventually("a node is known") { await dht.status().nodes == 1 }
      }
      await leech.stop()
      await seeder.stop()
    }
  }

  @Test func aTorrentNamesNodes() async throws {
    try await SwarmStage.with(Self.files) { stage in
      let seeder = try await Self.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await Self.session()
      let nodes = seeder.listening.map { Node(host: $0.address.description, port: $0.port) }
      let metainfo = Metainfo(info: stage.metainfo.info, nodes: nodes)
      let handle = try await leech.add(metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      _ = try await handle.waitUntilComplete()
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func whatIsKnownIsKeptForTheNextRun() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "apus-dht-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("state/dht").path
    let router = try await Self.session()
    let first = try await Self.session(through: [router]) { $0.dht.stateFile = file }
    let dht = try #require(first.dht)
    #expect(await dht.ready(within: 10))
    let ids = await dht.status().ids
    await first.stop()
    // No router any more, but the node of before.
    let second = try await Self.session { $0.dht.stateFile = file }
    let again = try #require(second.dht)
    #expect(await again.ready(within: 10))
    #expect(await again.status().nodes == 1)
    #expect(await again.status().ids == ids)
    // Two at a time do not have one name.
    let beside = try await Self.session { $0.dht.stateFile = file }
    #expect(await beside.dht?.ready(within: 10) == true)
    #expect(await beside.dht?.status().ids != ids)
    await beside.stop()
    await second.stop()
    // A file that is torn is as good as none.
    let bytes = try #require(FileManager.default.contents(atPath: file))
    try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: file))
    let third = try await Self.session { $0.dht.stateFile = file }
    #expect(await third.dht?.ready(within: 0.2) == false)
    await third.stop()
    await router.stop()
  }

  @Test func itemsAreKeptByOthers() async throws {
    let router = try await Self.session()
    let writer = try await Self.session(through: [router])
    let reader = try await Self.session(through: [router])
    let (from, to) = (try #require(writer.dht), try #require(reader.dht))
    #expect(await from.ready(within: 10))
    #expect(await to.ready(within: 10))
    let text = Array("5:hello".utf8)
    #expect(await from.put(.immutable(text)).stored >= 1)
    #expect(await to.item(at: Item.immutable(text).target).item == .immutable(text))

    let seed = [UInt8](repeating: 9, count: 32)
    let hash = SHA1.hash(text.rawBytes)
    func version(_ number: Int64, _ byte: UInt8) throws -> MutableItem {
      let value = Array("d2:ih20:".utf8) + hash.bytes.dropLast() + [byte] + Array("e".utf8)
      return try #require(MutableItem(signing: value, salt: [1], sequence: number, seed: seed))
    }
    let first = try version(1, 1)
    #expect(await from.put(.mutable(first)).stored >= 1)
    // Whoever follows the key sees the torrent, and the one that replaces it (BEP 46).
    var torrents = to.torrents(of: first.key, salt: [1], every: 0.1).makeAsyncIterator()
    #expect(await torrents.next()?.bytes.last == 1)
    #expect(await from.put(.mutable(try version(2, 2)), expected: 1).stored >= 1)
    #expect(await torrents.next()?.bytes.last == 2)
    #expect(await to.torrent(of: first.key, salt: [1])?.sequence == 2)
    #expect(await to.torrent(of: first.key) == nil)
    #expect(await from.put(.mutable(first)).stored == 0)
    for session in [reader, writer, router] { await session.stop() }
  }

  @Test func aSessionWithoutItHasNone() async throws {
    let session = try await SwarmStage.session { $0.dht.isEnabled = false }
    #expect(session.dht == nil)
    await session.stop()
    let deaf = try await SwarmStage.session { $0.listen = [] }
    #expect(deaf.dht == nil)
    await deaf.stop()
  }
}
