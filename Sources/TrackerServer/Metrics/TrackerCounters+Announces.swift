import Addresses
internal import Synchronization
import TrackerProtocol

extension TrackerCounters {
  /// One announce in so many is looked at closely. A power of two.
  static let sampling: UInt64 = 64

  /// The sums that the history is made of.
  var totals: TrackerHistory.Totals {
    TrackerHistory.Totals(
      announces: announces.load(ordering: .relaxed), scrapes: scrapes.load(ordering: .relaxed),
      failures: failures.load(ordering: .relaxed))
  }

  /// Announces by event.
  var events: [(name: String, count: Int)] {
    [
      ("started", started.load(ordering: .relaxed)), ("completed", completed.load(ordering: .relaxed)),
      ("stopped", stopped.load(ordering: .relaxed)), ("paused", paused.load(ordering: .relaxed)),
    ]
  }

  /// What became of HTTP connections.
  var connections: [(name: String, count: Int)] {
    [
      ("turned_away", httpTurnedAway.load(ordering: .relaxed)),
      ("evicted", httpEvicted.load(ordering: .relaxed)),
      ("handed_over", httpHandedOver.load(ordering: .relaxed)),
    ]
  }

  /// Announces that were not taken, by reason.
  var refusals: [(name: String, count: Int)] {
    [
      ("table_full", refusedFull.load(ordering: .relaxed)),
      ("torrent_not_served", refusedTorrents.load(ordering: .relaxed)),
      ("passkey_unknown", refusedPasskeys.load(ordering: .relaxed)),
      ("passkey_cap", refusedCaps.load(ordering: .relaxed)),
    ]
  }

  /// Counts what is special about an announce; most have nothing.
  @inline(__always)
  func note(_ announcement: borrowing Announcement) {
    announces.add(1, ordering: .relaxed)
    if !announcement.peer.address.isV4 {
      announcesV6.add(1, ordering: .relaxed)
      // Only datagrams ask for one family.
      if announcement.families == .v6 { udpAnnouncesV6.add(1, ordering: .relaxed) }
    }
    switch announcement.event {
    case .regular: break
    case .started: started.add(1, ordering: .relaxed)
    case .completed: completed.add(1, ordering: .relaxed)
    case .stopped: stopped.add(1, ordering: .relaxed)
    case .paused: paused.add(1, ordering: .relaxed)
    }
  }

  /// Counts why an announce was not taken, and hands that on.
  func note(_ refusal: TrackerRefusal) -> TrackerRefusal {
    switch refusal {
    case .tooManyTorrents: refusedFull.add(1, ordering: .relaxed)
    case .notAllowed: refusedTorrents.add(1, ordering: .relaxed)
    case .unknownPasskey: refusedPasskeys.add(1, ordering: .relaxed)
    case .tooManyTorrentsOfPasskey, .tooManyAddresses: refusedCaps.add(1, ordering: .relaxed)
    }
    return refusal
  }
}
