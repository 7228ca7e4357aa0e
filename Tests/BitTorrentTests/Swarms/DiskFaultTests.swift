import Foundation
import Metainfo
import PieceStorage
import Synchronization
import Testing

@testable import BitTorrent

/// Faults of the disk stop a torrent with a reason, lose nothing, and are got over.
@Suite(.serialized, .timeLimit(.minutes(1))) struct DiskFaultTests {
  final class Switch: Sendable {
    private let state = Mutex<(code: Int32, operation: FileOperation, after: Int)>((0, .write, 0))
    init(_ code: Int32, _ operation: FileOperation, after: Int) {
      state.withLock { $0 = (code, operation, after) }
    }
    func off() { state.withLock { $0.code = 0 } }
    func check(_ operation: FileOperation, _ path: String) -> Int32 {
      state.withLock { state in
        guard operation == state.operation, path.hasPrefix("payload") else { return 0 }
        state.after -= 1
        return state.after < 0 ? state.code : 0
      }
    }
  }

  @Test(arguments: [
    (ENOSPC, FileOperation.write, "no space left"), (EIO, .write, "Input/output error"),
    (EIO, .sync, "Input/output error"), (EROFS, .open, "read-only"),
  ])
  func theTorrentStopsWithTheReasonAndGoesOnAfterRetry(
    _ code: Int32, _ operation: FileOperation, _ words: String
  ) async throws {
    try await SwarmStage.with([(path: "a", size: 1 << 20), (path: "b", size: 1 << 20)]) { stage in
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let fault = Switch(code, operation, after: 1)
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      options.faults = { fault.check($0, $1) }
      let handle = try await leech.add(stage.metainfo, options)
      let reason = try await handle.waitUntilStopped()
      #expect(reason.contains(words))
      fault.off()
      await handle.retry()
      await handle.add(peers: seeder.listening)
      _ = try await handle.waitUntilComplete()
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }
}

extension TorrentHandle {
  /// Waits until a fault has stopped the torrent; the reason.
  func waitUntilStopped(within seconds: Double = 20) async throws -> String {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
      if case .stopped(let reason) = await status().state { return reason }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw SwarmFailure(reason: "still running: \(await status())")
  }
}
