import Foundation
import TestSupport
import Testing

/// The counts of `Benchmarks/`: allocations, retains and instructions of the parts that every block passes
/// through, in the optimised build. Their thresholds are in `Benchmarks/Sources/Benchmarks/Thresholds.swift`.
@Suite(.serialized, .timeLimit(.minutes(3))) struct AllocationTests {
  private static let executable =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path + "/Benchmarks/.build/release/Benchmarks"

  @Test func noCountIsAboveItsThreshold() async throws {
    try await withStage { stage in
      let process = try await stage.run(Self.executable, ["--check"], within: .seconds(150))
      let lines = process.output.split(separator: "\n")
      #expect(lines.filter { !$0.hasPrefix("good ") } == [])
      #expect(lines.count > 20, "\(process.tail)")
      #expect(process.status == .exited(0))
    }
  }
}
