import TestSupport
import Testing

/// Clients that find each other through `apus tracker`, by whichever way they can get to it.
@Suite(.throttled)
struct OurTrackerTests {
  struct Visit: Sendable, CustomTestStringConvertible {
    let kind: ClientKind
    let route: TrackerRoute
    var testDescription: String { "\(kind.rawValue) by \(route)" }
  }

  private static let visits = ClientKind.allCases.filter(\.isAvailable).flatMap { kind in
    TrackerRoute.allCases.map { Visit(kind: kind, route: $0) }
  }.filter { visit in
    switch (visit.kind, visit.route) {
    case (.apus, _), (.libtorrent, _): true
    // The others have no address of IPv6 here that they would announce from.
    default: !visit.route.isV6
    }
  }

  /// The seeder is libtorrent, so that nothing but the tracker is ours, or one leecher.
  @Test(.timeLimit(.minutes(2)), .enabled(if: TestNetwork.isIsolated), arguments: visits)
  func clientsFindEachOther(_ visit: Visit) async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      try await tracker.start(isDual: visit.route.isV6)
      let torrent = try await TorrentOnStage(
        named: "file", size: 4 << 20, tracker: tracker.url(visit.route), on: stage)
      let seeder = Libtorrent(on: stage, isV6: visit.route.isV6)
      try seeder.seed(torrent.path, in: torrent.source)
      try await eventually("the seeder is known", within: .seconds(30)) {
        try await tracker.seeds(of: torrent.infoHash) >= 1
      }
      let client = try #require(visit.kind.make(on: stage, by: visit.route))
      try await torrent.download(by: client, on: stage)
    }
  }

  @Test(.timeLimit(.minutes(2)), .enabled(if: TestNetwork.isIsolated), arguments: [TrackerRoute.http, .udp])
  func rtorrentFindsItsPeer(_ route: TrackerRoute) async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      try await tracker.start()
      let torrent = try await TorrentOnStage(
        named: "file", size: 4 << 20, tracker: tracker.url(route), on: stage)
      let seeder = Libtorrent(on: stage)
      try seeder.seed(torrent.path, in: torrent.source)
      try await eventually("the seeder is known", within: .seconds(30)) {
        try await tracker.seeds(of: torrent.infoHash) == 1
      }
      let client = Rtorrent(on: stage)
      let target = try stage.folder.folder("target")
      try client.download(torrent.path, into: target)
      try await eventually("rtorrent has everything", within: .seconds(60)) { try client.isComplete() }
      #expect(try differences(target, from: torrent.source, ignoring: []) == [])
    }
  }
}
