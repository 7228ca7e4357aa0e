internal import Synchronization

/// What a tracker has done since it started, counted by the front ends and the core.
final class TrackerCounters: Sendable {
  /// Announces that could be read, refused ones included.
  let announces = Atomic<Int>(0)
  /// Scrapes, whatever the number of swarms.
  let scrapes = Atomic<Int>(0)
  /// Requests over HTTP that were answered with a failure.
  let failures = Atomic<Int>(0)
  /// Announces of peers with IPv6; `announces` has them, too.
  let announcesV6 = Atomic<Int>(0)
  /// Those of them that came over UDP.
  let udpAnnouncesV6 = Atomic<Int>(0)
  /// Announces of peers that begin, by their event.
  let started = Atomic<Int>(0)
  /// Announces of peers that have all, by their event.
  let completed = Atomic<Int>(0)
  /// Announces of peers that leave.
  let stopped = Atomic<Int>(0)
  /// Announces of peers that want nothing for now (BEP 21).
  let paused = Atomic<Int>(0)
  /// Announces of torrents that found no room.
  let refusedFull = Atomic<Int>(0)
  /// Announces of torrents that the lists do not serve.
  let refusedTorrents = Atomic<Int>(0)
  /// Announces without a passkey that is known.
  let refusedPasskeys = Atomic<Int>(0)
  /// Announces beyond the caps of their passkey.
  let refusedCaps = Atomic<Int>(0)
  /// Requests with all torrents of a node; their announces are in `announces`, too.
  let batches = Atomic<Int>(0)
  /// Torrents that these listed.
  let batchEntries = Atomic<Int>(0)
  /// Announces that were taken and said something of pieces, or asked who has some.
  let pieceReports = Atomic<Int>(0)
  /// How long the table takes for an announce, of one in `sampling`.
  let announceTime = Histogram()
  /// HTTP connections that were closed because their address has too many.
  let httpTurnedAway = Atomic<Int>(0)
  /// HTTP connections that were closed to make room.
  let httpEvicted = Atomic<Int>(0)
  /// HTTP connections that were given to the library: for pages, the API and TLS.
  let httpHandedOver = Atomic<Int>(0)
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
