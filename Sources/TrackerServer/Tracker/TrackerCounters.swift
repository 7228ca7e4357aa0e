internal import Synchronization

/// What a tracker has done since it started, counted by the front ends and the core.
final class TrackerCounters: Sendable {
  /// Announces that could be read, refused ones included.
  let announces = Atomic<Int>(0)
  /// Scrapes, whatever the number of swarms.
  let scrapes = Atomic<Int>(0)
  /// Requests that were answered with a failure.
  let failures = Atomic<Int>(0)
}
