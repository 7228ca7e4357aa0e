import TestSupport
import Testing

@Suite(.serialized, .throttled)
struct LibtorrentTests {
  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.libtorrent.formats)
  func downloadsFromUs(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .apus, to: .libtorrent)
  }

  @Test(.timeLimit(.minutes(2)), arguments: ClientKind.libtorrent.formats)
  func seedsToUs(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .libtorrent, to: .apus)
  }

  @Test(.timeLimit(.minutes(2)), arguments: [TorrentFormat.v2, .hybrid])
  func givesUsThePieceLayersThatOurTorrentLacks(_ format: TorrentFormat) async throws {
    try await transfer(format, from: .libtorrent, to: .apus, strippedOfLayers: true)
  }

  @Test(.timeLimit(.minutes(2)))
  func takesThePieceLayersThatItsTorrentLacksFromUs() async throws {
    try await transfer(.v2, from: .apus, to: .libtorrent, strippedOfLayers: true)
  }

  /// A fresh libtorrent tries an obfuscated handshake (MSE) first, and a plain one after that failed.
  @Test(.timeLimit(.minutes(2)), arguments: [true, false])
  func transfersWithItsDefaultEncryption(weSeed: Bool) async throws {
    try await withStage { stage in
      let other = Libtorrent(on: stage, stock: true)
      let ours = ApusClient(on: stage)
      try await transfer(.v1, from: weSeed ? ours : other, to: weSeed ? other : ours, on: stage)
    }
  }
}
