import Addresses
import Foundation
import HTTPServer
import Metainfo
import Synchronization
import TestSupport
import Testing
import TrackerProtocol

@testable import BitTorrent
@testable import TrackerServer

/// A tracker of ours that counts what is asked of it.
private final class CountingTracker: Sendable {
  let server: HTTPServer
  let core: TrackerCore
  private let counts: Counts

  final class Counts: Sendable {
    let gets = Atomic<Int>(0)
    let posts = Atomic<Int>(0)
    /// POSTs after this many are refused.
    let limit: Int
    init(limit: Int) { self.limit = limit }
  }

  init(postLimit: Int = .max) throws {
    let endpoint = Endpoint(.loopbackV4, port: 0)
    let core = TrackerCore(TrackerConfiguration(listen: [endpoint], interval: 1800), seed: 1) { 1000 }
    let service = TrackerService(core)
    let counts = Counts(limit: postLimit)
    var options = HTTPServerOptions()
    options.maximumBody = 2 << 20
    server = try HTTPServer(listen: [endpoint], options: options) { request in
      if request.method == "POST" {
        guard counts.posts.add(1, ordering: .relaxed).newValue <= counts.limit else {
          return HTTPResponse(status: 405, contentType: "text/plain", body: [])
        }
      } else {
        counts.gets.add(1, ordering: .relaxed)
      }
      return service.answer(request)
    }
    self.core = core
    self.counts = counts
  }

  var url: String { "http://\(server.boundEndpoints[0])/announce" }
  var gets: Int { counts.gets.load(ordering: .relaxed) }
  var posts: Int { counts.posts.load(ordering: .relaxed) }
}

/// Many torrents on one tracker that takes batches.
@Suite(.serialized, .timeLimit(.minutes(1))) struct BatchAnnounceTests {
  private func quiet(_ configuration: inout SessionConfiguration) {
    configuration.dht.isEnabled = false
    configuration.loops = 1
  }

  @Test func manyTorrentsJoinAndLeaveInFewRequests() async throws {
    let tracker = try CountingTracker()
    defer { tracker.server.stop() }
    let stage = try RestStage(count: 300, trackers: [[tracker.url]])
    let session = try await stage.restingSession(quiet)
    // Hybrid torrents have two swarms.
    try await eventually("all are announced", within: .seconds(15)) {
      tracker.core.table.statistics.seeds == 400
    }
    // How many go together depends on how fast the torrents are looked at: far fewer requests than announces.
    #expect(tracker.gets <= 60 && tracker.posts <= 60, "\(tracker.gets) \(tracker.posts)")
    let joined = tracker.posts
    #expect(joined > 0)
    await session.stop()
    #expect(tracker.core.table.statistics.peers == 0)
    #expect(tracker.posts - joined <= 60, "\(tracker.posts)")
    #expect(tracker.gets <= 60)
  }

  @Test func aTrackerThatTakesNoBatchesAnyMoreIsAskedOneByOne() async throws {
    let tracker = try CountingTracker(postLimit: 0)
    defer { tracker.server.stop() }
    let stage = try RestStage(count: 60, trackers: [[tracker.url]])
    let session = try await stage.restingSession(quiet)
    try await eventually("all are announced", within: .seconds(30)) {
      tracker.core.table.statistics.seeds == 80
    }
    await session.stop()
    #expect(tracker.core.table.statistics.peers == 0)
  }

  @Test func whoKeepsToTheBEPsSaysNothingElse() async throws {
    let tracker = try CountingTracker()
    defer { tracker.server.stop() }
    let stage = try RestStage(count: 30, trackers: [[tracker.url]])
    let session = try await stage.restingSession { configuration in
      quiet(&configuration)
      configuration.trackerExtensions = false
    }
    try await eventually("all are announced", within: .seconds(15)) {
      tracker.core.table.statistics.seeds == 40
    }
    await session.stop()
    #expect(tracker.posts == 0 && tracker.gets == 80)
    #expect(tracker.core.extensions.pieces.memory == 0)
  }
}
