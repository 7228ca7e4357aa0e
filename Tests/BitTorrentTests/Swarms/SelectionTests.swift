import Foundation
import Metainfo
import TestSupport
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
    // The seed sends nothing before the change is made.
    try await OrderStage.with(Self.files, rate: 0) { order in
      await order.handle.setPriorities([try order.file("a"): .unwanted, try order.file("c"): .unwanted])
      await order.seeder.set(limits: RateLimits())
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
    try await OrderStage.with(files, isSeeded: false) {
      $0.priorities = [.low, .high, .normal]
    } _: { order in
      try await RecordingSeed.with(order) { seed in
        _ = try await order.handle.waitUntilComplete()
        let pieces = seed.pieces
        #expect(pieces.count == 96)
        #expect(pieces.prefix(32).allSatisfy { 32..<64 ~= $0 }, "\(pieces)")
        #expect(pieces.dropFirst(32).prefix(32).allSatisfy { 64..<96 ~= $0 }, "\(pieces)")
      }
    }
  }

  @Test func inSequenceMeansInSequence() async throws {
    try await OrderStage.with([(path: "a", size: 3 << 20)], isSeeded: false) {
      $0.isSequential = true
    } _: { order in
      try await RecordingSeed.with(order) { seed in
        _ = try await order.handle.waitUntilComplete()
        #expect(seed.pieces == Array(0..<96))
      }
    }
  }

  @Test func aDeadlineComesFirst() async throws {
    try await OrderStage.with([(path: "a", size: 3 << 20)], isSeeded: false) {
      $0.isSequential = true
    } _: { order in
      try await RecordingSeed.with(order, allowed: 8) { seed in
        while await order.have().isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        // The seed has answered what it may, and knows of all that it is asked for.
        try await eventually("all requests have come") { await order.asked() == seed.asked.count }
        let before = seed.asked.count
        await order.handle.setDeadline(80..<83, within: 0.1)
        seed.answerAll()
        _ = try await order.handle.waitUntilComplete()
        #expect(before < 160)
        #expect(Array(seed.asked.dropFirst(before).prefix(6)) == [80, 80, 81, 81, 82, 82], "\(seed.asked)")
      }
    }
  }
}
