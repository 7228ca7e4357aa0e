import Glibc
import TestSupport
import Testing

/// Magnet links with the other programs, over each way that there is between us: from the first word to the last
/// block, in both directions.
@Suite(.serialized, .throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct MagnetWaysTests {
  struct Way: CustomTestStringConvertible, Sendable {
    var other: ClientKind
    var weSeed: Bool
    var isUTP: Bool
    var isEncrypted: Bool
    var testDescription: String {
      "\(other) \(weSeed ? "gets" : "gives") \(isUTP ? "utp" : "tcp") \(isEncrypted ? "encrypted" : "plain")"
    }

    static let all = [ClientKind.libtorrent, .transmission].flatMap { other in
      [false, true].flatMap { weSeed in
        [false, true].flatMap { isUTP in
          [false, true].map { Way(other: other, weSeed: weSeed, isUTP: isUTP, isEncrypted: $0) }
        }
      }
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: Way.all)
  func aMagnetCompletes(_ way: Way) async throws {
    try await withStage { stage in
      let other: any Client =
        way.other == .libtorrent
        ? Libtorrent(on: stage, encrypted: way.isEncrypted, utp: way.isUTP)
        : TransmissionDaemon(on: stage, encrypted: way.isEncrypted, utp: way.isUTP)
      let ours = ApusClient(
        on: stage,
        options: ["--encryption", way.isEncrypted ? "require" : "off"] + (way.isUTP ? ["--no-tcp"] : []))
      try await transfer(
        .v1, from: way.weSeed ? ours : other, to: way.weSeed ? other : ours, byMagnet: .tracker,
        within: .seconds(90), on: stage)
      let process = try #require(ours.process)
      process.kill(SIGINT)
      _ = try await process.waitForExit()
      #expect(process.output.contains("\"transport\":\"\(way.isUTP ? "utp" : "tcp")\""))
      #expect(!process.output.contains("\"transport\":\"\(way.isUTP ? "tcp" : "utp")\""))
      #expect(process.output.contains("\"encrypted\":\(way.isEncrypted)"))
      #expect(!process.output.contains("\"encrypted\":\(!way.isEncrypted)"))
    }
  }
}
