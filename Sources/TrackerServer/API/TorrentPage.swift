import Bytes
import Digest
import JSON
import TrackerProtocol

/// One page of all torrents, in some order; the next one begins behind the last of this.
struct TorrentPage {
  /// What torrents can be sorted by. Equal ones are in the order of their info-hashes.
  enum Order: String, CaseIterable {
    case hash
    case peers
    case seeds
    case leeches
    case downloaded

    /// The larger, the earlier.
    func rank(_ counts: SwarmCounts) -> Int {
      switch self {
      case .hash: 0
      case .peers: counts.seeds + counts.leeches
      case .seeds: counts.seeds
      case .leeches: counts.leeches
      case .downloaded: counts.downloaded
      }
    }
  }

  /// A torrent's place in an order.
  struct Place: Comparable {
    var rank: Int
    var hash: InfoHash

    static func < (one: Place, other: Place) -> Bool {
      one.rank != other.rank ? one.rank > other.rank : one.hash < other.hash
    }

    init(_ rank: Int, _ hash: InfoHash) {
      self.rank = rank
      self.hash = hash
    }

    /// Reads `rank-hash`.
    init?(cursor text: String) {
      let parts = text.split(separator: "-")
      guard parts.count == 2, let rank = Int(parts[0]), let hash = InfoHash(hexadecimal: parts[1]) else {
        return nil
      }
      self.init(rank, hash)
    }

    var cursor: String { "\(rank)-\(hash)" }
  }

  private(set) var torrents: [(place: Place, counts: SwarmCounts)] = []
  /// The cursor of the next page; `nil` if this is the last.
  private(set) var next: String?

  /// Looks through the whole table, a thousand torrents under a lock at a time. O(torrents), memory for one page. What
  /// changes meanwhile may be there or not.
  init(of table: SwarmTable, by order: Order, after cursor: Place?, limit: Int, isReversed: Bool) {
    func isBefore(_ one: Place, _ other: Place) -> Bool { isReversed ? one > other : one < other }
    var best: [(place: Place, counts: SwarmCounts)] = []
    func see(_ hash: InfoHash, _ counts: SwarmCounts) {
      let place = Place(order.rank(counts), hash)
      if let cursor, !isBefore(cursor, place) { return }
      // One more than the page, to know whether another follows.
      if best.count > limit, let last = best.last, !isBefore(place, last.place) { return }
      var (low, high) = (0, best.count)
      while low < high {
        let middle = (low + high) / 2
        if isBefore(best[middle].place, place) { low = middle + 1 } else { high = middle }
      }
      if low < best.count, best[low].place == place { return }
      best.insert((place, counts), at: low)
      if best.count > limit + 1 { best.removeLast() }
    }
    var place = SwarmCursor()
    while table.torrents(from: &place, budget: 1000, see) {}
    torrents = Array(best.prefix(limit))
    if best.count > limit { next = torrents.last?.place.cursor }
  }

  var json: JSONValue {
    [
      "torrents": .array(torrents.map { .object(Self.members($0.place.hash, $0.counts)) }),
      "next": next.map { .string($0) } ?? .null,
    ]
  }

  static func members(_ hash: InfoHash, _ counts: SwarmCounts) -> [JSONValue.Member] {
    [
      .init("info_hash", .string("\(hash)")), .init("seeds", JSONValue(counts.seeds)),
      .init("leeches", JSONValue(counts.leeches)), .init("downloaded", JSONValue(counts.downloaded)),
    ]
  }
}
