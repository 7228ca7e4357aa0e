import Dispatch
import EventLoop
import Metainfo
import PieceStorage
import TestSupport
import Testing

@testable import BitTorrent

/// Sessions that have just started and connect to each other at once.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ConnectTests {
  @Test(arguments: [1, 2]) func noAttemptIsLost(_ loops: Int) async throws {
    try await SwarmStage.with([(path: "a", size: 50_000)], isPrivate: true) { stage in
      for number in 0..<40 {
        let one = try await SwarmStage.session { $0.loops = loops }
        let other = try await SwarmStage.session { $0.loops = loops }
        var (seed, copy) = (
          AddOptions(directory: stage.seedFolder), AddOptions(directory: stage.downloadFolder("\(number)"))
        )
        seed.peers = number % 2 == 0 ? other.listening : []
        copy.peers = one.listening
        let source = try await one.add(stage.metainfo, seed)
        let handle = try await other.add(stage.metainfo, copy)
        let status = try await handle.waitUntilComplete()
        // A second attempt would come after half a second, the next ones after seconds: and be counted.
        let lost: Set = [CloseReason.connectTimeout.rawValue, CloseReason.handshakeTimeout.rawValue]
        #expect(lost.isDisjoint(with: status.endedConnections.keys), "\(status.endedConnections)")
        #expect(await lost.isDisjoint(with: source.status().endedConnections.keys))
        await other.stop()
        await one.stop()
      }
    }
  }

  /// Who comes while what is on disk is looked at waits for the end of it; but not for longer than it would.
  @Test(arguments: [true, false]) func whoComesEarlyIsLetInLater(_ isInTime: Bool) async throws {
    try await SwarmStage.with([(path: "a", size: 50_000)]) { stage in
      let session = try await SwarmStage.session { $0.diskThreads = 1 }
      // The only disk thread is busy: the torrent is not looked at.
      let gate = DispatchSemaphore(value: 0)
      let handle = try await session.add(
        stage.metainfo, AddOptions(directory: stage.seedFolder), behind: gate)
      let port = try #require(session.listening.first?.port)
      let hash = try #require(stage.metainfo.info.infoHashV1).bytes
      let connection = try await onThread {
        let connection = try Connection(to: TestAddress(ip: "127.0.0.1", port: port))
        try connection.send(WireMessage.handshake(infoHash: hash))
        return connection
      }
      try await eventually("it waits") { await handle.visitors == 1 }
      if isInTime {
        gate.signal()
        let answer = try await onThread { try connection.receive(exactly: 68) }
        #expect(Array(answer[28..<48]) == hash)
      } else {
        #expect(try await onThread { connection.isClosed(within: .seconds(20)) })
        gate.signal()
      }
      try await eventually("nobody waits") { await handle.visitors == 0 }
      #expect(await handle.status().peers == (isInTime ? 1 : 0))
      await session.stop()
    }
  }
}

extension Session {
  /// Adds a torrent while a disk thread waits for the gate.
  fileprivate func add(
    _ metainfo: Metainfo, _ options: AddOptions, behind gate: DispatchSemaphore
  ) async throws -> TorrentHandle {
    await loops[0].loop.perform { loop in
      disk.submit(
        DiskWork(on: loop) { _ in
          gate.wait()
        } then: { _, _ in
        })
    }
    return try await add(metainfo, options)
  }
}

extension TorrentHandle {
  fileprivate var visitors: Int {
    get async { await seat.loop.perform { loop in seat.value(on: loop).visitors.count } }
  }
}
