import Foundation
import TestSupport
import Testing

/// State and content that are not as the last run left them.
@Suite(.serialized, .throttled)
struct DamagedStateTests {
  enum Damage: String, CaseIterable, CustomTestStringConvertible {
    case emptied
    case cutShort
    case lastBytesLost
    case oneBitChanged
    case garbage
    case removed
    case garbageAppended

    var testDescription: String { rawValue }

    func apply(to path: String) throws {
      var bytes = try readFile(path)
      switch self {
      case .emptied: bytes = []
      case .cutShort: bytes = Array(bytes.prefix(bytes.count / 2))
      case .lastBytesLost: bytes = bytes.dropLast(3)
      case .oneBitChanged: bytes[bytes.count / 2] ^= 4
      case .garbage: bytes = bytes.map { _ in UInt8.random(in: 0...255) }
      case .garbageAppended: bytes += (0..<1000).map { _ in UInt8.random(in: 0...255) }
      case .removed: return try FileManager.default.removeItem(atPath: path)
      }
      try writeFile(bytes, path)
    }
  }

  /// With half of the content there, the rest is fetched, and hardly anything twice.
  @Test(.timeLimit(.minutes(2)), arguments: Damage.allCases)
  func damagedStateCostsACheckAtMost(_ damage: Damage) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 16 << 20, pieceLength: 65536)
      let seeder = try HonestSeeder(torrent, on: stage, bytesPerSecond: 16 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [seeder.address])
      try leecher.download(path, into: target)
      try await eventually("half of it is there") { seeder.servedBytes > torrent.size / 2 }
      let process = try #require(leecher.process)
      process.kill(SIGKILL)
      try await process.waitForExit()
      for file in try stateFiles(target) { try damage.apply(to: file) }
      try leecher.download(path, into: target)
      try await eventually("the download is done") { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
      #expect(seeder.servedBytes < torrent.size * 5 / 4)
    }
  }

  /// What was changed behind its back is noticed at the next start, and fetched again.
  @Test(.timeLimit(.minutes(2)), arguments: [false, true])
  func changedContentIsFetchedAgain(isCutShort: Bool) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 8 << 20, pieceLength: 65536)
      let seeder = try HonestSeeder(torrent, on: stage)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [seeder.address])
      try leecher.download(path, into: target)
      try await eventually("the download is done") { try leecher.isComplete() }
      let before = seeder.servedBytes
      let file = target + "/" + torrent.name
      var content = try readFile(file)
      if isCutShort { content.removeLast(100_000) } else { content[5_000_000] ^= 1 }
      try writeFile(content, file)
      try leecher.download(path, into: target)
      try await eventually("it is whole again") { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
      let again = seeder.servedBytes - before
      #expect(again > 0 && again <= 3 * torrent.pieceLength)
    }
  }

  private func stateFiles(_ target: String) throws -> [String] {
    let folder = target + "/.apus"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    try #require(!names.isEmpty)
    return names.map { folder + "/" + $0 }
  }
}
