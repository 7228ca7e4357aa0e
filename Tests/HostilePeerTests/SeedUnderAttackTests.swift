import Foundation
import TestSupport
import Testing

/// Bad peers that connect to `apus seed`: it lets go of them, and goes on serving.
@Suite(.throttled)
struct SeedUnderAttackTests {
  /// All attacks go to one seed, so that one that leaves it damaged shows in the others.
  @Test(.timeLimit(.minutes(2)), arguments: [TorrentFormat.v1, .v2])
  func survivesEveryAttack(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      // The last byte of the bitfield has spare bits.
      let torrent = TestTorrent(size: 67 * 65536 - 100, format: format)
      let seed = try await torrent.seeded(on: stage)
      let process = try #require(seed.process)
      for attack in Attack.allCases {
        let dropped = try await onThread { [address = seed.address] in
          let connection = try Connection(to: address, from: TestNetwork.address())
          defer { connection.close() }
          if attack == .ownPeerID {
            let victim = try RawPeer(to: address, from: TestNetwork.address(), infoHash: torrent.infoHash)
            victim.connection.close()
            try? connection.send(WireMessage.handshake(infoHash: torrent.infoHash, peerID: victim.peerID))
          } else {
            // It may be dropped before it is done.
            try? attack.perform(on: connection, with: torrent)
          }
          return connection.isClosed(within: attack.mustBeDropped ? .seconds(5) : .milliseconds(50))
        }
        if attack.mustBeDropped { #expect(dropped, "\(attack.rawValue) was not dropped") }
        try await torrent.expectService(at: seed.address, after: attack.rawValue)
        try #require(process.status == nil, "\(attack.rawValue) ended the seed")
      }
      let memory = try #require(process.memory("VmHWM"))
      #expect(memory < 200 << 20)
    }
  }

  /// Connections that say nothing, or only shake hands, or claim to be interested, and stay.
  @Test(.timeLimit(.minutes(2)), arguments: Stalling.allCases)
  func servesBesideHundredsOfStallingConnections(_ stalling: Stalling) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20)
      let seed = try await torrent.seeded(on: stage)
      let process = try #require(seed.process)
      let connections = try await torrent.stall(stalling, at: seed.address)
      defer { for connection in connections { connection.close() } }
      let target = try stage.folder.folder("target")
      let path = try torrent.write(to: stage.folder["again.torrent"])
      let leecher = ApusClient(on: stage, peers: [seed.address])
      try leecher.download(path, into: target)
      try await eventually("the download is done", within: .seconds(60)) { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
      #expect(try #require(process.memory("VmHWM")) < 200 << 20)
    }
  }
}

/// How far connections go before they stall.
enum Stalling: CaseIterable {
  case silent, handshake, interested
}

extension TestTorrent {
  /// Starts `apus seed` with this torrent.
  func seeded(on stage: Stage) async throws -> ApusClient {
    let source = try stage.folder.folder("source")
    try writeContent(in: source)
    let path = try write(to: stage.folder["payload.torrent"])
    let seed = ApusClient(on: stage)
    try await seed.seed(path, in: source)
    try await eventually("the seed has checked its files") {
      // While it checks its files it knows no torrent, and hangs up.
      try await onThread { [address = seed.address] in (try? hasEverything(at: address)) == true }
    }
    return seed
  }

  /// Opens hundreds of connections that stay and do nothing more.
  func stall(_ stalling: Stalling, at address: TestAddress) async throws -> [Connection] {
    try await onThread {
      try (0..<400).map { _ in
        let connection = try Connection(to: address, from: TestNetwork.address())
        // The limits on connections may strike already.
        if stalling != .silent { try? connection.send(WireMessage.handshake(infoHash: infoHash)) }
        if stalling == .interested { try? connection.send(WireMessage.message(2)) }
        return connection
      }
    }
  }

  private func hasEverything(at address: TestAddress) throws -> Bool {
    // While it checks its files it takes no peers.
    guard let peer = try? RawPeer(to: address, from: TestNetwork.address(), infoHash: infoHash) else {
      return false
    }
    defer { peer.connection.close() }
    let field = try peer.receive(5).payload
    return field.reduce(0) { $0 + $1.nonzeroBitCount } == pieceCount
  }

  /// Fetches one block as an honest peer and compares it.
  func expectService(at address: TestAddress, after what: String) async throws {
    let piece = Int.random(in: 0..<(pieceCount - 1))
    let expected = block(piece, 0, 16384)
    let got = try await onThread {
      let peer = try RawPeer(to: address, from: TestNetwork.address(), infoHash: infoHash)
      defer { peer.connection.close() }
      peer.connection.setLimit(.seconds(30))
      try peer.send(WireMessage.interested)
      _ = try peer.receive(1)
      try peer.send(WireMessage.request(piece, 0, 16384))
      return try Array(peer.receive(7).payload.dropFirst(8))
    }
    #expect(got == expected, "after \(what)")
  }
}
