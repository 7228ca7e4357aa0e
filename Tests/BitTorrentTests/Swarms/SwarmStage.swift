import Addresses
import BitTorrent
import Foundation
import Metainfo
import Testing

/// A folder of content, a torrent of it and sessions on loopback, all gone at the end.
struct SwarmStage {
  let folder: URL
  let metainfo: Metainfo
  let content: URL

  /// Files by path with their sizes; contents depend on the path only. Peers of a private torrent know whom
  /// they are told of and nobody else.
  static func with(
    _ files: [(path: String, size: Int)], version: TorrentVersion = .v1, pieceLength: Int = 32 << 10,
    isPrivate: Bool = false, _ body: (SwarmStage) async throws -> Void
  ) async throws {
    let folder = URL(fileURLWithPath: NSTemporaryDirectory())
      .appendingPathComponent("apus-swarm-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let content = folder.appendingPathComponent("seed/payload")
    for file in files {
      let url = content.appendingPathComponent(file.path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Self.bytes(file.path, file.size).write(to: url)
    }
    var options = TorrentCreation.Options()
    options.version = version
    options.pieceLength = pieceLength
    options.isPrivate = isPrivate
    let metainfo = try TorrentCreation.run(path: content.path, options: options, threads: 2)
    try await body(SwarmStage(folder: folder, metainfo: metainfo, content: content))
  }

  static func bytes(_ path: String, _ count: Int) -> Data {
    var state = UInt64(truncatingIfNeeded: path.utf8.reduce(5381) { $0 &* 33 &+ UInt64($1) }) | 1
    // Word by word: byte by byte the content would cost the tests more than all that is done with it.
    var words = [UInt64](repeating: 0, count: count / 8 + 1)
    for index in words.indices {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      words[index] = state
    }
    return words.withUnsafeBytes { Data($0.prefix(count)) }
  }

  var seedFolder: String { folder.appendingPathComponent("seed").path }

  func downloadFolder(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Whether the downloaded files are those of the content, byte for byte.
  func compare(_ name: String) throws {
    for case let url as URL in try #require(
      FileManager.default.enumerator(at: content, includingPropertiesForKeys: [.isDirectoryKey]))
    {
      guard try url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == false else { continue }
      let path = url.path.dropFirst(content.deletingLastPathComponent().path.count)
      let copy = downloadFolder(name) + path
      #expect(
        FileManager.default.contents(atPath: copy) == FileManager.default.contents(atPath: url.path),
        "\(path)")
    }
  }

  /// A session on loopback.
  static func session(_ configure: (inout SessionConfiguration) -> Void = { _ in }) async throws -> Session {
    var configuration = SessionConfiguration()
    configuration.listen = [Endpoint(.loopbackV4, port: 0)]
    configuration.localDiscovery = false
    configure(&configuration)
    return try await Session(configuration)
  }
}

extension TorrentHandle {
  /// Waits until the torrent is complete; records an issue after `seconds`.
  func waitUntilComplete(within seconds: Double = 20) async throws -> TorrentStatus {
    let end = ContinuousClock.now + .seconds(seconds)
    while true {
      let status = await status()
      if status.state == .seeding { return status }
      if case .stopped(let reason) = status.state { throw SwarmFailure(reason: reason) }
      guard ContinuousClock.now < end else {
        throw SwarmFailure(reason: "not complete: \(status)")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

struct SwarmFailure: Error, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}
