import Digest
internal import Glibc
internal import Synchronization
import TrackerProtocol

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
  /// Seconds for a look at the whole table, about.
  private static let round = 60

  private struct State: Sendable {
    var cursor = SwarmCursor()
    var candidates = Largest(limit: TrackerStatus.listed)
    var largest: [Torrent] = []
    var secondsToMinute = 0
    /// Counts of the last seconds, the latest last.
    var seconds: [TrackerHistory.Totals] = []
  }

  /// Seconds that present rates are taken over.
  private static let span = 10

  let history = TrackerHistory()
  let clients = ClientCounts()
  let pages = PageCache()
  /// What went wrong with the last snapshot; `nil` if nothing.
  let snapshotFault = Mutex<String?>(nil)
  private let state = Mutex(State())
  private let beat = Atomic<UInt32>(0)

  /// The largest torrents by peers, as of the last look.
  var largest: [Torrent] { state.withLock(\.largest) }

  /// When `tick` was called last, by the tracker's clock.
  var lastTick: UInt32 { beat.load(ordering: .relaxed) }

  /// Called every second by a loop: looks at a part of the table, and once a minute notes its figures.
  func tick(_ core: TrackerCore) {
    beat.store(core.clock(), ordering: .relaxed)
    look(core.table)
    let totals = core.counters.totals
    let isMinute = state.withLock { state in
      state.seconds.append(totals)
      if state.seconds.count > Self.span + 1 { state.seconds.removeFirst() }
      state.secondsToMinute -= 1
      guard state.secondsToMinute <= 0 else { return false }
      state.secondsToMinute = 60
      return true
    }
    if isMinute { note(core, time: Int64(time(nil))) }
  }

  /// Adds a minute to the history.
  func note(_ core: TrackerCore, time: Int64) {
    history.add(
      time: time, core.table.statistics, core.counters.totals, memory: ProcessFigures.memory.resident)
  }

  /// The figures of this moment, in the form of a minute that goes on as the last seconds did.
  func present(_ core: TrackerCore, time: Int64) -> TrackerHistory.Minute {
    let statistics = core.table.statistics
    var minute = TrackerHistory.Minute(
      time: time, torrents: statistics.torrents, peers: statistics.peers, seeds: statistics.seeds)
    let seconds = state.withLock(\.seconds)
    if seconds.count > 1, let first = seconds.first, let last = seconds.last {
      minute.announces = (last.announces - first.announces) * 60 / (seconds.count - 1)
      minute.scrapes = (last.scrapes - first.scrapes) * 60 / (seconds.count - 1)
      minute.failures = (last.failures - first.failures) * 60 / (seconds.count - 1)
    }
    return minute
  }

  /// Looks at the next part of the table: at all of it within a minute, never long under one lock.
  private func look(_ table: SwarmTable) {
    var left = table.entries / Self.round + table.shardCount / Self.round + 64
    var (cursor, candidates) = state.withLock { ($0.cursor, $0.candidates) }
    var isWhole = false
    while left > 0, !isWhole {
      var seen = 1
      let goesOn = table.torrents(from: &cursor, budget: 512) { infoHash, counts in
        seen += 1
        candidates.add(
          Torrent(
            infoHash: infoHash, seeds: counts.seeds, leeches: counts.leeches, downloaded: counts.downloaded))
      }
      left -= seen
      isWhole = !goesOn
    }
    if isWhole { cursor = SwarmCursor() }
    state.withLock { state in
      state.cursor = cursor
      state.candidates = isWhole ? Largest(limit: Self.listed) : candidates
      if isWhole { state.largest = candidates.sorted }
    }
  }
}

extension TrackerStatus.Torrent {
  var size: Int { seeds + leeches }
}

/// Keeps the largest torrents of many.
struct Largest: Sendable {
  let limit: Int
  private(set) var torrents: [TrackerStatus.Torrent] = []
  private var smallest = 0

  init(limit: Int) { self.limit = limit }

  /// Takes a torrent in, if it is large enough. O(1) for most, O(limit) for the others.
  mutating func add(_ torrent: TrackerStatus.Torrent) {
    let size = torrent.size
    guard size > 0, size > smallest || torrents.count < limit else { return }
    // While the table is gone through, one may come twice.
    if let index = torrents.firstIndex(where: { $0.infoHash == torrent.infoHash }) {
      torrents[index] = torrent
    } else if torrents.count < limit {
      torrents.append(torrent)
    } else {
      guard let index = torrents.firstIndex(where: { $0.size == smallest }) else { return }
      torrents[index] = torrent
    }
    if torrents.count == limit { smallest = torrents.lazy.map(\.size).min() ?? 0 }
  }

  /// The largest first.
  var sorted: [TrackerStatus.Torrent] {
    torrents.sorted { one, other in
      one.size == other.size ? one.infoHash < other.infoHash : one.size > other.size
    }
  }
}
