internal import Synchronization

/// A tracker's figures of the last 24 hours in steps of a minute.
final class TrackerHistory: Sendable {
  /// One minute.
  struct Minute: Sendable, Equatable {
    /// Seconds since 1970 at its end.
    var time: Int64
    var torrents = 0
    var peers = 0
    var seeds = 0
    /// In this minute.
    var announces = 0
    var scrapes = 0
    var failures = 0
    /// Bytes in memory.
    var memory = 0
  }

  /// Minutes that are kept.
  static let length = 1440

  private struct State: Sendable {
    var minutes: [Minute] = []
    var next = 0
    var last: Totals?
  }

  /// Counts since the start.
  struct Totals: Sendable, Equatable {
    var announces = 0
    var scrapes = 0
    var failures = 0
  }

  private let state = Mutex(State())

  /// Adds a minute; its counts are what came since the minute before.
  func add(time: Int64, _ table: SwarmStatistics, _ totals: Totals, memory: Int) {
    state.withLock { state in
      let last = state.last ?? totals
      state.last = totals
      let minute = Minute(
        time: time, torrents: table.torrents, peers: table.peers, seeds: table.seeds,
        announces: totals.announces - last.announces, scrapes: totals.scrapes - last.scrapes,
        failures: totals.failures - last.failures, memory: memory)
      if state.minutes.count < Self.length {
        state.minutes.append(minute)
      } else {
        state.minutes[state.next] = minute
      }
      state.next = (state.next + 1) % Self.length
    }
  }

  /// All minutes, the oldest first.
  var minutes: [Minute] {
    state.withLock { state in
      guard state.minutes.count == Self.length else { return state.minutes }
      return Array(state.minutes[state.next...] + state.minutes[..<state.next])
    }
  }
}
