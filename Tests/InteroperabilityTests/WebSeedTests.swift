import Foundation
import TestSupport
import Testing

/// Downloads from nginx (BEP 19): alone, beside peers, over one connection for many pieces.
@Suite(.throttled) struct WebSeedTests {
  /// Files whose names need escaping, whose ends lie in the middle of pieces, and of no length.
  private static let files: [(path: String, size: Int)] = [
    ("a b#c?d%e.bin", 3_000_001), ("sub folder/ü 漢字.txt", 70_000), ("sub folder/+&=;.bin", 5),
    ("empty", 0), ("z.bin", 400_000),
  ]

  private func content(in folder: String) throws {
    for (index, file) in Self.files.enumerated() {
      let path = folder + "/" + file.path
      try FileManager.default.createDirectory(
        atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true
      )
      try Payload(seed: UInt64(index + 1)).write(to: path, size: file.size)
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .paddedV1, .v2, .hybrid])
  func aFolderComesFromAWebSeedAlone(_ format: TorrentFormat) async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      try content(in: try stage.folder.folder("source/my content"))
      let web = Nginx(on: stage)
      try await web.start(serving: source)
      let torrent = stage.folder["content.torrent"]
      try await Libtorrent.create(
        source + "/my content", format: format, pieceLength: 32768, webSeed: web.url, output: torrent,
        on: stage)
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage)
      try leecher.download(torrent, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(try differences(target + "/my content", from: source + "/my content") == [])
      let requests = web.requests
      #expect(requests.allSatisfy { $0.status == "206" && $0.range.hasPrefix("bytes=") })
      // Connections are kept, and pieces that follow each other come together.
      #expect(Set(requests.map(\.connection)).count <= 4)
      #expect(requests.count < 60)
      let output = try #require(leecher.process).output
      #expect(output.contains(#""address":"\#(web.address)","client":"web seed""#))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [TorrentFormat.v1, .v2, .hybrid], [true, false])
  func aFileComesFromAWebSeedAlone(_ format: TorrentFormat, isUnderFolder: Bool) async throws {
    try await withStage { stage in
      let source = try stage.folder.folder("source")
      try Payload(seed: 3).write(to: source + "/one file.bin", size: 5_000_003)
      let web = Nginx(on: stage)
      try await web.start(serving: source)
      let torrent = stage.folder["file.torrent"]
      try await Libtorrent.create(
        source + "/one file.bin", format: format, pieceLength: 65536,
        webSeed: isUnderFolder ? web.url : web.url + "one%20file.bin", output: torrent, on: stage)
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage)
      try leecher.download(torrent, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(try isSame(readFile(target + "/one file.bin")[...], readFile(source + "/one file.bin")))
    }
  }

  /// Both deliver, and neither waits for the other.
  @Test(.timeLimit(.minutes(1)))
  func aWebSeedHelpsASlowPeer() async throws {
    try await withStage { stage in
      var torrent = TestTorrent(size: 16 << 20)
      let web = Nginx(on: stage)
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      try await web.start(serving: source, bytesPerSecond: 1 << 20)
      torrent.metainfo["url-list"] = .text(web.url)
      let slow = try HonestSeeder(torrent, on: stage, bytesPerSecond: 1 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [slow.address])
      try leecher.download(path, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(try torrent.faults(in: target) == [])
      #expect(slow.servedBytes > 1 << 20)
      #expect(web.requests.count > 4)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func theyAreNotUsedWhereTheyMayNotBe() async throws {
    try await withStage { stage in
      var torrent = TestTorrent(size: 1 << 20)
      let web = Nginx(on: stage)
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      try await web.start(serving: source)
      torrent.metainfo["url-list"] = .text(web.url)
      let honest = try HonestSeeder(torrent, on: stage)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let target = try stage.folder.folder("target")
      let leecher = ApusClient(on: stage, peers: [honest.address], options: ["--no-web-seeds"])
      try leecher.download(path, into: target)
      try await eventually("the download is done", within: .seconds(40)) { try leecher.isComplete() }
      #expect(web.requests.isEmpty)
    }
  }
}
