import BitTorrent
import Foundation
import Metainfo
import Testing

/// Several torrents in one session, on several loops.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ManyTorrentsTests {
  @Test(arguments: [1, 2, 3])
  func torrentsSpreadOverTheLoopsAndAllComplete(_ loops: Int) async throws {
    let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent(
      "apus-many-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appendingPathComponent("source")
    try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
    var torrents: [Metainfo] = []
    for number in 0..<6 {
      let file = source.appendingPathComponent("file-\(number)")
      try SwarmStage.bytes("file-\(number)", 200_000 + number).write(to: file)
      var options = TorrentCreation.Options()
      options.pieceLength = 16 << 10
      torrents.append(try TorrentCreation.run(path: file.path, options: options, threads: 1))
    }
    let seeder = try await SwarmStage.session { $0.loops = loops }
    let leech = try await SwarmStage.session { $0.loops = loops }
    for torrent in torrents {
      let handle = try await seeder.add(torrent, AddOptions(directory: source.path))
      _ = try await handle.waitUntilComplete()
    }
    var options = AddOptions(directory: folder.appendingPathComponent("copy").path)
    options.peers = seeder.listening
    var handles: [TorrentHandle] = []
    for torrent in torrents { handles.append(try await leech.add(torrent, options)) }
    for handle in handles { #expect(try await handle.waitUntilComplete().failedPieces == 0) }
    await leech.stop()
    await seeder.stop()
    for number in 0..<6 {
      #expect(
        FileManager.default.contents(atPath: folder.appendingPathComponent("copy/file-\(number)").path)
          == FileManager.default.contents(atPath: source.appendingPathComponent("file-\(number)").path))
    }
  }
}
