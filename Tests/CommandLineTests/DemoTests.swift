import Foundation
import TestSupport
import Testing

/// The demo, interrupted at its busiest: nothing may stay behind.
@Suite struct DemoTests {
  @Test(arguments: ["Tracker", "Downloaders"])
  func anInterruptedDemoLeavesNothingBehind(moment: String) async throws {
    try await withStage { stage in
      let folder = try stage.folder.folder("demo")
      let demo = try stage.start(ApusClient.executable, ["demo", "--dir", folder])
      try await eventually("the demo comes to its \(moment)", within: .seconds(60)) {
        if let status = demo.status { throw TestFailure("the demo ended: \(status)\(demo.tail)") }
        return demo.output.contains("\n\(moment) ")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
      let children = try children(of: demo.id)
      #expect(!children.isEmpty)
      demo.kill(SIGINT)
      #expect(try await demo.waitForExit(within: .seconds(5)) == .exited(130))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      for child in children { #expect(kill(child, 0) == -1) }
    }
  }

  private func children(of parent: pid_t) throws -> [pid_t] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { id in
      let status = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
      return status.contains("\nPPid:\t\(parent)\n")
    }
  }
}
