import Foundation
import Metainfo
import Testing

@testable import BitTorrent

/// Bytes of files that are being downloaded.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ReadingTests {
  static let size = 6 << 20

  private func slice(_ path: String, _ size: Int, _ range: Range<Int64>) -> [UInt8] {
    [UInt8](SwarmStage.bytes(path, size)[Int(range.lowerBound)..<Int(range.upperBound)])
  }

  @Test(arguments: TorrentVersion.allCases)
  func aReaderGetsRightBytesAndASeekJumpsAhead(_ version: TorrentVersion) async throws {
    let files = [(path: "a", size: 100_001), (path: "b", size: Self.size), (path: "c", size: 50_000)]
    try await OrderStage.with(files, version: version, rate: 400_000) { order in
      let file = try order.file("b")
      let content = [UInt8](SwarmStage.bytes("b", Self.size))
      for start in [5_000_000, 1_000_000, Self.size - 65_536] {
        let range = Int64(start)..<Int64(start + 65_536)
        #expect(
          try await order.handle.read(file: file, range: range) == Array(content[start..<start + 65_536]))
        // Long before all that comes before it.
        #expect(await order.have().count < order.info.pieceCount * 3 / 4)
      }
      await order.seeder.set(limits: RateLimits())
      var position = 2_000_000
      for try await chunk in order.handle.bytes(of: file, range: 2_000_000..<3_000_001, chunk: 100_000) {
        #expect(chunk == Array(content[position..<position + chunk.count]))
        position += chunk.count
      }
      #expect(position == 3_000_001)
      _ = try await order.handle.waitUntilComplete()
      #expect(try await order.handle.read(file: file, range: 0..<4_194_304) == Array(content[0..<4_194_304]))
      try order.stage.compare("copy")
    }
  }

  @Test func whatComesAfterAReaderIsFetchedNext() async throws {
    try await OrderStage.with([(path: "a", size: Self.size)], rate: 2 << 20) { order in
      let piece = 96
      let start = Int64(piece) * 32768
      _ = try await order.handle.read(file: 0, range: start..<start + 1000)
      let before = Set(await order.have())
      let arrivals = try await order.arrivals().filter { !before.contains($0) }
      // But for what was asked for before.
      let ahead = Set(arrivals.prefix(60))
      #expect(
        (piece + 1...piece + 20).allSatisfy { ahead.contains($0) || before.contains($0) }, "\(arrivals)")
    }
  }

  @Test func manyReadersGetWhatTheyAskFor() async throws {
    try await OrderStage.with([(path: "a", size: Self.size)], rate: 8 << 20) { order in
      let content = [UInt8](SwarmStage.bytes("a", Self.size))
      let handle = order.handle
      let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
        for reader in 0..<40 {
          group.addTask {
            var generator = SeededGenerator(seed: UInt64(reader))
            var wrong = 0
            for _ in 0..<5 {
              let start = generator.number(below: Self.size - 1)
              let count = 1 + generator.number(below: min(200_000, Self.size - start))
              let bytes = try await handle.read(file: 0, range: Int64(start)..<Int64(start + count))
              if bytes != Array(content[start..<start + count]) { wrong += 1 }
            }
            return wrong
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(wrong == 0)
      _ = try await order.handle.waitUntilComplete()
    }
  }

  @Test func aSlowPeerDoesNotHoldUpAReader() async throws {
    try await OrderStage.with([(path: "a", size: Self.size)], rate: 30_000) { order in
      while await order.handle.status().downloaded < 20_000 { try await Task.sleep(for: .milliseconds(5)) }
      let other = try await SwarmStage.session { $0.uploadLimit = 4 << 20 }
      _ = try await other.add(order.stage.metainfo, AddOptions(directory: order.stage.seedFolder))
        .waitUntilComplete()
      await order.handle.add(peers: other.listening)
      let start = ContinuousClock.now
      for offset in [3_000_000, 1_500_000] as [Int64] {
        let range = offset..<offset + 100_000
        #expect(try await order.handle.read(file: 0, range: range) == slice("a", Self.size, range))
      }
      #expect(ContinuousClock.now - start < .seconds(8))
      await other.stop()
    }
  }

  @Test func aReadEndsWithItsTaskItsTorrentOrItsFile() async throws {
    let files = [(path: "a", size: 200_000), (path: "b", size: 200_000)]
    try await OrderStage.with(files, rate: 0) { order in
      let handle = order.handle
      func outcome(_ file: Int, _ range: Range<Int64>) -> Task<ReadError?, Never> {
        Task {
          do {
            _ = try await handle.read(file: file, range: range)
            return nil
          } catch let error as ReadError {
            return error
          } catch {
            return nil
          }
        }
      }
      #expect(await outcome(7, 0..<1).value == .noSuchFile(7))
      #expect(await outcome(0, 0..<200_001).value == .outOfRange(length: 200_000))
      #expect(await outcome(0, 100..<100).value == nil)
      let cancelled = outcome(0, 0..<10)
      try await Task.sleep(for: .milliseconds(20))
      cancelled.cancel()
      #expect(await cancelled.value == .cancelled)
      let unwanted = outcome(1, 150_000..<160_000)
      try await Task.sleep(for: .milliseconds(20))
      await handle.setPriority(1, .unwanted)
      #expect(await unwanted.value == .unwanted)
      let removed = outcome(0, 0..<10)
      try await Task.sleep(for: .milliseconds(20))
      await order.leech.remove(handle, within: 1)
      #expect(await removed.value == .stopped(reason: "it was removed"))
      #expect(await outcome(0, 0..<10).value == .stopped(reason: "it was removed"))
    }
  }

  @Test func aTorrentAtRestWakesForAReader() async throws {
    let stage = try RestStage(count: 3)
    let session = try await stage.restingSession()
    for number in 0..<3 {
      let handle = try stage.handle(number, in: session)
      let bytes = try await handle.read(file: 0, range: 10_000..<30_000)
      #expect(bytes == [UInt8](SwarmStage.bytes("\(number)", 40_000)[10_000..<30_000]))
    }
    await session.stop()
  }
}
