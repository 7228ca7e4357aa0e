import EventLoop
import Foundation
import Metainfo
import Testing

@testable import BitTorrent

/// A slow seed and a downloader of one torrent, watched closely.
struct OrderStage {
  let stage: SwarmStage
  let seeder: Session
  let leech: Session
  let handle: TorrentHandle

  /// Runs `body` while a downloader gets `files` from a seed at `rate` bytes a second; it knows of no seed if
  /// `isSeeded` is false.
  static func with(
    _ files: [(path: String, size: Int)], version: TorrentVersion = .v1, pieceLength: Int = 32 << 10,
    rate: Int? = nil, isSeeded: Bool = true, _ configure: (inout AddOptions) -> Void = { _ in },
    _ body: (OrderStage) async throws -> Void
  ) async throws {
    try await SwarmStage.with(files, version: version, pieceLength: pieceLength) { stage in
      let seeder = try await SwarmStage.session { $0.uploadLimit = rate }
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      // Fewer blocks at a time than there are, however fast the machine: the rest is still to be chosen.
      let leech = try await SwarmStage.session { $0.requestQueue = 64 }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      if isSeeded { options.peers = seeder.listening }
      configure(&options)
      let handle = try await leech.add(stage.metainfo, options)
      let order = OrderStage(stage: stage, seeder: seeder, leech: leech, handle: handle)
      do {
        try await body(order)
      } catch {
        await leech.stop()
        await seeder.stop()
        throw error
      }
      await leech.stop()
      await seeder.stop()
    }
  }

  var info: Info { stage.metainfo.info }

  /// Pieces that are verified.
  func have() async -> [Int] {
    await handle.seat.loop.perform { loop in
      guard let picker = handle.seat.value(on: loop).torrent?.picker else { return [] }
      return (0..<picker.have.count).filter { picker.have[$0] }
    }
  }

  /// All files, one after the other.
  var content: Data {
    info.files.reduce(into: Data()) {
      $0 += SwarmStage.bytes($1.path.dropFirst().joined(separator: "/"), Int($1.length))
    }
  }

  /// Blocks that peers have been asked for and that have come, or will.
  func asked() async -> Int {
    await handle.seat.loop.perform { loop in
      guard let torrent = handle.seat.value(on: loop).torrent else { return 0 }
      let outstanding = torrent.peers.reduce(0) { $0 + ($1.map { torrent.picker.outstanding($0.slot) } ?? 0) }
      return outstanding + Int(torrent.counters.downloaded) / Block.size
    }
  }

  /// Pieces in the order in which they were verified, until the download is complete.
  func arrivals(within seconds: Double = 20) async throws -> [Int] {
    var order: [Int] = []
    var seen: Set<Int> = []
    let end = ContinuousClock.now + .seconds(seconds)
    while await handle.status().state != .seeding {
      for piece in await have() where seen.insert(piece).inserted { order.append(piece) }
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "not complete: \(order)") }
      try await Task.sleep(for: .milliseconds(2))
    }
    for piece in await have() where seen.insert(piece).inserted { order.append(piece) }
    return order
  }

  /// The file with that path below the torrent's folder.
  func file(_ path: String) throws -> Int {
    try #require(
      info.files.firstIndex { $0.path == ["payload"] + path.split(separator: "/").map(String.init) })
  }

  /// What the downloader's folder holds, Apus's own files left out.
  func names() -> [String] {
    let folder = URL(fileURLWithPath: stage.downloadFolder("copy"))
    let all = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return all.filter { name in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(
        atPath: folder.appendingPathComponent(name).path, isDirectory: &isFolder)
      return !isFolder.boolValue && !name.hasPrefix(".apus")
    }.sorted()
  }

  var hasPartStore: Bool {
    FileManager.default.fileExists(
      atPath: stage.downloadFolder("copy") + "/.apus/\(info.infoHash).parts")
  }

  func content(_ path: String) -> Data? {
    FileManager.default.contents(atPath: stage.downloadFolder("copy") + "/payload/" + path)
  }
}
