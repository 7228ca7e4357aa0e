import Foundation
import Metainfo
import PieceStorage
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
      let (peak, closes) = await handle.torrent.loop.perform { loop in
        let torrent = handle.torrent.value(on: loop)
        return (torrent.context.pieces.peakBytes, torrent.counters.closes)
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
}
