import TestSupport
import Testing

/// Transmission does nothing for the first 11 to 14 seconds, so that these cases run side by side.
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct TransmissionTests {
  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.transmission.formats)
  func downloadsFromUs(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .apus, to: .transmission)
  }

  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.transmission.formats)
  func seedsToUs(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .transmission, to: .apus)
  }
}
