import Glibc
import TestSupport
import Testing

/// Message stream encryption, with programs that accept nothing else.
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct EncryptionTests {
  @Test(.timeLimit(.minutes(2)), arguments: [true, false], ["allow", "require"])
  func transfersWithALibtorrentThatEncryptsAll(weSeed: Bool, policy: String) async throws {
    try await withStage { stage in
      let other = Libtorrent(on: stage, encrypted: true)
      let ours = ApusClient(on: stage, options: ["--encryption", policy])
      try await transfer(.hybrid, from: weSeed ? ours : other, to: weSeed ? other : ours, on: stage)
      try await expectEncryption(of: ours)
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: [true, false])
  func transfersWithATransmissionThatRequiresEncryption(weSeed: Bool) async throws {
    try await withStage { stage in
      let other = TransmissionDaemon(on: stage, encrypted: true)
      let ours = ApusClient(on: stage, options: ["--encryption", "require"])
      try await transfer(.v1, from: weSeed ? ours : other, to: weSeed ? other : ours, on: stage)
      try await expectEncryption(of: ours)
    }
  }

  /// What moved is told at the end: by itself for a download, once interrupted for a seed.
  private func expectEncryption(of ours: ApusClient) async throws {
    let process = try #require(ours.process)
    process.kill(SIGINT)
    _ = try await process.waitForExit()
    #expect(process.output.contains("\"encrypted\":true"))
    #expect(!process.output.contains("\"encrypted\":false"))
  }
}
