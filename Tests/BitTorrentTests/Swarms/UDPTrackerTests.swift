import Addresses
import EventLoop
import Foundation
import Metainfo
import Testing
import TrackerProtocol
import TrackerServer

@testable import BitTorrent

/// Sessions that find each other through UDP trackers, honest ones and others.
@Suite(.serialized, .timeLimit(.minutes(1))) struct UDPTrackerTests {
  private func quiet(_ configuration: inout SessionConfiguration) { configuration.dht.isEnabled = false }

  @Test func sessionsFindEachOtherAndSayGoodbye() async throws {
    let tracker = try await UDPTestTracker()
    try await SwarmStage.with([(path: "a", size: 300_000)], version: .hybrid) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["udp://127.0.0.1:\(tracker.port)/announce?key=1"]]
      let seeder = try await SwarmStage.session(quiet)
      _ = try await seeder.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      try await waitFor("the seeder is known") { await tracker.announces().count == 2 }
      let leech = try await SwarmStage.session(quiet)
      let handle = try await leech.add(metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      _ = try await handle.waitUntilComplete()
      let reply = try await leech.scrape(metainfo.trackers[0][0], metainfo.info.infoHashes)
      let told = await handle.scrape()
      #expect(told.map(\.tracker) == metainfo.trackers.flatMap(\.self))
      #expect(try told.first?.counts.get().seeds ?? 0 > 0)
      #expect(reply.swarms.values.map(\.downloaded) == [3, 3])
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
      let announces = await tracker.announces()
      for hash in metainfo.info.infoHashes {
        let mine = announces.filter { $0.request.infoHash == hash }
        #expect(mine.allSatisfy { $0.data == Array("/announce?key=1".utf8) })
        let events = Dictionary(grouping: mine, by: \.request.port).mapValues { $0.map(\.request.event) }
        #expect(events[seeder.listening[0].port] == [.started, .stopped])
        #expect(events[leech.listening[0].port] == [.started, .completed, .stopped])
      }
      // One connection id each, for two swarms and all their announces.
      #expect(await tracker.connects() == 2)
    }
    await tracker.stop()
  }

  @Test func bothFamiliesAreToldOverUDP() async throws {
    let tracker = try await UDPTestTracker(onV6: true)
    try await SwarmStage.with([(path: "a", size: 30_000)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["udp://tracker.test:\(tracker.port)"]]
      let session = try await onBoth()
      _ = try await session.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      try await waitFor("both families are known") { await tracker.announces().count == 2 }
      await session.stop()
      let announces = await tracker.announces()
      for isV4 in [true, false] {
        let port = session.listening.first { $0.address.isV4 == isV4 }?.port
        let mine = announces.filter { $0.isV4 == isV4 }
        #expect(mine.map(\.request.event) == [.started, .stopped])
        #expect(mine.allSatisfy { $0.request.port == port })
      }
      #expect(Set(announces.map(\.request.key)).count == 1)
    }
    await tracker.stop()
  }

  @Test func bothFamiliesAreToldOverHTTP() async throws {
    let v6 = try #require(IPAddress("::1"))
    let first = try Tracker(TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 1800))
    let port = try #require(first.endpoints.first).port
    let second = try Tracker(TrackerConfiguration(listen: [Endpoint(v6, port: port)], interval: 1800))
    defer {
      first.stop()
      second.stop()
    }
    try await SwarmStage.with([(path: "a", size: 30_000)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["http://localhost:\(port)/announce"]]
      let session = try await onBoth()
      _ = try await session.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let hash = metainfo.info.infoHash
      try await waitFor("both trackers know the seed") {
        let places = ["127.0.0.1", "[::1]"].map { "http://\($0):\(port)/announce" }
        for place in places where try await session.scrape(place, [hash]).swarms[hash]?.seeds != 1 {
          return false
        }
        return true
      }
      await session.stop()
      #expect(first.statistics.peers == 0)
      #expect(second.statistics.peers == 0)
    }
  }

  /// The bad one is the only one of its tier, the honest one behind it is asked within seconds.
  @Test(arguments: UDPTestTracker.Fault.allCases.filter { $0 != .none })
  func aBadTrackerDoesNotDelayTheNextOne(_ fault: UDPTestTracker.Fault) async throws {
    let bad = try await UDPTestTracker(fault)
    let honest = try await UDPTestTracker()
    try await SwarmStage.with([(path: "a", size: 300_000)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["udp://127.0.0.1:\(honest.port)"]]
      let seeder = try await SwarmStage.session(quiet)
      _ = try await seeder.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      try await waitFor("the seeder is known") { await honest.announces().count == 1 }
      metainfo.trackers = [["udp://127.0.0.1:\(bad.port)"], ["udp://127.0.0.1:\(honest.port)"]]
      let leech = try await SwarmStage.session(quiet)
      let start = ContinuousClock.now
      let handle = try await leech.add(metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      // Those that are as good as honest know nobody.
      if [.garbage, .floods].contains(fault) {
        try await waitFor("it has answered") { await bad.announces().count == 1 }
      } else {
        _ = try await handle.waitUntilComplete(within: 10)
        #expect(ContinuousClock.now - start < .seconds(9))
        try stage.compare("copy")
      }
      #expect(await bad.connects() >= 1)
      await leech.stop()
      await seeder.stop()
    }
    await bad.stop()
    await honest.stop()
  }

  @Test func namesAndAddressesThatLeadNowhereAreToldToTheUser() async throws {
    try await SwarmStage.with([(path: "a", size: 30_000)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["udp://no.such.host.invalid:1/announce"], ["udp://[::1]:9"], ["udp://127.0.0.1"]]
      let session = try await SwarmStage.session(quiet)
      let handle = try await session.add(metainfo, AddOptions(directory: stage.seedFolder))
      try await waitFor("the last one is spoken of") {
        await handle.status().trackerMessage?.contains("udp://127.0.0.1: the URL cannot be used") == true
      }
      await #expect(throws: ScrapeError.self) { try await session.scrape("udp://[::1]:9", []) }
      await session.stop()
    }
  }

  private func onBoth() async throws -> Session {
    let v6 = try #require(IPAddress("::1"))
    return try await SwarmStage.session {
      $0.listen = [Endpoint(.loopbackV4, port: 0), Endpoint(v6, port: 0)]
      $0.dht.isEnabled = false
      $0.trackerAddresses = ["tracker.test": [.loopbackV4, v6]]
    }
  }

  private func waitFor(
    _ what: String, within seconds: Double = 15, _ condition: () async throws -> Bool
  ) async throws {
    let end = ContinuousClock.now + .seconds(seconds)
    while try await !condition() {
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "never: \(what)") }
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}
