import TestSupport
import Testing

/// A v1 torrent of one file, made by libtorrent, and a folder with the content.
struct TorrentOnStage {
  let path: String
  let source: String
  /// The v1 info-hash in hexadecimal.
  let infoHash: String

  init(named name: String, size: Int, tracker: String, on stage: Stage) async throws {
    source = try stage.folder.folder("source")
    path = stage.folder[name + ".torrent"]
    try Payload(seed: 2).write(to: source + "/" + name, size: size)
    try await Libtorrent.create(
      source + "/" + name, format: .v1, pieceLength: 65536, tracker: tracker, output: path, on: stage)
    infoHash = try #require(try await Libtorrent.show(path, on: stage).v1)
  }

  /// Downloads with `client` to a new folder and compares the content.
  func download(by client: any Client, on stage: Stage, within limit: Duration = .seconds(60)) async throws {
    let target = try await start(client, on: stage)
    try await finish(client, target, within: limit)
  }

  /// Starts a download and returns its folder.
  func start(_ client: any Client, on stage: Stage) async throws -> String {
    let name = stage.unique("target").split(separator: "/").last.map(String.init) ?? ""
    let target = try stage.folder.folder(name)
    try await client.download(path, into: target)
    return target
  }

  /// Waits until a download is complete and compares the content.
  func finish(_ client: any Client, _ target: String, within limit: Duration = .seconds(60)) async throws {
    try await eventually("\(client.kind) has everything", within: limit) { try await client.isComplete() }
    let found = try differences(target, from: source, ignoring: ignored)
    #expect(found == [], "\(client.kind)")
  }
}
