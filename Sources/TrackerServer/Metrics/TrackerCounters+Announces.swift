import Addresses
internal import Synchronization
import TrackerProtocol

extension TrackerCounters {
  /// Counts what is special about an announce; most have nothing.
  @inline(__always)
  func note(_ announcement: borrowing Announcement) {
    announces.add(1, ordering: .relaxed)
    if !announcement.peer.address.isV4 { announcesV6.add(1, ordering: .relaxed) }
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
