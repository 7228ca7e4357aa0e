import Foundation
import TestSupport
import Testing

/// Pieces of which one half is in a file and the other in our part store.
@Suite(.serialized, .throttled)
struct SelectionInteroperabilityTests {
  @Test(.timeLimit(.minutes(2)))
  func libtorrentGetsAFileWhoseEdgesWeKeepApart() async throws {
    try await withStage { stage in
      let sizes = [700_001, 900_003, 650_000]
      let torrent = TestTorrent(size: sizes.reduce(0, +), pieceLength: 64 << 10)
        .split(into: sizes.enumerated().map { ("f\($0.offset)", $0.element) })
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let seeder = try HonestSeeder(torrent, on: stage)
      let ours = ApusClient(on: stage)
      let folder = try stage.folder.folder("ours")
      let process = try ours.start([
        "download", path, "--dir", folder, "--select", "f1", "--listen", "\(ours.address)", "--peer",
        "\(seeder.address)", "--json", "--seed-time", "5m",
      ])
      try await eventually("we have the file") { process.output.contains(#""state":"seeding""#) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/folder") == ["f1"])
      let other = Libtorrent(on: stage, peers: [ours.address], only: [1])
      let target = try stage.folder.folder("theirs")
      try other.download(path, into: target)
      try await eventually("libtorrent has the file", within: .seconds(60)) { try other.isComplete() }
      #expect(try readFile(target + "/folder/f1") == torrent.payload.bytes(700_001..<1_600_004))
      #expect(!other.output.contains("hash"))
    }
  }
}
