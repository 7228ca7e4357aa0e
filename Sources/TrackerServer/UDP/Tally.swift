internal import Synchronization

/// What a `UDPTrackerServer` has done since it was last asked: plain numbers, added to those of all threads once a
/// batch.
struct Tally {
  var requests = 0
  var connects = 0
  var announces = 0
  var scrapes = 0
  var badConnections = 0
  var errors = 0
  var malformed = 0
  var lost = 0
  var bytesIn = 0
  var bytesOut = 0

  /// Adds all of it to `counters` and begins anew.
  mutating func flush(to counters: TrackerCounters) {
    func add(_ count: Int, _ counter: borrowing Atomic<Int>) {
      if count > 0 { counter.add(count, ordering: .relaxed) }
    }
    add(requests, counters.udpRequests)
    add(connects, counters.udpConnects)
    add(announces, counters.udpAnnounces)
    add(scrapes, counters.udpScrapes)
    add(scrapes, counters.scrapes)
    add(badConnections, counters.udpBadConnections)
    add(errors, counters.udpErrors)
    add(malformed, counters.udpMalformed)
    add(lost, counters.udpLost)
    add(bytesIn, counters.udpBytesIn)
    add(bytesOut, counters.udpBytesOut)
    self = Tally()
  }
}
