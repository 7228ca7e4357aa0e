import Foundation
import TestSupport
import Testing

/// A downloader of some files of a torrent that is killed with SIGKILL, again and again.
@Suite(.serialized, .throttled)
struct SelectionCrashTests {
  private static let sizes = [1_300_001, 7, 3_000_003, 16_384, 65_537, 5_500_000, 900_000]
  /// Neighbours of what is wanted are not, and share pieces with it.
  private static let wanted = [2, 5]

  private let torrent: TestTorrent
  private let ranges: [Range<Int>]

  init() {
    var start = 0
    var ranges: [Range<Int>] = []
    for size in Self.sizes {
      ranges.append(start..<start + size)
      start += size
    }
    self.ranges = ranges
    torrent = TestTorrent(size: start, pieceLength: 128 << 10)
      .split(into: Self.sizes.enumerated().map { ("f\($0.offset)", $0.element) })
  }

  /// Files that are not wanted never appear, nothing that was durable is fetched again, and what is kept apart
  /// is part of the file once that is wanted.
  @Test(.timeLimit(.minutes(3)))
  func killsCostAnEpochAndNeverMakeAnUnwantedFile() async throws {
    try await withStage { stage in
      let seeder = try HonestSeeder(torrent, on: stage, bytesPerSecond: 6 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [seeder.address])
      let select = Self.wanted.flatMap { ["--select", "f\($0)"] }
      var allowance = 0
      for kill in 0..<12 {
        // Now and then with another selection: what was apart moves, or new parts come beside it.
        let more = kill % 4 == 3 ? ["--select", "f3"] : []
        let process = try start(leecher, path, target, seeder, select + more)
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...350)))
        process.kill(SIGKILL)
        let status = try await process.waitForExit(within: .seconds(60))
        allowance += seeder.pieces(since: .now - .seconds(1)).count * torrent.pieceLength
        #expect(Set(try names(target)).isSubset(of: ["f2", "f3", "f5"]))
        if status == .exited(0) { break }
        #expect(status == .signalled(SIGKILL), "\(process.tail)")
      }
      seeder.setRate(1 << 30)
      try await finish(start(leecher, path, target, seeder, select))
      try compare(Self.wanted, target)
      let all = Set(Self.wanted.flatMap { pieces(of: $0) }).union(pieces(of: 3))
      #expect(seeder.servedBytes <= all.count * torrent.pieceLength + allowance)
      let before = seeder.servedByPiece
      try await finish(start(leecher, path, target, seeder, []))
      try compare(Array(ranges.indices), target)
      #expect(try !stateNames(target).contains { $0.hasSuffix(".parts") })
      // What was apart was not fetched again.
      let after = seeder.servedByPiece
      for piece in Set(Self.wanted.flatMap { pieces(of: $0) }) { #expect(before[piece] == after[piece]) }
    }
  }

  private func pieces(of file: Int) -> ClosedRange<Int> {
    ranges[file].lowerBound / torrent.pieceLength...(ranges[file].upperBound - 1) / torrent.pieceLength
  }

  private func start(
    _ leecher: ApusClient, _ path: String, _ target: String, _ seeder: HonestSeeder, _ more: [String]
  ) throws -> ChildProcess {
    try leecher.start(
      [
        "download", path, "--dir", target, "--listen", "\(leecher.address)", "--peer", "\(seeder.address)",
        "--json",
      ] + more)
  }

  private func finish(_ process: ChildProcess) async throws {
    #expect(try await process.waitForExit(within: .seconds(60)) == .exited(0), "\(process.tail)")
  }

  private func compare(_ files: [Int], _ target: String) throws {
    for file in files {
      #expect(try readFile(target + "/folder/f\(file)") == torrent.payload.bytes(ranges[file]), "f\(file)")
    }
  }

  private func names(_ target: String) throws -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: target + "/folder")) ?? []
  }

  private func stateNames(_ target: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: target + "/.apus")
  }
}
