import Foundation
import TestSupport
import Testing

/// A tracker that keeps its swarms in a folder: killed with SIGKILL, stopped, and followed by another process.
@Suite(.serialized, .throttled)
struct TrackerCrashTests {
  private static let hash = String(repeating: "ab", count: 20)

  /// Announces to many torrents until told to stop; how many got no answer.
  private func load(_ tracker: ApusTracker) -> Task<(asked: Int, lost: Int), Never> {
    Task {
      var (asked, lost) = (0, 0)
      while !Task.isCancelled {
        asked += 1
        let name = String(format: "%040x", asked % 500 + 1)
        if (try? await tracker.announce(name, port: 1000 + asked % 7)) != true { lost += 1 }
      }
      return (asked, lost)
    }
  }

  /// Whether the folder has a snapshot that was begun after `date`.
  private func hasSnapshot(_ folder: String, since date: Date) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/swarms.snapshot")
    guard let modified = attributes?[.modificationDate] as? Date else { return false }
    return modified > date.addingTimeInterval(1)
  }

  @Test(.timeLimit(.minutes(3)))
  func killedUnderLoadItStillKnowsTheSwarms() async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      let folder = stage.folder["state/tracker"]
      let options = ["--state", folder, "--snapshot-interval", "1s"]
      var process = try await tracker.start(options)
      for port in 2000..<2010 { #expect(try await tracker.announce(Self.hash, port: port)) }
      let announced = Date()
      try await eventually("a snapshot is written", within: .seconds(20)) {
        hasSnapshot(folder, since: announced)
      }
      for _ in 0..<3 {
        let load = load(tracker)
        try await Task.sleep(for: .milliseconds(Int.random(in: 100...1300)))
        process.kill(SIGKILL)
        load.cancel()
        _ = await load.value
        #expect(try await process.waitForExit() == .signalled(SIGKILL))
        process = try await tracker.start(options)
        #expect(try await tracker.seeds(of: Self.hash) == 10)
        #expect(!process.tail.contains("not used"))
      }
      // Asked to stop, it writes what came after the last snapshot as well.
      #expect(try await tracker.announce(Self.hash, port: 3000))
      await process.stop()
      process = try await tracker.start(options)
      #expect(try await tracker.seeds(of: Self.hash) == 11)
      // What is damaged is not believed.
      await process.stop()
      var bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/swarms.snapshot"))
      bytes[bytes.count / 2] ^= 4
      try bytes.write(to: URL(fileURLWithPath: folder + "/swarms.snapshot"))
      process = try await tracker.start(options)
      #expect(try await tracker.seeds(of: Self.hash) == 0)
      #expect(process.tail.contains("is not used: it is damaged"))
      #expect(FileManager.default.fileExists(atPath: folder + "/swarms.snapshot.bad"))
    }
  }

  @Test(.timeLimit(.minutes(3)))
  func anotherProcessTakesItsPlaceAndEveryAnnounceIsAnswered() async throws {
    try await withStage { stage in
      let tracker = ApusTracker(on: stage)
      let folder = stage.folder["state"]
      var process = try await tracker.start(["--state", folder])
      for port in 2000..<2010 { #expect(try await tracker.announce(Self.hash, port: port)) }
      let load = load(tracker)
      for _ in 0..<3 {
        let next = try await tracker.start(["--state", folder, "--take-over"])
        #expect(try await process.waitForExit(within: .seconds(20)) == .exited(0))
        #expect(next.status == nil)
        process = next
      }
      load.cancel()
      let (asked, lost) = await load.value
      #expect(asked > 10)
      #expect(lost == 0)
      #expect(try await tracker.seeds(of: Self.hash) == 10)
      // Without being told to, nobody takes a folder from the one who has it.
      let other = try await stage.run(
        ApusClient.executable, ["tracker", "--listen", "127.0.0.1:0", "--state", folder])
      #expect(other.status == .exited(1))
      #expect(other.tail.contains("belongs to a tracker that runs"))
    }
  }
}
