import Digest
import EventLoop
import Foundation
import Metainfo
import PieceStorage
import Synchronization
import TestSupport
import Testing

@testable import BitTorrent

/// Keeps a disk thread until it is ended.
private final class Hold: DiskJob {
  private let isOver = Atomic(false)

  func end() { isOver.store(true, ordering: .relaxed) }

  func run(on thread: DiskThread) { while !isOver.load(ordering: .relaxed) { usleep(500) } }
}

/// Leaf hashes that we give to others (BEP 52), and checks that outlive their piece.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LeafServingTests {
  private static let torrent = TestTorrent(size: 1 << 20, pieceLength: 256 << 10, format: .v2)

  /// Asks `session` for the leaf hashes of pieces, one after the other: the answers' hashes, `nil` for a reject.
  private func ask(_ session: Session, _ pieces: [Int]) async throws -> [[UInt8]?] {
    let torrent = Self.torrent
    let port = try #require(session.listening.first?.port)
    let root = try #require(Metainfo(torrent.metainfo.encoded()).info.files[0].piecesRoot).bytes
    return try await onThread {
      let peer = try RawPeer(
        to: TestAddress(ip: "127.0.0.1", port: port), infoHash: torrent.infoHash)
      defer { peer.connection.close() }
      return try pieces.map { piece in
        try peer.send(
          WireMessage.message(21, root + [0, piece * 16, 16, 3].flatMap(WireMessage.number)))
        while true {
          let message = try peer.receive()
          if message.id == 22 { return Array(message.payload[48...]) }
          if message.id == 23 { return nil }
        }
      }
    }
  }

  private func leaves(_ piece: Int) -> [UInt8] {
    (0..<16).flatMap { SHA256.hash(Self.torrent.block(piece, $0 * 16384, 16384).rawBytes).bytes }
  }

  @Test func aSeederReadsAPieceOnceForManyWhoAsk() async throws {
    try await withStage { stage in
      let folder = try stage.folder.folder("seed")
      try Self.torrent.writeContent(in: folder)
      let session = try await SwarmStage.session()
      let handle = try await session.add(
        Metainfo(Self.torrent.metainfo.encoded()), AddOptions(directory: folder))
      _ = try await handle.waitUntilComplete()
      #expect(try await ask(session, [0, 1, 0, 0]) == [0, 1, 0, 0].map { leaves($0) })
      #expect(try await ask(session, [1, 3]) == [1, 3].map { leaves($0) })
      let counts = await handle.status().leaves
      #expect(counts.served == 6)
      #expect(counts.readings == 3)
      await session.stop()
    }
  }

  @Test func whoHasJustVerifiedAPieceNeedNotReadIt() async throws {
    try await withStage { stage in
      let source = try LeafPeer(Self.torrent, on: stage, LeafPeer.Script(pause: 0))
      let session = try await SwarmStage.session()
      var options = AddOptions(directory: try stage.folder.folder("target"))
      options.peers = [source.endpoint]
      let handle = try await session.add(Metainfo(Self.torrent.metainfo.encoded()), options)
      _ = try await handle.waitUntilComplete()
      #expect(try await ask(session, [0, 1, 2, 3]) == (0..<4).map { leaves($0) })
      let counts = await handle.status().leaves
      #expect(counts.served == 4)
      #expect(counts.readings == 0)
      await session.stop()
    }
  }

  @Test func aSpoiledFileIsNoReasonToLie() async throws {
    try await withStage { stage in
      let folder = try stage.folder.folder("seed")
      try Self.torrent.writeContent(in: folder)
      let session = try await SwarmStage.session()
      let handle = try await session.add(
        Metainfo(Self.torrent.metainfo.encoded()), AddOptions(directory: folder))
      _ = try await handle.waitUntilComplete()
      let file = try #require(FileHandle(forUpdatingAtPath: folder + "/payload.bin"))
      try file.seek(toOffset: 300 << 10)
      try file.write(contentsOf: [1, 2, 3])
      try file.close()
      #expect(try await ask(session, [0, 1]) == [leaves(0), nil])
      await session.stop()
    }
  }

  /// The piece is given up while a disk thread is to check its blocks: the liar is named all the same.
  @Test func aPieceMayBeDroppedDuringACheck() async throws {
    let torrent = TestTorrent(size: 1 << 20, pieceLength: 1 << 20, format: .v2)
    try await withStage { stage in
      let liar = try LeafPeer(torrent, on: stage, LeafPeer.Script(bad: 1, pause: 3000))
      let session = try await SwarmStage.session { $0.diskThreads = 1 }
      let target = try stage.folder.folder("target")
      let handle = try await session.add(
        Metainfo(torrent.metainfo.encoded()), AddOptions(directory: target))
      try await eventually("it looks for peers") { await handle.status().state == .downloading }
      let seat = handle.seat
      let hold = Hold()
      defer { hold.end() }
      session.disk.submit(hold)
      await handle.add(peers: [liar.endpoint])
      try await eventually("blocks wait for a check") {
        await seat.loop.perform { loop in
          seat.value(on: loop).torrent?.openPieces.first.flatMap { $0 }?.isChecking ?? false
        }
      }
      await seat.loop.perform { loop in
        guard let torrent = seat.value(on: loop).torrent else { return }
        var cancels: [Assignment] = []
        torrent.picker.discard(0, cancels: &cancels)
        torrent.close(0)
      }
      hold.end()
      try await eventually("the liar is dropped") { liar.soFar.isClosed }
      let honest = try LeafPeer(torrent, on: stage, LeafPeer.Script(pause: 100))
      await handle.add(peers: [honest.endpoint])
      let status = try await handle.waitUntilComplete()
      #expect(status.leaves.badBlocks == 1)
      #expect(status.failedPieces == 0)
      #expect(liar.soFar.connections == 1)
      await session.stop()
      #expect(try torrent.faults(in: target) == [])
    }
  }
}
