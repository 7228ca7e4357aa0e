import Addresses
import EventLoop
import Foundation
import Metainfo
import Synchronization
import Testing

@testable import BitTorrent

/// A folder of small files, a torrent file of each, and a batch of them.
final class RestStage: Sendable {
  let folder: URL
  let count: Int
  /// Torrent files that were read, by number.
  let reads = Mutex<[Int]>([])

  init(count: Int, trackers: [[String]] = []) throws {
    self.count = count
    folder = URL(fileURLWithPath: NSTemporaryDirectory())
      .appendingPathComponent("apus-rest-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for number in 0..<count {
      let content = folder.appendingPathComponent("content-\(number)")
      try SwarmStage.bytes("\(number)", 40_000).write(to: content)
      var options = TorrentCreation.Options()
      options.version = [.v1, .v2, .hybrid][number % 3]
      options.pieceLength = 16 << 10
      options.trackers = trackers
      let metainfo = try TorrentCreation.run(path: content.path, options: options, threads: 1)
      try Data(metainfo.encoded()).write(to: file(number))
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func file(_ number: Int) -> URL { folder.appendingPathComponent("\(number).torrent") }

  func metainfo(_ number: Int) throws -> Metainfo { try Metainfo([UInt8](Data(contentsOf: file(number)))) }

  var batch: TorrentBatch {
    TorrentBatch(count: count, options: AddOptions(directory: folder.path)) { number in
      self.reads.withLock { $0.append(number) }
      return try self.metainfo(number)
    }
  }

  /// A session that has the batch, all of it at rest.
  func restingSession(_ configure: (inout SessionConfiguration) -> Void = { _ in }) async throws -> Session {
    let session = try await SwarmStage.session(configure)
    #expect(try await session.add(batch).isEmpty)
    try await session.waitForRest()
    return session
  }

  func handle(_ number: Int, in session: Session) throws -> TorrentHandle {
    try #require(session.torrent(try metainfo(number).info.infoHash))
  }
}

/// What a session's loops are busy with.
struct Bustle: Equatable {
  /// Torrents that are in memory.
  var awake = 0
  /// Ticks that torrents were given so far.
  var ticks = 0
  /// Clocks that run.
  var clocks = 0
  var mostAnnounces = 0
  var announcesWaiting = 0
}

extension Session {
  func bustle() async -> Bustle {
    var sum = Bustle()
    for context in loops {
      let one = await context.loop.perform { loop in
        let context = context.value(on: loop)
        return Bustle(
          awake: context.torrents.count, ticks: context.ticks, clocks: context.isTicking ? 1 : 0,
          mostAnnounces: context.gate.mostRunning, announcesWaiting: context.gate.waiting)
      }
      sum.awake += one.awake
      sum.ticks += one.ticks
      sum.clocks += one.clocks
      sum.mostAnnounces += one.mostAnnounces
      sum.announcesWaiting += one.announcesWaiting
    }
    return sum
  }

  /// Waits until no torrent is awake, none waits to be read, and all of them are complete.
  /// Long, because a port of a peer that has left may be taken by somebody who says nothing for ten seconds.
  func waitForRest(within seconds: Double = 45) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      var waiting = 0
      for context in loops {
        waiting += await context.loop.perform { loop in context.value(on: loop).waitingForTurn }
      }
      if waiting == 0, await bustle().awake == 0 { return }
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "still busy: \(await bustle())") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}
