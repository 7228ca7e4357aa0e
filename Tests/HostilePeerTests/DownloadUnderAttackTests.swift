import Foundation
import Synchronization
import TestSupport
import Testing

/// Bad peers that `apus download` connects to: the honest one gets it done, whatever they do.
@Suite(.throttled)
struct DownloadUnderAttackTests {
  /// A peer that breaks the rules, or is silent, is the only one until it has done what it does; those
  /// that no honest peer resembles are dropped before.
  @Test(.timeLimit(.minutes(2)), arguments: Attack.allCases)
  func completesDespite(_ attack: Attack) async throws {
    try await download(.v1) { connection, torrent, done in
      // Slowness is what it does, and silence.
      if attack == .byteASecond || attack == .nothing { done() }
      // It may be dropped before it has sent everything.
      try? attack.perform(on: connection, with: torrent)
      if attack.mustBeDropped {
        if connection.isClosed(within: .seconds(5)) { done() }
      } else {
        done()
        if attack != .closesAtOnce { _ = connection.isClosed(within: .seconds(60)) }
      }
    }
  }

  /// A peer that claims everything, and answers each request with content that is wrong.
  @Test(.timeLimit(.minutes(2)), arguments: [TorrentFormat.v1, .v2])
  func bansWhoSendsBadData(_ format: TorrentFormat) async throws {
    try await download(format) { connection, torrent, done in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      // Being dropped ends the loop, and only then the honest peer joins.
      while let message = try? peer.receive(6) {
        let (piece, begin, length) = (message.number(0), message.number(4), message.number(8))
        var content = torrent.block(piece, begin, length)
        content[content.count / 2] ^= 1
        try? peer.send(WireMessage.piece(piece, begin, content))
      }
      done()
    }
  }

  /// A peer that spoils one block in four, so that most pieces have blocks of both.
  @Test(.timeLimit(.minutes(2)), arguments: [TorrentFormat.v1, .v2])
  func completesBesideWhoSendsSomeBadData(_ format: TorrentFormat) async throws {
    try await download(format) { connection, torrent, done in
      let peer = try RawPeer(accepting: connection)
      done()
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      while let message = try? peer.receive(6) {
        let (piece, begin, length) = (message.number(0), message.number(4), message.number(8))
        var content = torrent.block(piece, begin, length)
        if Int.random(in: 0..<4) == 0 { content[0] ^= 0x80 }
        usleep(1000)
        try? peer.send(WireMessage.piece(piece, begin, content))
      }
    }
  }

  /// A peer that claims everything, takes all requests, and then sends a byte a second.
  @Test(.timeLimit(.minutes(2)))
  func completesBesideWhoSendsAByteASecond() async throws {
    try await download(.v1) { connection, torrent, done in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      let message = try peer.receive(6)
      done()
      let block = WireMessage.piece(
        message.number(0), message.number(4),
        torrent.block(message.number(0), message.number(4), message.number(8)))
      for byte in block.prefix(60) {
        try connection.send([byte])
        if connection.isClosed(within: .seconds(1)) { return }
      }
    }
  }

  /// A peer that claims everything and takes all requests, and never answers.
  @Test(.timeLimit(.minutes(2)))
  func completesBesideWhoNeverAnswers() async throws {
    try await download(.v1) { connection, torrent, done in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      _ = try peer.receive(6)
      done()
      _ = connection.isClosed(within: .seconds(60))
    }
  }

  /// A peer that chokes and unchokes all the time, and forgets the requests each time.
  @Test(.timeLimit(.minutes(2)))
  func completesBesideWhoChangesItsMind() async throws {
    try await download(.v1) { connection, torrent, done in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount))
      for turn in 0..<10_000 {
        if turn == 100 { done() }
        try peer.send(WireMessage.unchoke)
        usleep(500)
        try peer.send(WireMessage.choke)
      }
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: Stalling.allCases)
  func completesBesideHundredsOfStallingConnections(_ stalling: Stalling) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20)
      let honest = try HonestSeeder(torrent, on: stage, closed: true)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [honest.address])
      try leecher.download(path, into: target)
      let process = try #require(leecher.process)
      try await leecher.waitUntilListening(process)
      let connections = try await torrent.stall(stalling, at: leecher.address)
      defer { for connection in connections { connection.close() } }
      #expect(try #require(process.memory("VmHWM")) < 200 << 20)
      honest.open()
      try await eventually("the download is done", within: .seconds(60)) { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
    }
  }

  /// It is told its own address as a peer's.
  @Test(.timeLimit(.minutes(1)))
  func completesWithItselfAsAPeer() async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20)
      let honest = try HonestSeeder(torrent, on: stage, bytesPerSecond: 4 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage)
      try leecher.start([
        "download", path, "--dir", target, "--listen", "\(leecher.address)", "--peer", "\(leecher.address)",
        "--peer", "\(honest.address)", "--json",
      ])
      try await eventually("the download is done") { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
    }
  }

  /// Downloads from an honest seeder, which joins once `hostile` says that it is done with its first
  /// connection.
  private func download(
    _ format: TorrentFormat,
    from hostile: @escaping @Sendable (Connection, TestTorrent, _ done: @Sendable () -> Void) throws -> Void
  ) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 67 * 65536 - 100, format: format)
      let isDone = Mutex(false)
      let bad = try stage.server { connection in
        // Being dropped in the middle of it is what a bad peer deserves.
        try? hostile(connection, torrent) { isDone.withLock { $0 = true } }
      }
      let honest = try HonestSeeder(torrent, on: stage, closed: true)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [bad.address, honest.address])
      try leecher.download(path, into: target)
      try await eventually("the bad peer has done what it does") { isDone.withLock { $0 } }
      honest.open()
      var memory = 0
      try await eventually("the download is done", within: .seconds(90)) {
        memory = max(memory, leecher.process?.memory("VmHWM") ?? 0)
        return try leecher.isComplete()
      }
      #expect(try torrent.faults(in: target) == [])
      #expect(memory < 200 << 20)
    }
  }
}
