import Addresses
import BitTorrent
import Foundation
import Metainfo
import TestSupport
import Testing
import TrackerProtocol
import TrackerServer

/// Sessions that find each other through a tracker of ours.
@Suite(.serialized, .timeLimit(.minutes(1))) struct AnnounceTests {
  @Test(arguments: [TorrentVersion.v1, .v2, .hybrid])
  func sessionsFindEachOtherAndTheTrackerCountsTheDownload(_ version: TorrentVersion) async throws {
    let tracker = try Tracker(TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 1800))
    defer { tracker.stop() }
    let endpoint = try #require(tracker.endpoints.first)
    try await SwarmStage.with([(path: "a", size: 300_000)], version: version) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["http://\(endpoint)/announce"]]
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      try await expect(\.seeds, 1, metainfo.info, at: endpoint)
      let leech = try await SwarmStage.session()
      let handle = try await leech.add(metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      _ = try await handle.waitUntilComplete()
      // At once: the tracker must hear of the completion all the same, then of the end.
      await leech.stop()
      try await expect(\.downloaded, 1, metainfo.info, at: endpoint)
      try await expect(\.seeds, 1, metainfo.info, at: endpoint)
      await seeder.stop()
      try await expect(\.seeds, 0, metainfo.info, at: endpoint)
      try stage.compare("copy")
    }
  }

  @Test func whoWantsOnlyAPartIsNoSeed() async throws {
    let tracker = try Tracker(TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 1800))
    defer { tracker.stop() }
    let endpoint = try #require(tracker.endpoints.first)
    try await SwarmStage.with([(path: "a", size: 200_000), (path: "b", size: 200_000)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["http://\(endpoint)/announce"]]
      let seeder = try await SwarmStage.session()
      _ = try await seeder.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.wanted = [true, false]
      _ = try await leech.add(metainfo, options).waitUntilComplete()
      try await expect(\.leeches, 1, metainfo.info, at: endpoint)
      try await expect(\.seeds, 1, metainfo.info, at: endpoint)
      try await expect(\.downloaded, 0, metainfo.info, at: endpoint)
      await leech.stop()
      await seeder.stop()
    }
  }

  /// Waits until the scrape of every info-hash has this number.
  private func expect(
    _ number: KeyPath<SwarmCounts, Int>, _ count: Int, _ info: Info, at endpoint: Endpoint
  ) async throws {
    let url = try #require(
      ScrapeRequest(infoHashes: info.infoHashes).url(announce: "http://\(endpoint)/announce"))
    let path = String(url.dropFirst("http://\(endpoint)".count))
    let address = TestAddress(ip: "\(endpoint.address)", port: endpoint.port)
    var seen: [Int] = []
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      let body = try await onThread { try HTTPExchange("GET", path, at: address).body }
      let reply = try ScrapeReply(body)
      seen = info.infoHashes.map { reply.swarms[$0]?[keyPath: number] ?? 0 }
      if seen.allSatisfy({ $0 == count }) { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("not \(count): \(seen)")
  }
}
