import Foundation
import Metainfo
import Testing

@testable import BitTorrent

/// Which files are wanted and how much, on a real downloader.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SelectionTests {
  static let files = [
    (path: "a", size: 700_001), (path: "b", size: 10), (path: "c", size: 900_003), (path: "d", size: 650_000),
  ]

  @Test(arguments: TorrentVersion.allCases)
  func whatIsWantedMayChangeWhileItRuns(_ version: TorrentVersion) async throws {
    try await OrderStage.with(Self.files, version: version, rate: 8 << 20) {
      $0.wanted = []
    } _: { order in
      let (b, c, d) = (try order.file("b"), try order.file("c"), try order.file("d"))
      // Nothing at all is wanted.
      #expect(try await order.handle.waitUntilComplete().wantedBytes == 0)
      await order.handle.setPriority(c, .normal)
      var status = try await order.handle.waitUntilComplete()
      #expect(status.wantedBytes == 900_003 && status.doneBytes == 900_003)
      #expect(order.names() == ["payload/c"])
      #expect(order.hasPartStore == (version == .v1))
      #expect(order.content("c") == SwarmStage.bytes("c", 900_003))
      await order.handle.setPriorities([b: .high, c: .unwanted])
      status = try await order.handle.waitUntilComplete()
      #expect(status.wantedBytes == 10 && status.doneBytes == 10)
      #expect(order.names() == ["payload/b", "payload/c"])
      #expect(order.content("b") == SwarmStage.bytes("b", 10))
      // In the middle of a download.
      await order.handle.setPriority(d, .low)
      while await order.handle.status().doneBytes < 100_000 { try await Task.sleep(for: .milliseconds(1)) }
      await order.handle.setPriority(d, .unwanted)
      status = try await order.handle.waitUntilComplete()
      #expect(status.wantedBytes == 10)
      await order.handle.setPriorities([try order.file("a"): .normal, c: .normal, d: .normal])
      status = try await order.handle.waitUntilComplete()
      #expect(status.doneBytes == 2_250_014 && status.piecesHave == status.pieces)
      #expect(status.failedPieces == 0)
      #expect(!order.hasPartStore)
      try order.stage.compare("copy")
    }
  }

  @Test func aChangeRightAfterTheStartHolds() async throws {
    try await OrderStage.with(Self.files, rate: nil) { order in
      await order.handle.setPriorities([try order.file("a"): .unwanted, try order.file("c"): .unwanted])
      _ = try await order.handle.waitUntilComplete()
      #expect(order.names() == ["payload/b", "payload/d"])
      #expect(await order.handle.priorities() == [.unwanted, .normal, .unwanted, .normal])
    }
  }

  @Test(arguments: TorrentVersion.allCases)
  func whatIsInThePartStoreIsServed(_ version: TorrentVersion) async throws {
    try await OrderStage.with(Self.files, version: version, rate: nil) {
      $0.priorities = [.unwanted, .unwanted, .normal]
    } _: { order in
      guard version == .v1 else { return }
      _ = try await order.handle.waitUntilComplete()
      #expect(order.names() == ["payload/c"] && order.hasPartStore)
      let other = try await SwarmStage.session()
      var options = AddOptions(directory: order.stage.downloadFolder("other"))
      options.peers = order.leech.listening
      options.wanted = [false, false, true]
      let handle = try await other.add(order.stage.metainfo, options)
      let status = try await handle.waitUntilComplete()
      #expect(status.failedPieces == 0 && status.downloaded >= 900_003)
      await other.stop()
      let copy = order.stage.downloadFolder("other") + "/payload/c"
      #expect(FileManager.default.contents(atPath: copy) == SwarmStage.bytes("c", 900_003))
    }
  }

  @Test func aSecondStartWithAnotherSelectionTakesWhatThereIs() async throws {
    try await OrderStage.with(Self.files, rate: nil) {
      $0.wanted = [false, false, true, false]
    } _: { order in
      let first = try await order.handle.waitUntilComplete()
      await order.leech.stop()
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: order.stage.downloadFolder("copy"))
      options.peers = order.seeder.listening
      let handle = try await leech.add(order.stage.metainfo, options)
      let status = try await handle.waitUntilComplete()
      #expect(status.downloaded <= status.wantedBytes - first.doneBytes)
      #expect(!order.hasPartStore)
      await leech.stop()
      // What moved was recorded.
      let again = try await SwarmStage.session()
      let third = try await again.add(order.stage.metainfo, options).waitUntilComplete()
      #expect(third.checkedPieces == 0 && third.piecesHave == third.pieces)
      await again.stop()
      try order.stage.compare("copy")
    }
  }

  @Test func priorityOrdersWhatComes() async throws {
    let files = [(path: "a", size: 1 << 20), (path: "b", size: 1 << 20), (path: "c", size: 1 << 20)]
    try await OrderStage.with(files, rate: 3 << 20) {
      $0.priorities = [.low, .high, .normal]
    } _: { order in
      let arrivals = try await order.arrivals()
      #expect(arrivals.count == 96)
      // Some pieces are under way at once when one file ends and the next begins.
      let slack = 8
      #expect(arrivals.prefix(32 + slack).count { 32..<64 ~= $0 } == 32)
      #expect(arrivals.prefix(64 + slack).count { 32..<96 ~= $0 } == 64)
      #expect(arrivals.prefix(32).count { 32..<64 ~= $0 } >= 32 - slack)
    }
  }

  @Test func inSequenceMeansInSequence() async throws {
    try await OrderStage.with([(path: "a", size: 3 << 20)], rate: 4 << 20) {
      $0.isSequential = true
    } _: {
      order in
      let arrivals = try await order.arrivals()
      #expect(arrivals.count == 96)
      // Threads hash neighbours side by side.
      #expect(arrivals.enumerated().allSatisfy { abs($0.offset - $0.element) <= 4 }, "\(arrivals)")
    }
  }

  @Test func aDeadlineComesFirst() async throws {
    try await OrderStage.with([(path: "a", size: 3 << 20)], rate: 2 << 20) {
      $0.isSequential = true
    } _: {
      order in
      while await order.have().isEmpty { try await Task.sleep(for: .milliseconds(1)) }
      await order.handle.setDeadline(80..<83, within: 0.1)
      let arrivals = try await order.arrivals()
      let late = try [80, 81, 82].map { try #require(arrivals.firstIndex(of: $0)) }
      // After what was asked for already.
      #expect((late.max() ?? 99) < 60, "\(arrivals)")
    }
  }
}
