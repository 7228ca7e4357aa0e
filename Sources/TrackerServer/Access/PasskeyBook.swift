import Addresses
import Digest
internal import Synchronization

/// The passkeys of a private tracker and what each has used lately.
final class PasskeyBook: Sendable {
  /// A member.
  struct Member: Sendable, Equatable {
    var passkey: Passkey
    /// Torrents at a time; 0 is any number.
    var torrents: Int
    /// Addresses at a time, networks of 64 bits with IPv6; 0 is any number.
    var addresses: Int
  }

  private final class Entry: Sendable {
    let member: Member
    let usage: PasskeyUsage
    init(_ member: Member, _ usage: PasskeyUsage) {
      self.member = member
      self.usage = usage
    }
  }

  /// Seconds after which a torrent or address that was not announced again counts no more.
  let lifetime: UInt32
  private let entries: [Entry]
  /// Open addressing: one more than the place in `entries`, 0 if free.
  private let places: [UInt32]
  /// Passkeys are random, but those that are asked for need not be.
  private let seed: UInt64

  init(_ members: [Member], lifetime: UInt32, seed: UInt64) {
    var size = 16
    while size * 2 < members.count * 3 { size *= 2 }
    var places = [UInt32](repeating: 0, count: size)
    var entries: [Entry] = []
    for member in members {
      var index = Self.start(member.passkey, seed) & (size - 1)
      while places[index] > 0, entries[Int(places[index]) - 1].member.passkey != member.passkey {
        index = (index + 1) & (size - 1)
      }
      // Of a passkey that is there twice, the first line counts.
      guard places[index] == 0 else { continue }
      entries.append(Entry(member, PasskeyUsage()))
      places[index] = UInt32(entries.count)
    }
    self.entries = entries
    self.places = places
    self.lifetime = lifetime
    self.seed = seed
  }

  /// How many there are.
  var count: Int { entries.count }

  /// Whether a passkey is known. O(1).
  func contains(_ passkey: Passkey) -> Bool { entry(passkey) != nil }

  /// Counts an announce; why it is not taken, or `nil`. O(cap); allocates only when a member uses more than ever.
  func enter(
    _ passkey: Passkey, torrent: InfoHash, address: IPAddress, isStopping: Bool, now: UInt32
  ) -> TrackerRefusal? {
    guard let entry = entry(passkey) else { return .unknownPasskey }
    let (torrents, addresses) = (entry.member.torrents, entry.member.addresses)
    guard torrents > 0 || addresses > 0 else { return nil }
    let place = address.isV4 ? UInt64(address.v4) : address.network
    let mark = HashWords(torrent).first ^ HashWords(torrent).second
    return entry.usage.state.withLock { usage in
      if isStopping {
        usage.torrents.remove(mark)
        return nil
      }
      if addresses > 0, !usage.addresses.enter(place, cap: addresses, lifetime, now) {
        return .tooManyAddresses
      }
      if torrents > 0, !usage.torrents.enter(mark, cap: torrents, lifetime, now) {
        return .tooManyTorrentsOfPasskey
      }
      return nil
    }
  }

  /// Goes on with what the members of an older list have used.
  func takeUsage(from old: PasskeyBook?) {
    guard let old else { return }
    for entry in entries {
      guard let before = old.entry(entry.member.passkey) else { continue }
      let usage = before.usage.state.withLock(\.self)
      entry.usage.state.withLock { $0 = usage }
    }
  }

  private func entry(_ passkey: Passkey) -> Entry? {
    var index = Self.start(passkey, seed) & (places.count - 1)
    while places[index] > 0 {
      let entry = entries[Int(places[index]) - 1]
      if entry.member.passkey == passkey { return entry }
      index = (index + 1) & (places.count - 1)
    }
    return nil
  }

  private static func start(_ passkey: Passkey, _ seed: UInt64) -> Int {
    let mixed = (passkey.low ^ passkey.high &* 0x9e37_79b9_7f4a_7c15 ^ seed) &* 0xd6e8_feb8_6659_fd93
    return Int(truncatingIfNeeded: mixed >> 16)
  }
}

/// What a passkey has used lately.
final class PasskeyUsage: Sendable {
  struct State: Sendable {
    var torrents = Marks()
    var addresses = Marks()
  }

  /// A few things and when each was seen last.
  struct Marks: Sendable {
    private var seen: [(mark: UInt64, at: UInt32)] = []

    /// Notes that a thing was seen; false if there are `cap` others that were seen within `lifetime`.
    mutating func enter(_ mark: UInt64, cap: Int, _ lifetime: UInt32, _ now: UInt32) -> Bool {
      var free: Int?
      for index in seen.indices {
        if seen[index].mark == mark {
          seen[index].at = now
          return true
        }
        if now &- seen[index].at > lifetime { free = index }
      }
      if let free {
        seen[free] = (mark, now)
      } else {
        guard seen.count < cap else { return false }
        seen.append((mark, now))
      }
      return true
    }

    /// Forgets a thing.
    mutating func remove(_ mark: UInt64) {
      guard let index = seen.firstIndex(where: { $0.mark == mark }) else { return }
      seen.swapAt(index, seen.count - 1)
      seen.removeLast()
    }
  }

  let state = Mutex(State())
}
