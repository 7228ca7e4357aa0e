import Digest
internal import Glibc
internal import Synchronization

/// What a tracker knows about itself besides its counters: the last day, the largest torrents, the programs that
/// announce. Filled a little every second.
final class TrackerStatus: Sendable {
  /// A torrent of the list of the largest.
  struct Torrent: Sendable, Equatable {
    var infoHash: InfoHash
    var seeds: Int
    var leeches: Int
    var downloaded: Int
  }

  /// Torrents in the list of the largest.
  static let listed = 20
  /// Seconds for a look at the whole table.
  private static let round = 60

  private struct State: Sendable {
    var nextShard = 0
    var candidates: [Torrent] = []
    var largest: [Torrent] = []
    var secondsToMinute = 0
  }

  let history = TrackerHistory()
  let clients = ClientCounts()
  private let state = Mutex(State())
  private let beat = Atomic<UInt32>(0)

  /// The largest torrents by peers, as of the last look.
  var largest: [Torrent] { state.withLock(\.largest) }

  /// When `tick` was called last, by the tracker's clock.
  var lastTick: UInt32 { beat.load(ordering: .relaxed) }

  /// Called every second by a loop: looks at a part of the table, and once a minute notes its figures.
  func tick(_ core: TrackerCore) {
    beat.store(core.clock(), ordering: .relaxed)
    let count = core.table.shardCount
    let shards = max(1, (count + Self.round - 1) / Self.round)
    let (first, isMinute) = state.withLock { state in
      let first = state.nextShard
      state.nextShard += shards
      if state.nextShard >= count { state.nextShard = 0 }
      state.secondsToMinute -= 1
      if state.secondsToMinute > 0 { return (first, false) }
      state.secondsToMinute = 60
      return (first, true)
    }
    look(core.table, first..<min(first + shards, count), isLast: first + shards >= count)
    guard isMinute else { return }
    note(core, time: Int64(time(nil)))
  }

  /// Adds a minute to the history.
  func note(_ core: TrackerCore, time: Int64) {
    let counters = core.counters
    let totals = TrackerHistory.Totals(
      announces: counters.announces.load(ordering: .relaxed),
      scrapes: counters.scrapes.load(ordering: .relaxed),
      failures: counters.failures.load(ordering: .relaxed))
    history.add(
      time: time, core.table.statistics, totals, memory: ProcessFigures.now.residentMemory)
  }

  /// Calls `body` for every torrent of a shard.
  private static func visit(_ table: SwarmTable, _ shard: Int, _ body: (Torrent) -> Void) {}

  private func look(_ table: SwarmTable, _ shards: Range<Int>, isLast: Bool) {
    var found: [Torrent] = []
    for shard in shards {
      var top = Largest(limit: Self.listed)
      Self.visit(table, shard) { top.add($0) }
      found += top.torrents
    }
    state.withLock { state in
      var top = Largest(limit: Self.listed)
      for torrent in state.candidates + found { top.add(torrent) }
      state.candidates = top.torrents
      if isLast {
        state.largest = top.torrents.sorted { ($0.size, $1.infoHash) > ($1.size, $0.infoHash) }
        state.candidates = []
      }
    }
  }
}

extension TrackerStatus.Torrent {
  var size: Int { seeds + leeches }
}

/// Keeps the largest torrents of many.
struct Largest {
  let limit: Int
  private(set) var torrents: [TrackerStatus.Torrent] = []
  private var smallest = 0

  init(limit: Int) { self.limit = limit }

  /// Takes a torrent in, if it is large enough. O(1) for most, O(limit) for the others.
  mutating func add(_ torrent: TrackerStatus.Torrent) {
    let size = torrent.size
    guard size > 0 else { return }
    if torrents.count < limit {
      torrents.append(torrent)
    } else {
      guard size > smallest, let index = torrents.firstIndex(where: { $0.size == smallest }) else { return }
      torrents[index] = torrent
    }
    if torrents.count == limit { smallest = torrents.lazy.map(\.size).min() ?? 0 }
  }
}
