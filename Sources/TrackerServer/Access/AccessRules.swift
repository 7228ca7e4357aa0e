import Addresses
import Digest
internal import Synchronization
import TrackerProtocol

/// Who may announce what: the lists of torrents and the passkeys. They can be replaced at any time.
///
/// Asking costs an open tracker one load, and never takes a lock or allocates for lists. What is replaced is kept
/// for a while, as who is asking may still read it; asking takes less than a microsecond.
@safe
final class AccessRules: Sendable {
  private let current = unsafe Atomic<Unmanaged<AccessLists>?>(nil)
  /// What was replaced, and when, in seconds; and what counts now, to keep it alive.
  private let kept = Mutex<(retired: [(lists: AccessLists, at: UInt32)], current: AccessLists?)>(([], nil))
  /// Seconds that what was replaced is kept.
  private static let grace: UInt32 = 10

  /// Why a torrent is not served to whoever has `passkey`; `nil` if it is.
  func refusal(of infoHash: InfoHash, passkey: Passkey?) -> TrackerRefusal? {
    guard let lists = unsafe current.load(ordering: .acquiring) else { return nil }
    return unsafe lists._withUnsafeGuaranteedRef { $0.refusal(of: infoHash, passkey: passkey) }
  }

  /// Why nothing is served to whoever has `passkey`, whatever the torrent; `nil` if something is.
  func refusal(ofPasskey passkey: Passkey?) -> TrackerRefusal? {
    guard let lists = unsafe current.load(ordering: .acquiring) else { return nil }
    return unsafe lists._withUnsafeGuaranteedRef { $0.refusal(ofPasskey: passkey) }
  }

  /// Why an announce is not taken; `nil` if it is. Counts what the passkey uses.
  func refusal(of announcement: borrowing Announcement, now: UInt32) -> TrackerRefusal? {
    guard let lists = unsafe current.load(ordering: .acquiring) else { return nil }
    let announcement = copy announcement
    return unsafe lists._withUnsafeGuaranteedRef { $0.refusal(of: announcement, now: now) }
  }

  /// The lists that count now; `nil` on an open tracker.
  var lists: AccessLists? { kept.withLock(\.current) }

  /// Replaces the lists; `nil` opens the tracker. What passkeys have used so far goes on counting.
  func replace(by new: AccessLists?, now: UInt32) {
    kept.withLock { kept in
      if let old = kept.current {
        new?.passkeys?.takeUsage(from: old.passkeys)
        kept.retired.append((old, now))
      }
      kept.current = new
      unsafe current.store(new.map { unsafe Unmanaged.passUnretained($0) }, ordering: .releasing)
    }
  }

  /// Lets go of what was replaced long ago; called now and then.
  func forget(now: UInt32) {
    kept.withLock { kept in kept.retired.removeAll { now &- $0.at > Self.grace } }
  }
}

/// The lists that count at one time; never changed, but for what passkeys use.
final class AccessLists: Sendable {
  /// Only these torrents are served, if there is a list.
  let allowed: InfoHashSet?
  /// These are not.
  let denied: InfoHashSet?
  /// Only who has one of these is served, if there is a list.
  let passkeys: PasskeyBook?

  init(allowed: InfoHashSet? = nil, denied: InfoHashSet? = nil, passkeys: PasskeyBook? = nil) {
    self.allowed = allowed
    self.denied = denied
    self.passkeys = passkeys
  }

  func refusal(of infoHash: InfoHash, passkey: Passkey?) -> TrackerRefusal? {
    refusal(ofPasskey: passkey) ?? (isServed(infoHash) ? nil : .notAllowed)
  }

  func refusal(ofPasskey passkey: Passkey?) -> TrackerRefusal? {
    guard let passkeys else { return nil }
    guard let passkey, passkeys.contains(passkey) else { return .unknownPasskey }
    return nil
  }

  func refusal(of announcement: borrowing Announcement, now: UInt32) -> TrackerRefusal? {
    guard isServed(announcement.infoHash) else {
      // Who has no passkey learns nothing of the lists.
      guard let passkeys, announcement.passkey.map(passkeys.contains) != true else { return .notAllowed }
      return .unknownPasskey
    }
    guard let passkeys else { return nil }
    guard let passkey = announcement.passkey else { return .unknownPasskey }
    return passkeys.enter(
      passkey, torrent: announcement.infoHash, address: announcement.peer.address,
      isStopping: announcement.event == .stopped, now: now)
  }

  /// Whether a torrent is served to those to whom anything is.
  func isServed(_ infoHash: InfoHash) -> Bool {
    if let denied, denied.contains(infoHash) { return false }
    if let allowed { return allowed.contains(infoHash) }
    return true
  }
}
