import Addresses
import Foundation
import Metainfo
import TestSupport
import Testing
import TrackerServer

@testable import BitTorrent

/// Complete torrents that nobody wants: out of memory, and back when somebody does.
@Suite(.serialized, .timeLimit(.minutes(1))) struct RestTests {
  @Test(arguments: [1, 2])
  func whatIsCompleteAndIdleIsNotInMemoryAndNotTicked(loops: Int) async throws {
    let stage = try RestStage(count: 90)
    // The first time each is checked: started, found complete, put to rest.
    let first = try await stage.restingSession { $0.loops = loops }
    let changes = await first.changes()
    #expect(changes.count == stage.count)
    #expect(changes.allSatisfy { $0.state == .seeding && $0.checkedPieces == 3 && $0.piecesHave == 3 })
    #expect(await first.changes().isEmpty)
    await first.stop()

    // From then on the journal vouches for them: no torrent is ever made, no clock runs.
    stage.reads.withLock { $0 = [] }
    let second = try await SwarmStage.session { $0.loops = loops }
    #expect(try await second.add(stage.batch).isEmpty)
    #expect(await second.bustle() == Bustle())
    #expect(await second.changes().isEmpty)
    #expect(stage.reads.withLock { $0.sorted() } == Array(0..<stage.count))
    let status = try await stage.handle(77, in: second).status()
    #expect(status.name == "content-77" && status.state == .seeding && status.doneBytes == 40_000)
    await second.stop()
  }

  @Test(arguments: 0..<3)
  func aRestingTorrentWakesForAPeer(number: Int) async throws {
    let stage = try RestStage(count: 3)
    let seeder = try await stage.restingSession()
    stage.reads.withLock { $0 = [] }
    let leech = try await SwarmStage.session()
    let copy = stage.folder.appendingPathComponent("copy").path
    var options = AddOptions(directory: copy)
    options.peers = seeder.listening
    let handle = try await leech.add(stage.metainfo(number), options)
    _ = try await handle.waitUntilComplete()
    #expect(stage.reads.withLock { $0 } == [number])
    #expect(await seeder.bustle().awake == 1)
    let status = try await stage.handle(number, in: seeder).status()
    #expect(status.uploaded == 40_000)
    #expect(
      FileManager.default.contents(atPath: "\(copy)/content-\(number)")
        == FileManager.default.contents(atPath: stage.folder.path + "/content-\(number)"))
    await leech.stop()
    await seeder.stop()
  }

  @Test func whatItDidIsRememberedAtRest() async throws {
    let stage = try RestStage(count: 1)
    let seeder = try await stage.restingSession { $0.restAfter = 0 }
    let leech = try await SwarmStage.session()
    var options = AddOptions(directory: stage.folder.appendingPathComponent("copy").path)
    options.peers = seeder.listening
    _ = try await leech.add(stage.metainfo(0), options).waitUntilComplete()
    await leech.stop()
    try await seeder.waitForRest()
    let status = try await stage.handle(0, in: seeder).status()
    #expect(status.uploaded == 40_000 && status.state == .seeding && status.peers == 0)
    #expect(status.checkedPieces == 3)
    await seeder.stop()
  }

  @Test func aTorrentFileThatIsGoneStopsItsTorrentUntilItIsBack() async throws {
    let stage = try RestStage(count: 2)
    let session = try await stage.restingSession()
    let (original, handle) = (try Data(contentsOf: stage.file(0)), try stage.handle(0, in: session))
    try Data(contentsOf: stage.file(1)).write(to: stage.file(0))
    await handle.add(peers: [Endpoint(.loopbackV4, port: 9)])
    var state = await handle.status().state
    while state == .seeding {
      try await Task.sleep(for: .milliseconds(5))
      state = await handle.status().state
    }
    #expect(state == .stopped(reason: "its torrent file is another one now"))
    try original.write(to: stage.file(0))
    await handle.retry()
    _ = try await handle.waitUntilComplete()
    await session.stop()
  }

  @Test func contentThatVanishedAtRestIsNoticedAtWaking() async throws {
    let stage = try RestStage(count: 1)
    let session = try await stage.restingSession()
    let handle = try stage.handle(0, in: session)
    try FileManager.default.removeItem(at: stage.folder.appendingPathComponent("content-0"))
    await handle.add(peers: [Endpoint(.loopbackV4, port: 9)])
    while await handle.status().state != .downloading { try await Task.sleep(for: .milliseconds(5)) }
    #expect(await handle.status().piecesHave == 0)
    await session.stop()
  }

  @Test func whatCannotBeAddedIsNamed() async throws {
    let stage = try RestStage(count: 4)
    try Data("nonsense".utf8).write(to: stage.file(1))
    try Data(contentsOf: stage.file(2)).write(to: stage.file(3))
    let session = try await SwarmStage.session { $0.diskThreads = 1 }
    let faults = try await session.add(stage.batch)
    #expect(faults.map(\.number) == [1, 3])
    #expect(faults.last?.description == "content-2 is in this session already")
    await session.stop()
    await #expect(throws: SessionError.self) { _ = try await session.add(stage.batch) }
  }

  @Test func restingTorrentsAnnounceAFewAtATimeAndSayGoodbye() async throws {
    let tracker = try Tracker(TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 1800))
    defer { tracker.stop() }
    let endpoint = try #require(tracker.endpoints.first)
    let stage = try RestStage(count: 40, trackers: [["http://\(endpoint)/announce"]])
    let first = try await stage.restingSession()
    await first.stop()

    let session = try await SwarmStage.session {
      // Trackers that take batches have all of them at once.
      $0.trackerExtensions = false
      $0.announces = AnnounceGate.Limits(concurrent: 3, burst: 1000, perSecond: 1000)
    }
    #expect(try await session.add(stage.batch).isEmpty)
    // A hybrid has two swarms.
    let swarms = try (0..<stage.count).reduce(0) { $0 + (try stage.metainfo($1).info.infoHashes.count) }
    try await expect(seeds: swarms)
    let bustle = await session.bustle()
    #expect(bustle.awake == 0 && bustle.ticks == 0)
    #expect(bustle.mostAnnounces == 3)
    await session.stop()
    try await expect(seeds: 0)

    func expect(seeds: Int) async throws {
      let end = ContinuousClock.now + .seconds(10)
      while tracker.statistics.seeds != seeds {
        guard ContinuousClock.now < end else { throw SwarmFailure(reason: "\(tracker.statistics)") }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }
}
