import Addresses
import Foundation
import Metainfo
import TestSupport
import Testing

@testable import BitTorrent

/// Leaf hashes of v2 (BEP 52) between libtorrent and our engine, in this process, so that it can be asked what
/// it did.
@Suite(.serialized, .throttled)
struct LeafHashTests {
  private static let formats = [TorrentFormat.v2, .hybrid]

  /// A torrent of libtorrent's in pieces of 256 KiB, with a file of one piece and short ends among them.
  private func make(_ format: TorrentFormat, on stage: Stage) async throws -> (path: String, source: String) {
    let source = try stage.folder.folder("source")
    try Payload(seed: 1).writeFolder(to: source + "/payload", size: 3 << 20)
    let path = stage.folder["payload.torrent"]
    try await Libtorrent.create(
      source + "/payload", format: format, pieceLength: 256 << 10, output: path, on: stage)
    return (path, source)
  }

  private func session(_ address: TestAddress) async throws -> Session {
    var configuration = SessionConfiguration()
    configuration.listen = [Endpoint(try #require(IPAddress(address.ip)), port: address.port)]
    configuration.leafChecks = .always
    return try await Session(configuration)
  }

  private func finish(_ handle: TorrentHandle) async throws -> TorrentStatus {
    try await eventually("we have everything", within: .seconds(60)) {
      await handle.status().state == .seeding
    }
    return await handle.status()
  }

  @Test(.timeLimit(.minutes(2)), arguments: formats)
  func libtorrentGivesUsLeafHashes(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      let (path, source) = try await make(format, on: stage)
      let seeder = Libtorrent(on: stage)
      try seeder.seed(path, in: source)
      try await eventually("libtorrent seeds", within: .seconds(40)) { try seeder.isComplete() }
      let session = try await session(TestNetwork.address())
      let target = try stage.folder.folder("target")
      var options = AddOptions(directory: target)
      options.peers = [
        Endpoint(try #require(IPAddress(seeder.address.ip)), port: seeder.address.port)
      ]
      let metainfo = try Metainfo(readFile(path))
      let status = try await finish(session.add(metainfo, options))
      #expect(status.leaves.requests > 0)
      #expect(status.leaves.answers > 0)
      #expect(status.leaves.answers <= status.leaves.requests)
      #expect(status.leaves.badBlocks == 0)
      #expect(status.failedPieces == 0)
      await session.stop()
      #expect(try differences(target, from: source, ignoring: ignored) == [])
    }
  }

  @Test(.timeLimit(.minutes(2)), arguments: formats)
  func libtorrentDownloadsFromWhoChecksLeaves(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      let (path, source) = try await make(format, on: stage)
      let address = TestNetwork.address()
      let session = try await session(address)
      let metainfo = try Metainfo(readFile(path))
      let handle = try await session.add(metainfo, AddOptions(directory: source))
      _ = try await finish(handle)
      let leecher = Libtorrent(on: stage, peers: [address])
      let target = try stage.folder.folder("target")
      try leecher.download(path, into: target)
      try await eventually("libtorrent has everything", within: .seconds(60)) { try leecher.isComplete() }
      #expect(await handle.status().peers <= 1)
      await session.stop()
      #expect(try differences(target, from: source, ignoring: ignored) == [])
    }
  }
}
