import Foundation
import Metainfo
import PieceStorage
import TestSupport
import Testing

@testable import BitTorrent

/// A disk that needs 200 ms for each write: the network waits for it, nothing else happens.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SlowDiskTests {
  @Test(arguments: [256 << 10, 1 << 20])
  func memoryStaysBoundedAndTheNetworkWaits(_ memory: Int) async throws {
    let pieceLength = 128 << 10
    try await SwarmStage.with([(path: "a", size: 5 << 20)], pieceLength: pieceLength) { stage in
      let seeder = try await SwarmStage.session()
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await SwarmStage.session { $0.pendingPieceBytes = memory }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      options.faults = { operation, path in
        if operation == .write, path.hasPrefix("payload") { usleep(200_000) }
        return 0
      }
      let start = ContinuousClock.now
      let handle = try await leech.add(stage.metainfo, options)
      let status = try await handle.waitUntilComplete(within: 40)
      #expect(ContinuousClock.now - start > .milliseconds(40 * 200 / 3))
      let (peak, closes) = await handle.seat.loop.perform { loop in
        let seat = handle.seat.value(on: loop)
        return (seat.context.pieces.peakBytes, seat.torrent?.counters.closes ?? [:])
      }
      #expect(peak > 0 && peak <= max(memory, 6 * stage.metainfo.info.pieceLength))
      #expect(status.wasted == 0)
      #expect(status.downloaded == status.wantedBytes)
      #expect(status.peerTraffic.count == 1)
      // The one connection lived until both were complete.
      #expect(closes.keys.allSatisfy { $0 == .bothComplete || $0 == .closedByPeer }, "\(closes)")
      #expect(closes.values.reduce(0, +) <= 1)
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func whatIsReadForPeersDoesNotWaitForWrites() async throws {
    try await SwarmStage.with([(path: "a", size: 12 << 20)], pieceLength: 128 << 10) { slow in
      try await SwarmStage.with([(path: "b", size: 1 << 20)]) { other in
        let seeder = try await SwarmStage.session()
        _ = try await seeder.add(slow.metainfo, AddOptions(directory: slow.seedFolder)).waitUntilComplete()
        let middle = try await SwarmStage.session()
        _ = try await middle.add(other.metainfo, AddOptions(directory: other.seedFolder)).waitUntilComplete()
        var options = AddOptions(directory: slow.downloadFolder("copy"))
        options.peers = seeder.listening
        options.faults = { operation, path in
          if operation == .write, path.hasPrefix("payload") { usleep(200_000) }
          return 0
        }
        let writing = try await middle.add(slow.metainfo, options)
        try await eventually("it is all in memory", every: .milliseconds(5)) {
          let status = await writing.status()
          return status.downloaded == status.wantedBytes
        }
        let leech = try await SwarmStage.session()
        var copy = AddOptions(directory: other.downloadFolder("copy"))
        copy.peers = middle.listening
        _ = try await leech.add(other.metainfo, copy).waitUntilComplete()
        // Six seconds of writing: the other torrent went out meanwhile.
        #expect(await writing.status().piecesHave < 90)
        _ = try await writing.waitUntilComplete()
        for session in [leech, middle, seeder] { await session.stop() }
        try slow.compare("copy")
        try other.compare("copy")
      }
    }
  }
}
