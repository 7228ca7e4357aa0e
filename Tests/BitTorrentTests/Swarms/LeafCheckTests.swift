import Foundation
import Metainfo
import TestSupport
import Testing

@testable import BitTorrent

/// Blocks of v2 torrents are compared with their leaf hashes as they come (BEP 52).
@Suite(.serialized, .timeLimit(.minutes(1))) struct LeafCheckTests {
  /// Pieces of 2 MiB, the last one short and with a short last block.
  private static let torrent = TestTorrent(size: 5 << 20 | 1234, pieceLength: 2 << 20, format: .v2)

  /// Downloads from scripted peers, and calls `body` when all is there.
  private func download(
    _ torrent: TestTorrent = torrent, from scripts: [LeafPeer.Script], checks: LeafChecks = .whereNeeded,
    _ body: ([LeafPeer], TorrentStatus) async throws -> Void
  ) async throws {
    try await withStage { stage in
      let peers = try scripts.map { try LeafPeer(torrent, on: stage, $0) }
      let session = try await SwarmStage.session { $0.leafChecks = checks }
      let target = try stage.folder.folder("target")
      var options = AddOptions(directory: target)
      options.peers = peers.map(\.endpoint)
      let handle = try await session.add(Metainfo(torrent.metainfo.encoded()), options)
      let status = try await handle.waitUntilComplete(within: 30)
      try await body(peers, status)
      await session.stop()
      #expect(try torrent.faults(in: target) == [])
    }
  }

  @Test(arguments: [0, 5, 20])
  func oneBadBlockAmongHonestPeersBansItsSenderBeforeThePieceIsWhole(_ goodBefore: Int) async throws {
    let honest = LeafPeer.Script(pause: 4000)
    let liar = LeafPeer.Script(bad: 1, goodBefore: goodBefore, pause: 4000)
    try await download(from: [liar, honest, honest]) { peers, status in
      #expect(peers[0].soFar.badBlocks.count == 1)
      #expect(status.endedConnections["sent bad data"] == 1)
      #expect(status.endedConnections["sent bad hashes"] == nil)
      // Long before the piece was whole: so no piece was ever whole and bad.
      #expect(peers[0].soFar.blocks < 64)
      #expect(status.failedPieces == 0)
      #expect(status.leaves.badBlocks == 1)
      #expect(status.leaves.blocks > 0)
      // The block, and what the endgame fetched twice; not the piece.
      #expect((16384..<1 << 20).contains(Int(status.wasted)))
      #expect(peers[1...].map(\.soFar.connections) == [1, 1])
    }
  }

  @Test func aNewPeerIsCheckedAlsoWhenItIsAlone() async throws {
    let liar = LeafPeer.Script(bad: 1, goodBefore: 3, pause: 4000)
    try await withStage { stage in
      let torrent = Self.torrent
      let peer = try LeafPeer(torrent, on: stage, liar)
      let session = try await SwarmStage.session()
      var options = AddOptions(directory: try stage.folder.folder("target"))
      options.peers = [peer.endpoint]
      let handle = try await session.add(Metainfo(torrent.metainfo.encoded()), options)
      try await eventually("the liar is dropped") { peer.soFar.isClosed }
      let status = await handle.status()
      #expect(peer.soFar.sentAtClose < 128)
      #expect(status.leaves.badBlocks == 1)
      #expect(status.failedPieces == 0)
      #expect(status.piecesHave == 0)
      await session.stop()
    }
  }

  /// Whoever has sent a whole good piece is not asked for leaf hashes of those that it sends alone.
  @Test func aProvenPeerIsTrustedWithWholePieces() async throws {
    let torrent = TestTorrent(size: 4 << 20, pieceLength: 64 << 10, format: .v2)
    try await download(torrent, from: [LeafPeer.Script(pause: 1000)]) { peers, status in
      #expect((1...20).contains(peers[0].soFar.hashRequests))
      #expect(status.leaves.requests == peers[0].soFar.hashRequests)
      #expect(status.failedPieces == 0)
    }
  }

  @Test func allPiecesAreCheckedIfThatIsWanted() async throws {
    let torrent = TestTorrent(size: 4 << 20 | 77, pieceLength: 1 << 20, format: .v2)
    try await download(torrent, from: [LeafPeer.Script(pause: 1000)], checks: .always) { peers, status in
      // The last piece has one block, which is its own leaf hash.
      #expect(status.leaves.answers == 4)
      #expect(peers[0].soFar.hashRequests == 4)
      #expect(status.leaves.blocks > 128)
    }
  }

  @Test func aProvenPeerThatLiesLaterIsNamedByTheWholePiece() async throws {
    let torrent = TestTorrent(size: 8 << 20, pieceLength: 128 << 10, format: .v2)
    try await withStage { stage in
      let liar = try LeafPeer(torrent, on: stage, LeafPeer.Script(bad: 1, goodBefore: 300, pause: 500))
      let session = try await SwarmStage.session()
      let target = try stage.folder.folder("target")
      var options = AddOptions(directory: target)
      options.peers = [liar.endpoint]
      let handle = try await session.add(Metainfo(torrent.metainfo.encoded()), options)
      try await eventually("the liar is dropped") { liar.soFar.isClosed }
      #expect(await handle.status().failedPieces == 1)
      let honest = try LeafPeer(torrent, on: stage, LeafPeer.Script(pause: 100))
      await handle.add(peers: [honest.endpoint])
      _ = try await handle.waitUntilComplete()
      await session.stop()
      #expect(honest.soFar.connections == 1)
      #expect(try torrent.faults(in: target) == [])
    }
  }

  /// Nobody has leaf hashes to give: the piece is checked when it is whole, and the sender found as in v1.
  @Test(arguments: [LeafPeer.Hashes.rejected, .none])
  func withoutLeafHashesTheWholePieceIsChecked(_ hashes: LeafPeer.Hashes) async throws {
    let torrent = TestTorrent(size: 1 << 20, pieceLength: 256 << 10, format: .v2)
    let liar = LeafPeer.Script(bad: 1, hashes: hashes, pause: 2000)
    let honest = LeafPeer.Script(hashes: hashes, pause: 2000)
    try await download(torrent, from: [liar, honest, honest]) { peers, status in
      #expect(status.leaves.requests > 0)
      #expect(status.leaves.answers == 0)
      #expect(status.leaves.blocks == 0)
      #expect(status.failedPieces >= 1)
      #expect(status.endedConnections["sent bad data"] == 1)
      #expect(status.endedConnections["sent bad hashes"] == nil)
      #expect(peers[1...].map(\.soFar.connections) == [1, 1])
    }
  }

  /// Leaf hashes that come late find what is there by then.
  @Test func lateLeafHashesFindWhatHasComeMeanwhile() async throws {
    let hashes = LeafPeer.Hashes.late(milliseconds: 150)
    let liar = LeafPeer.Script(bad: 1, hashes: hashes, pause: 6000)
    let honest = LeafPeer.Script(hashes: hashes, pause: 6000)
    try await download(from: [liar, honest]) { peers, status in
      #expect(status.failedPieces == 0)
      #expect(status.leaves.badBlocks == 1)
      #expect(status.endedConnections["sent bad data"] == 1)
      #expect(status.endedConnections["sent bad hashes"] == nil)
      #expect(peers[1].soFar.connections == 1)
    }
  }

  /// Hashes that are wrong name who sent them, not who sent the blocks.
  @Test func badLeafHashesBanTheirSender() async throws {
    let hashLiar = LeafPeer.Script(hashes: .wrong, unchokes: false)
    let honest = LeafPeer.Script(hashes: .rejected, pause: 3000)
    try await download(from: [hashLiar, honest]) { peers, status in
      #expect(peers[0].soFar.hashRequests > 0)
      #expect(status.endedConnections["sent bad hashes"] == 1)
      #expect(status.endedConnections["sent bad data"] == nil)
      #expect(peers[0].soFar.connections == 1)
      #expect(peers[1].soFar.connections == 1)
      #expect(status.leaves.answers == 0)
      #expect(status.leaves.badBlocks == 0)
      #expect(status.failedPieces == 0)
    }
  }

  /// A peer that sends good blocks and wrong hashes goes as well; those that sent the other blocks stay.
  @Test func anHonestSenderOfBlocksIsNotBannedForAnothersHashes() async throws {
    let hashLiar = LeafPeer.Script(hashes: .wrong, pause: 3000)
    let honest = LeafPeer.Script(hashes: .rejected, pause: 3000)
    try await download(from: [hashLiar, honest, honest]) { peers, status in
      #expect(peers[0].soFar.hashRequests > 0)
      #expect(status.endedConnections["sent bad hashes"] == 1)
      #expect(status.endedConnections["sent bad data"] == nil)
      #expect(peers[1...].map(\.soFar.connections) == [1, 1])
      #expect(status.leaves.answers == 0)
      #expect(status.leaves.badBlocks == 0)
      #expect(status.failedPieces == 0)
    }
  }
}
