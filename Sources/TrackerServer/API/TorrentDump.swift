import JSON
internal import Synchronization
import TrackerProtocol

/// Everything that the tracker knows, as JSON lines: a torrent a line, with its peers. Made a shard at a time, as
/// fast as it is read.
final class TorrentDump: Sendable {
  private let core: TrackerCore
  private let shard = Mutex(0)

  init(_ core: TrackerCore) { self.core = core }

  /// The next lines; `nil` at the end. Never empty.
  func next() -> [UInt8]? {
    var lines: [UInt8] = []
    while lines.isEmpty {
      let number = shard.withLock { shard in
        defer { shard += 1 }
        return shard
      }
      guard number < core.table.shardCount else { return nil }
      // Copied under the lock, written without.
      var swarms: [(ListedTorrent, [ListedPeer])] = []
      core.table.forEachSwarm(shard: number, now: core.clock()) { swarms.append(($0, $1)) }
      for (torrent, peers) in swarms { append(torrent, peers, to: &lines) }
    }
    return lines
  }

  private func append(_ torrent: ListedTorrent, _ peers: [ListedPeer], to lines: inout [UInt8]) {
    var members = TorrentPage.members(torrent.infoHash, torrent.counts)
    let list = peers.map { peer -> JSONValue in
      ["address": .string("\(peer.endpoint)"), "is_seed": .bool(peer.isSeed), "age": JSONValue(peer.age)]
    }
    members.append(.init("peers", .array(list)))
    JSONValue.object(members).append(to: &lines)
    lines.append(UInt8(ascii: "\n"))
  }
}
