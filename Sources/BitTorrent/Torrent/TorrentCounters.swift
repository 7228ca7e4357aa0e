/// What a torrent has done since it was added, for status, trackers and tests.
struct TorrentCounters {
  /// Payload bytes received, wasted ones included.
  var downloaded: Int64 = 0
  /// Payload bytes sent.
  var uploaded: Int64 = 0
  /// Payload that was not needed or failed its hash.
  var wasted: Int64 = 0
  /// Pieces that failed their hash.
  var failedPieces = 0
  /// Pieces that were ours until reading them failed.
  var lostPieces = 0
  /// Pieces read from disk and hashed when the torrent was added.
  var checkedPieces = 0
  /// Leaf hashes asked for and given, and what was compared with them.
  var leaves = LeafCounts()
  /// Connections that ended, by reason.
  var closes: [CloseReason: Int] = [:]
  var closesInWords: [String: Int] {
    Dictionary(uniqueKeysWithValues: closes.map { ($0.rawValue, $1) })
  }

  /// Whether there is anything to tell.
  var isUsed: Bool { downloaded != 0 || uploaded != 0 || checkedPieces != 0 || !closes.isEmpty }
}

/// What moved between us and the peers that have gone, bounded.
struct TrafficLog {
  private static let limit = 500
  private(set) var gone: [PeerTraffic] = []

  /// Adds up what moved with a peer that leaves.
  mutating func add(_ traffic: PeerTraffic) {
    guard traffic.downloaded > 0 || traffic.uploaded > 0 else { return }
    if let index = gone.firstIndex(where: { $0.isSame(as: traffic) }) {
      gone[index].downloaded += traffic.downloaded
      gone[index].uploaded += traffic.uploaded
      gone[index].transport = traffic.transport
    } else if gone.count < Self.limit {
      gone.append(traffic)
    }
  }
}
