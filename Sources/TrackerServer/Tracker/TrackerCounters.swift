internal import Synchronization

/// What a tracker has done since it started, counted by the front ends and the core.
final class TrackerCounters: Sendable {
  /// Announces that could be read, refused ones included.
  let announces = Atomic<Int>(0)
  /// Scrapes, whatever the number of swarms.
  let scrapes = Atomic<Int>(0)
  /// Requests that were answered with a failure.
  let failures = Atomic<Int>(0)
  /// Datagrams that came, whatever was in them.
  let udpRequests = Atomic<Int>(0)
  /// Connection ids that were given out.
  let udpConnects = Atomic<Int>(0)
  /// Announces over UDP; `announces` has them, too.
  let udpAnnounces = Atomic<Int>(0)
  /// Scrapes over UDP; `scrapes` has them, too.
  let udpScrapes = Atomic<Int>(0)
  /// Datagrams whose connection id was not good.
  let udpBadConnections = Atomic<Int>(0)
  /// Datagrams that were answered with an error.
  let udpErrors = Atomic<Int>(0)
  /// Datagrams that were no request.
  let udpMalformed = Atomic<Int>(0)
  /// Answers that the system did not take.
  let udpLost = Atomic<Int>(0)
  /// Bytes of the datagrams that came.
  let udpBytesIn = Atomic<Int>(0)
  /// Bytes of the answers.
  let udpBytesOut = Atomic<Int>(0)
}
