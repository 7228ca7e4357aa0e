import Foundation
import TestSupport
import Testing

/// The demo, interrupted at its busiest: nothing may stay behind.
@Suite(.throttled) struct DemoTests {
  @Test(.timeLimit(.minutes(2)), arguments: ["Tracker", "Downloaders"])
  func anInterruptedDemoLeavesNothingBehind(moment: String) async throws {
    try await withStage { stage in
      let folder = try stage.folder.folder("demo")
      let demo = try stage.start(ApusClient.executable, ["demo", "--dir", folder])
      // On a thread of its own: the demo lasts two seconds, which a busy test runner may sleep through.
      let children = try await onThread {
        let end = ContinuousClock.now + .seconds(60)
        while !demo.output.contains("\n\(moment) ") {
          if let status = demo.status { throw TestFailure("the demo ended: \(status)\(demo.tail)") }
          guard ContinuousClock.now < end else { throw TestFailure("no \(moment) in a minute\(demo.tail)") }
          usleep(2000)
        }
        let children = try Self.children(of: demo.id)
        demo.kill(SIGINT)
        return children
      }
      #expect(!children.isEmpty)
      #expect(try await demo.waitForExit(within: .seconds(5)) == .exited(130))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      for child in children { #expect(kill(child, 0) == -1) }
    }
  }

  private static func children(of parent: pid_t) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { id in
      let status = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
      return status.contains("\nPPid:\t\(parent)\n")
    }
  }
}
