import Addresses
import Bencode
import BitTorrent
import Bytes
import Digest
import Metainfo
import PeerProtocol
import TestSupport
import Testing

/// A peer that says that it has an info dictionary, and what it does when it is asked for it.
enum MetadataPeerKind: String, CaseIterable, CustomTestStringConvertible {
  case honest, liar, silent, rejecter, wrongTotal, shortPieces, garbage, unasked, hugeSize, closesAtOnce

  var testDescription: String { rawValue }

  /// Serves one connection until it ends.
  func serve(_ connection: Connection, _ metadata: [UInt8], asked: (Int) -> Void) throws {
    let peer = try RawPeer(accepting: connection, reserved: [0, 0, 0, 0, 0, 0x10, 0, 0])
    connection.setLimit(.seconds(30))
    let size = self == .hugeSize ? 1 << 30 : metadata.count
    var hello: Bencode = ["m": ["ut_metadata": 7]]
    hello["metadata_size"] = .integer(Int64(size))
    try peer.send(WireMessage.message(20, [0] + hello.encoded()))
    if self == .closesAtOnce { return connection.close() }
    if self == .garbage { try peer.send(WireMessage.message(20, [1] + Array("d8:msg_typei1e".utf8))) }
    if self == .unasked {
      for piece in 0..<100 { try peer.send(data(piece % 2, metadata, total: metadata.count)) }
    }
    var id: UInt8 = 0
    while true {
      let message = try peer.receive(20)
      let body = Array(message.payload.dropFirst())
      if message.payload.first == 0 {
        let said = try BencodeDocument(body).root
        id = UInt8(clamping: said["m"]?["ut_metadata"]?.integer ?? 0)
        continue
      }
      #expect(message.payload.first == 7)
      guard let piece = try BencodeDocument(body).root["piece"]?.integer.map(Int.init) else { continue }
      asked(piece)
      switch self {
      case .honest: try peer.send(data(piece, metadata, total: metadata.count, id: id))
      case .liar: try peer.send(data(piece, metadata.map { $0 ^ 1 }, total: metadata.count, id: id))
      case .silent, .hugeSize, .closesAtOnce, .unasked: break
      case .rejecter:
        let reject: Bencode = ["msg_type": 2, "piece": .integer(Int64(piece))]
        try peer.send(WireMessage.message(20, [id] + reject.encoded()))
      case .wrongTotal: try peer.send(data(piece, metadata, total: metadata.count + 1, id: id))
      case .shortPieces:
        let whole = data(piece, metadata, total: metadata.count, id: id)
        try peer.send(WireMessage.message(20, Array(whole[5...].dropLast(3))))
      case .garbage: try peer.send(WireMessage.message(20, [id] + Array("d8:msg_type".utf8)))
      }
    }
  }

  private func data(_ piece: Int, _ metadata: [UInt8], total: Int, id: UInt8 = 1) -> [UInt8] {
    let head: Bencode = [
      "msg_type": 1, "piece": .integer(Int64(piece)), "total_size": .integer(Int64(total)),
    ]
    let range = MetadataMessage.range(of: piece, size: metadata.count) ?? 0..<0
    return WireMessage.message(20, [id] + head.encoded() + metadata[range])
  }
}

/// Info dictionaries from peers that do not mean well.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LyingPeerTests {
  /// A torrent whose info dictionary takes a few pieces of 16 KiB.
  private static let torrent = TestTorrent(size: 3000 * 1024, pieceLength: 1024)

  private func servers(_ kinds: [MetadataPeerKind], asked: @escaping @Sendable (Int) -> Void = { _ in })
    throws
    -> [SocketServer]
  {
    let metadata = try #require(Self.torrent.metainfo["info"]).encoded()
    #expect(MetadataMessage.pieceCount(metadata.count) == 4)
    return try kinds.map { kind in
      try SocketServer(at: TestNetwork.address()) { connection in
        try? kind.serve(connection, metadata, asked: asked)
      }
    }
  }

  private func fetch(from servers: [SocketServer]) async throws {
    let session = try await SwarmStage.session { configuration in
      if let here = Endpoint(TestNetwork.address().description) { configuration.listen = [here] }
    }
    var options = AddOptions(directory: "/nonexistent")
    options.peers = try servers.map { try #require(Endpoint($0.address.description)) }
    options.isMetadataOnly = true
    let hash = try #require(InfoHash(Self.torrent.infoHash))
    let handle = try await session.add(Magnet(infoHashV1: hash), options)
    let end = ContinuousClock.now + .seconds(20)
    while await handle.metainfo() == nil {
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "\(await handle.status())") }
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(await handle.metainfo()?.info.infoHash == hash)
    await session.stop()
    for server in servers { server.stop() }
  }

  @Test(arguments: MetadataPeerKind.allCases.filter { $0 != .honest })
  func oneHonestPeerIsEnoughBeside(_ kind: MetadataPeerKind) async throws {
    try await fetch(from: servers([kind, kind, .honest, kind, kind]))
  }

  @Test func oneHonestPeerIsEnoughBesideAllOfThem() async throws {
    let bad = MetadataPeerKind.allCases.filter { $0 != .honest }
    try await fetch(from: servers(bad + bad + [.honest]))
  }

  @Test func theWorkIsShared() async throws {
    try await fetch(from: servers([.honest, .honest, .honest]))
  }
}
