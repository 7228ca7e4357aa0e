import Addresses
import Bencode
import BitTorrent
import Foundation
import Metainfo
import PeerProtocol
import TestSupport
import Testing

/// Peers that tell each other of peers (BEP 11).
@Suite(.serialized, .timeLimit(.minutes(1))) struct PeerExchangeSwarmTests {
  private let files = [(path: "a", size: 400_000)]

  /// Whether `leech` finds `source` by way of a peer that has nothing.
  private func meets(
    isPrivate: Bool = false, byMagnet: Bool = false,
    _ configure: @escaping (inout SessionConfiguration) -> Void = { _ in },
    within seconds: Double = 20
  ) async throws -> Bool {
    var result = false
    // The DHT and the local network would make them acquainted, too.
    let alone = { (configuration: inout SessionConfiguration) in
      configuration.dht.isEnabled = false
      configuration.localDiscovery = false
      configure(&configuration)
    }
    try await SwarmStage.with(files) { stage in
      var metainfo = stage.metainfo
      if isPrivate { metainfo = try Self.privately(metainfo) }
      // Too slow to have anything of its own to give.
      let hub = try await SwarmStage.session {
        alone(&$0)
        $0.downloadLimit = 1024
      }
      var options = AddOptions(directory: stage.downloadFolder("hub"))
      _ = try await hub.add(metainfo, options)
      let seeder = try await SwarmStage.session(alone)
      options = AddOptions(directory: stage.seedFolder)
      options.peers = hub.listening
      _ = try await seeder.add(metainfo, options).waitUntilComplete()
      let leech = try await SwarmStage.session(alone)
      options = AddOptions(directory: stage.downloadFolder("leech"))
      options.peers = hub.listening
      let handle =
        byMagnet
        ? try await leech.add(Magnet(metainfo), options) : try await leech.add(metainfo, options)
      do {
        let status = try await handle.waitUntilComplete(within: seconds)
        #expect(status.peerTraffic.contains { seeder.listening.contains($0.endpoint) && $0.downloaded > 0 })
        try stage.compare("leech")
        result = true
      } catch is SwarmFailure {}
      await leech.stop()
      await seeder.stop()
      await hub.stop()
    }
    return result
  }

  private static func privately(_ metainfo: Metainfo) throws -> Metainfo {
    var info = Bencode(try BencodeDocument(metainfo.info.bytes).root)
    info["private"] = 1
    return Metainfo(info: try Info(info.encoded()))
  }

  @Test func aSwarmWithoutTrackerCompletesAfterOneKnownPeer() async throws {
    #expect(try await meets())
  }

  /// The known peer has the info dictionary, and nothing else.
  @Test func soDoesAMagnet() async throws {
    #expect(try await meets(byMagnet: true))
  }

  @Test func privateTorrentsKeepPeersToThemselves() async throws {
    #expect(try await !meets(isPrivate: true, within: 3))
  }

  @Test func itCanBeLeftOut() async throws {
    let isLeftOut = try await !meets(
      {
        $0.peerExchange = false
        $0.dht.isEnabled = false
      }, within: 3)
    #expect(isLeftOut)
  }

  // MARK: On the wire

  private static let hello: [UInt8] = WireMessage.message(20, [0] + Array("d1:md6:ut_pexi9ee1:pi4444ee".utf8))
  private static let extended: [UInt8] = [0, 0, 0, 0, 0, 0x10, 0, 0]

  /// A peer of a session that has a torrent.
  private func withPeers(
    _ count: Int, isPrivate: Bool = false,
    _ body: @escaping @Sendable ([RawPeer], Session, InfoHashBytes) throws -> Void
  ) async throws {
    try await SwarmStage.with(files) { stage in
      let metainfo = isPrivate ? try Self.privately(stage.metainfo) : stage.metainfo
      let session = try await SwarmStage.session()
      let handle = try await session.add(metainfo, AddOptions(directory: stage.downloadFolder("x")))
      while case .checking = await handle.status().state { try await Task.sleep(for: .milliseconds(5)) }
      let port = try #require(session.listening.first?.port)
      let hash = metainfo.info.infoHash.bytes
      try await onThread {
        let peers = try (0..<count).map { _ in
          try RawPeer(
            to: TestAddress(ip: "127.0.0.1", port: port), infoHash: hash, reserved: Self.extended)
        }
        defer { for peer in peers { peer.connection.close() } }
        try body(peers, session, InfoHashBytes(bytes: hash))
      }
      await session.stop()
    }
  }

  struct InfoHashBytes: Sendable { let bytes: [UInt8] }

  @Test func aPeerIsToldOfOthersThatListen() async throws {
    try await withPeers(3) { peers, _, _ in
      try peers[0].send(Self.hello)
      let said = try peers[0].receive(20).payload
      let hello = try BencodeDocument(Array(said.dropFirst())).root
      #expect(hello["m"]?["ut_pex"]?.integer == 2)
      // The second does not say where it listens; the third does.
      try peers[1].send(WireMessage.message(20, [0] + Array("d1:md6:ut_pexi9eee".utf8)))
      try peers[2].send(WireMessage.message(20, [0] + Array("d1:pi5555ee".utf8)))
      var message = try peers[0].receive(20)
      #expect(message.payload.first == 9)
      let told = try BencodeDocument(Array(message.payload.dropFirst())).root
      #expect(told["added"]?.string == [127, 0, 0, 1, 21, 179])
      #expect(told["added.f"]?.string == [0])
      message = try peers[1].receive(20)
      while message.payload.first == 0 { message = try peers[1].receive(20) }
      let others = try BencodeDocument(Array(message.payload.dropFirst())).root
      #expect(others["added"]?.string?.count == 12)
    }
  }

  @Test func aPrivateTorrentDoesNotOfferIt() async throws {
    try await withPeers(1, isPrivate: true) { peers, _, _ in
      let hello = try BencodeDocument(Array(peers[0].receive(20).payload.dropFirst())).root
      #expect(hello["m"]?["ut_pex"] == nil && hello["m"]?["ut_metadata"]?.integer == 1)
    }
  }

  @Test func whoFloodsIsDropped() async throws {
    try await withPeers(2) { peers, _, _ in
      for peer in peers { try peer.send(Self.hello) }
      let message = WireMessage.message(20, [2] + PeerExchangeMessage().encoded())
      // A few are too many, and forgiven.
      for _ in 0..<10 { try peers[0].send(message) }
      for _ in 0..<100 { try? peers[1].send(message) }
      #expect(peers[1].connection.isClosed(within: .seconds(5)))
      #expect(!peers[0].connection.isClosed(within: .milliseconds(200)))
    }
  }
}
