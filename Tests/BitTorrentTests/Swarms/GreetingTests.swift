import Addresses
import BitTorrent
import Digest
import Foundation
import Metainfo
import PeerProtocol
import TestSupport
import Testing

/// What a session answers to the first bytes of a peer, byte by byte.
@Suite(.serialized, .timeLimit(.minutes(1))) struct GreetingTests {
  private static let plain: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
  private static let v2: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0x10]

  /// The info-hash that a seeding session greets with, after a handshake with `hash`; `nil` if it closes.
  private func answer(
    _ version: TorrentVersion, reserved: [UInt8], hash: @escaping @Sendable (Info) -> InfoHash?
  ) async throws -> (hash: [UInt8]?, info: Info) {
    var result: (hash: [UInt8]?, info: Info)?
    try await SwarmStage.with([(path: "a", size: 50_000)], version: version) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let port = try #require(seeder.listening.first?.port)
      let wanted = try #require(hash(stage.metainfo.info)).bytes
      let answer = try await onThread {
        let connection = try Connection(to: TestAddress(ip: "127.0.0.1", port: port))
        defer { connection.close() }
        try connection.send(WireMessage.handshake(infoHash: wanted, reserved: reserved))
        return try? Array(connection.receive(exactly: 68)[28..<48])
      }
      result = (answer, stage.metainfo.info)
      await seeder.stop()
    }
    return try #require(result)
  }

  @Test func aHybridUpgradesWhoSpeaksV2() async throws {
    let (hash, info) = try await answer(.hybrid, reserved: Self.v2) { $0.infoHashV1 }
    #expect(hash == info.infoHashV2?.truncated.bytes)
  }

  @Test func aHybridLeavesWhoDoesNotSpeakV2AtV1() async throws {
    let (hash, info) = try await answer(.hybrid, reserved: Self.plain) { $0.infoHashV1 }
    #expect(hash == info.infoHashV1?.bytes)
  }

  @Test(arguments: [TorrentVersion.v2, .hybrid])
  func theTruncatedHashOfV2IsKnown(_ version: TorrentVersion) async throws {
    let (hash, info) = try await answer(version, reserved: Self.v2) { $0.infoHashV2?.truncated }
    #expect(hash == info.infoHashV2?.truncated.bytes)
  }

  @Test func anUnknownHashIsAnsweredWithSilence() async throws {
    let (hash, _) = try await answer(.v1, reserved: Self.plain) { _ in
      InfoHash([UInt8](repeating: 7, count: 20))
    }
    #expect(hash == nil)
  }

  @Test func peersMeetOverIPv6() async throws {
    try await SwarmStage.with([(path: "a", size: 200_000)]) { stage in
      let here = Endpoint(try #require(IPAddress("::1")), port: 0)
      let seeder = try await SwarmStage.session { $0.listen = [here] }
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await SwarmStage.session { $0.listen = [here] }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.peerTraffic.map(\.endpoint) == seeder.listening)
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }
}
