import TestSupport
import Testing

@Suite(.serialized, .throttled)
struct Aria2Tests {
  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.aria2.formats)
  func downloadsFromUs(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .apus, to: .aria2)
  }

  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.aria2.formats)
  func seedsToUs(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .aria2, to: .apus)
  }
}
