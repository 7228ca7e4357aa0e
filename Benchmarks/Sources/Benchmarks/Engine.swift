import Addresses
import BitTorrent
import CCounters
import EventLoop
import Glibc
import Metainfo

/// The whole engine: one session seeds 64 MiB, another downloads it over loopback, in this process. Counted
/// from before the download is added to after its last piece is durable, on all threads.
struct Engine {
  private static let size = 64 << 20
  private static let pieceLength = 256 << 10
  private static let blocks = Double(size / (16 << 10))

  /// The order in which the loops' threads begin.
  private enum Role: Int {
    case seeder
    case downloader
  }

  /// Costs per block of 16 KiB.
  static func run(timed: Bool) async -> [(name: String, cost: Cost)] {
    do {
      let content = TemporaryFolder()
      defer { withExtendedLifetime(content) {} }
      let metainfo = try makeContent(in: content.path)
      var rows: [(name: String, cost: Cost)] = []
      // The first time for warmth.
      _ = try await transfer(metainfo, from: content.path)
      let transfer = try await transfer(metainfo, from: content.path)
      for (index, name) in ["the seeder's loop", "the downloader's loop", "the disk threads"].enumerated() {
        rows.append(
          (
            "engine: a block, \(name)",
            Cost(
              nanoseconds: timed && index == 1 ? transfer.nanoseconds / blocks : nil,
              allocations: transfer.counts[index].allocations / blocks,
              retains: transfer.counts[index].retains / blocks)
          ))
      }
      return rows
    } catch {
      preconditionFailure("\(error)")
    }
  }

  private static func makeContent(in folder: String) throws -> Metainfo {
    let path = folder + "/content"
    let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
    guard descriptor >= 0 else { preconditionFailure("cannot write \(path)") }
    var state: UInt64 = 1
    let words = (0..<(1 << 17)).map { _ -> UInt64 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
    for _ in 0..<size >> 20 {
      let written = words.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      precondition(written == 1 << 20, "cannot write \(path)")
    }
    close(descriptor)
    var options = TorrentCreation.Options()
    options.version = .v1
    options.pieceLength = pieceLength
    return try TorrentCreation.run(path: path, options: options, threads: 2)
  }

  private struct Counts {
    var allocations = 0.0
    var retains = 0.0
  }

  private struct Transfer {
    var nanoseconds: Double
    /// The seeder's loop, the downloader's, and all disk threads.
    var counts: [Counts]
  }

  private static func transfer(_ metainfo: Metainfo, from folder: String) async throws -> Transfer {
    let copy = TemporaryFolder()
    defer { withExtendedLifetime(copy) {} }
    var configuration = SessionConfiguration()
    // Whose costs they are is told by the name of the thread.
    configuration.loops = 1
    configuration.listen = [Endpoint(.loopbackV4, port: 0)]
    let seeder = try await Session(configuration)
    let source = try await seeder.add(metainfo, AddOptions(directory: folder))
    while await source.status().state != .seeding { usleep(2000) }
    let downloader = try await Session(configuration)
    var options = AddOptions(directory: copy.path)
    options.peers = seeder.listening
    let before = counts()
    let start = Instant.now
    let target = try await downloader.add(metainfo, options)
    while await target.status().state != .seeding { usleep(5000) }
    let end = Instant.now
    let after = counts()
    await downloader.stop()
    await seeder.stop()
    return Transfer(
      nanoseconds: Double(end.nanoseconds - start.nanoseconds),
      counts: zip(after, before).map {
        Counts(allocations: $0.allocations - $1.allocations, retains: $0.retains - $1.retains)
      })
  }

  /// Threads that have ended are not in the list, so that the loops of these two sessions are its only ones.
  private static func counts() -> [Counts] {
    var threads = [thread_counts](repeating: thread_counts(), count: 1024)
    let found = counters_threads(&threads, threads.count)
    var result = [Counts](repeating: Counts(), count: 3)
    var loops = 0
    for thread in threads.prefix(found) {
      let name = withUnsafeBytes(of: thread.name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      let index: Int
      switch name {
      case "loop 0":
        index = min(loops, Role.downloader.rawValue)
        loops += 1
      case "disk": index = 2
      default: continue
      }
      result[index].allocations += Double(thread.allocations)
      result[index].retains += Double(thread.retains)
    }
    return result
  }
}
