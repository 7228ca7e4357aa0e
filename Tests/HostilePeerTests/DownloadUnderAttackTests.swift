import Foundation
import Synchronization
import TestSupport
import Testing

/// Bad peers that `apus download` connects to: the honest one gets it done, whatever they do.
@Suite(.throttled)
struct DownloadUnderAttackTests {
  /// A peer that breaks the rules, or is silent, is the only one until it has done what it does.
  @Test(.timeLimit(.minutes(2)), arguments: Attack.allCases)
  func completesDespite(_ attack: Attack) async throws {
    let dropped = Atomic<Bool>(false)
    try await download(.v1, opensAfter: attack.mustBeDropped ? .milliseconds(3000) : .milliseconds(300)) {
      connection, torrent in
      // It may be dropped before it is done.
      try? attack.perform(on: connection, with: torrent)
      if attack == .closesAtOnce { return }
      if connection.isClosed(within: attack.mustBeDropped ? .seconds(2) : .seconds(60)) {
        dropped.store(true, ordering: .relaxed)
      }
    }
    let wasDropped = dropped.load(ordering: .relaxed)
    #expect(wasDropped || !attack.mustBeDropped)
  }

  /// A peer that claims everything, and answers each request with content that is wrong.
  @Test(.timeLimit(.minutes(2)), arguments: [TorrentFormat.v1, .v2])
  func bansWhoSendsBadData(_ format: TorrentFormat) async throws {
    let wasDropped = Atomic<Bool>(false)
    try await download(format) { connection, torrent in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      // The end of the stream ends the loop by an error: that is what this waits for.
      while let message = try? peer.receive(6) {
        let (piece, begin, length) = (message.number(0), message.number(4), message.number(8))
        var content = torrent.block(piece, begin, length)
        content[content.count / 2] ^= 1
        try? peer.send(WireMessage.piece(piece, begin, content))
      }
      wasDropped.store(true, ordering: .relaxed)
    }
    let dropped = wasDropped.load(ordering: .relaxed)
    #expect(dropped)
  }

  /// A peer that spoils one block in ten, so that most pieces have blocks of both.
  @Test(.timeLimit(.minutes(2)), arguments: [TorrentFormat.v1, .v2])
  func completesBesideWhoSendsSomeBadData(_ format: TorrentFormat) async throws {
    try await download(format, opensAfter: .milliseconds(0)) { connection, torrent in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      while let message = try? peer.receive(6) {
        let (piece, begin, length) = (message.number(0), message.number(4), message.number(8))
        var content = torrent.block(piece, begin, length)
        if Int.random(in: 0..<10) == 0 { content[0] ^= 0x80 }
        usleep(1000)
        try? peer.send(WireMessage.piece(piece, begin, content))
      }
    }
  }

  /// A peer that claims everything, takes all requests, and then sends a byte a second.
  @Test(.timeLimit(.minutes(2)))
  func completesBesideWhoSendsAByteASecond() async throws {
    try await download(.v1) { connection, torrent in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      let message = try peer.receive(6)
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
    try await download(.v1) { connection, torrent in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke)
      _ = connection.isClosed(within: .seconds(60))
    }
  }

  /// A peer that chokes and unchokes all the time, and forgets the requests each time.
  @Test(.timeLimit(.minutes(2)))
  func completesBesideWhoChangesItsMind() async throws {
    try await download(.v1) { connection, torrent in
      let peer = try RawPeer(accepting: connection)
      try peer.send(WireMessage.fullBitfield(torrent.pieceCount))
      for _ in 0..<10_000 {
        try peer.send(WireMessage.unchoke)
        usleep(500)
        try peer.send(WireMessage.choke)
      }
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: [false, true])
  func completesBesideHundredsOfStallingConnections(shakesHands: Bool) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20)
      let honest = try HonestSeeder(torrent, on: stage, closed: true)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [honest.address])
      try leecher.download(path, into: target)
      let process = try #require(leecher.process)
      try await leecher.waitUntilListening(process)
      let stalling = try await torrent.stall(at: leecher.address, shakingHands: shakesHands)
      defer { for connection in stalling { connection.close() } }
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

  /// Downloads from an honest seeder, which joins a moment after `hostile` has its first connection.
  private func download(
    _ format: TorrentFormat, opensAfter delay: Duration = .milliseconds(300),
    from hostile: @escaping @Sendable (Connection, TestTorrent) throws -> Void
  ) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 67 * 65536 - 100, format: format)
      let bad = try stage.server { connection in
        // Being dropped in the middle of it is what a bad peer deserves.
        try? hostile(connection, torrent)
      }
      let honest = try HonestSeeder(torrent, on: stage, closed: true)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [bad.address, honest.address])
      try leecher.download(path, into: target)
      try await eventually("the bad peer is asked") { bad.accepted > 0 }
      try await Task.sleep(for: delay)
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
