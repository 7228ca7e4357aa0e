import Glibc
import TestSupport
import Testing

/// uTP (BEP 29) with the other programs that speak it, and nothing but it.
@Suite(.serialized, .throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct MicroTransportTests {
  /// It refuses TCP, so that whoever tries both stays with uTP.
  @Test(.timeLimit(.minutes(2)), arguments: [true, false], [TorrentFormat.v1, .v2])
  func transfersWithALibtorrentThatSpeaksNothingElse(weSeed: Bool, format: TorrentFormat) async throws {
    try await withStage { stage in
      let other = Libtorrent(on: stage, utp: true)
      let ours = ApusClient(on: stage)
      try await transfer(format, from: weSeed ? ours : other, to: weSeed ? other : ours, on: stage)
      try await expectUTP(of: ours)
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: [true, false])
  func transfersWithTransmissionWhenWeLeaveTCPOut(weSeed: Bool) async throws {
    try await withStage { stage in
      let other = TransmissionDaemon(on: stage, utp: true)
      let ours = ApusClient(on: stage, options: ["--no-tcp"])
      try await transfer(.v1, from: weSeed ? ours : other, to: weSeed ? other : ours, on: stage)
      try await expectUTP(of: ours)
    }
  }

  @Test(.timeLimit(.minutes(2)))
  func transfersEncrypted() async throws {
    try await withStage { stage in
      let ours = ApusClient(on: stage, options: ["--encryption", "require"])
      try await transfer(.v1, from: Libtorrent(on: stage, encrypted: true, utp: true), to: ours, on: stage)
      try await expectUTP(of: ours)
    }
  }

  /// What moved is told at the end: by itself for a download, once interrupted for a seed.
  private func expectUTP(of ours: ApusClient) async throws {
    let process = try #require(ours.process)
    process.kill(SIGINT)
    _ = try await process.waitForExit()
    #expect(process.output.contains("\"transport\":\"utp\""))
    #expect(!process.output.contains("\"transport\":\"tcp\""))
  }
}
