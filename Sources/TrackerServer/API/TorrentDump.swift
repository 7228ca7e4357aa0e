import Digest
import JSON
internal import Synchronization
import TrackerProtocol

/// Everything that the tracker knows, as JSON lines: a torrent a line, with its peers. Made a part at a time, as
/// fast as it is read; a torrent may come twice where others leave meanwhile.
final class TorrentDump: Sendable {
  private let core: TrackerCore
  private let cursor = Mutex<SwarmCursor?>(SwarmCursor())
  /// Torrents of one part.
  private static let budget = 200

  init(_ core: TrackerCore) { self.core = core }

  /// The next lines; `nil` at the end. Never empty.
  func next() -> [UInt8]? {
    var lines: [UInt8] = []
    while lines.isEmpty {
      var torrents: [(InfoHash, SwarmCounts)] = []
      let isOver = cursor.withLock { cursor in
        guard var place = cursor else { return true }
        let goesOn = core.table.torrents(from: &place, budget: Self.budget) { torrents.append(($0, $1)) }
        cursor = goesOn ? place : nil
        return false
      }
      guard !isOver else { return nil }
      for (hash, counts) in torrents {
        append(hash, counts, core.table.peers(of: hash, limit: .max, now: core.clock()) ?? [], to: &lines)
      }
    }
    return lines
  }

  private func append(
    _ hash: InfoHash, _ counts: SwarmCounts, _ peers: [SwarmMember], to lines: inout [UInt8]
  ) {
    var members = TorrentPage.members(hash, counts)
    let list = peers.map { peer -> JSONValue in
      ["address": .string("\(peer.endpoint)"), "is_seed": .bool(peer.isSeed), "age": JSONValue(peer.age)]
    }
    members.append(.init("peers", .array(list)))
    JSONValue.object(members).append(to: &lines)
    lines.append(UInt8(ascii: "\n"))
  }
}
