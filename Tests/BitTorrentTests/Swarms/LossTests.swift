import Foundation
import Metainfo
import Testing

@testable import BitTorrent

/// A file that somebody cuts short while it is seeded.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LossTests {
  @Test func lostPiecesAreTakenBackAndFetchedFromOthers() async throws {
    try await SwarmStage.with([(path: "a", size: 300_000), (path: "b", size: 300_000)]) { stage in
      try FileManager.default.copyItem(
        atPath: stage.seedFolder, toPath: stage.downloadFolder("other"))
      let damaged = try await SwarmStage.session()
      let source = try await damaged.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let path = stage.content.path + "/b"
      let whole = try #require(FileManager.default.contents(atPath: path))
      #expect(truncate(path, 100_000) == 0)
      // The leech has only the damaged seeder at first: it gets what is there, and is refused the rest.
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = damaged.listening
      let handle = try await leech.add(stage.metainfo, options)
      try await wait { await source.status().state == .downloading }
      let lost = await source.status()
      #expect(lost.piecesHave < lost.pieces)
      // A whole seeder appears: both get what they lack.
      let other = try await SwarmStage.session()
      let rescue = try await other.add(stage.metainfo, AddOptions(directory: stage.downloadFolder("other")))
      _ = try await rescue.waitUntilComplete()
      await handle.add(peers: other.listening)
      await source.add(peers: other.listening)
      _ = try await handle.waitUntilComplete()
      _ = try await source.waitUntilComplete()
      for session in [leech, damaged, other] { await session.stop() }
      #expect(FileManager.default.contents(atPath: path) == whole)
      try stage.compare("copy")
    }
  }

  private func wait(_ condition: () async -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(20)
    while await !condition() {
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "not within 20 s") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}
