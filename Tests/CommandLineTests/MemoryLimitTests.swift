import Foundation
import TestSupport
import Testing

/// The program in little address space: `ulimit -v`, as docs/LIMITS.md promises.
@Suite(.throttled) struct MemoryLimitTests {
  /// KiB. Linux counts what is reserved, not only what is used: stacks, heaps, libraries.
  static let limit = 256 << 10
  /// More than the pieces that may be in memory.
  static let size = 48 << 20

  @Test(.timeLimit(.minutes(2)))
  func aDownloadCompletesInAQuarterOfAGibibyteOfAddresses() async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      let content = try stage.folder.folder("source/payload")
      var state: UInt64 = 1
      var bytes = [UInt8]()
      bytes.reserveCapacity(Self.size)
      for _ in 0..<Self.size / 8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
      }
      try writeFile(bytes, content + "/a")
      let torrent = stage.folder["payload.torrent"]
      try await ApusClient.succeed(
        ["create", content, "-o", torrent, "--piece-length", "1M", "--quiet"], on: stage)
      let seeder = ApusClient(on: stage)
      try await seeder.seed(torrent, in: source)
      let target = try stage.folder.folder("target")
      let limited = "ulimit -v \(Self.limit) && exec \"$0\" \"$@\""
      let run = try await stage.run(
        "sh",
        [
          "-c", limited, ApusClient.executable, "download", torrent, "--dir", target, "--peer",
          "\(seeder.address)", "--listen", "\(TestNetwork.address())", "--quiet",
        ], within: .seconds(90))
      #expect(run.status == .exited(0), "\(run.errors)")
      #expect(try differences(target + "/payload", from: source + "/payload") == [])
    }
  }
}
