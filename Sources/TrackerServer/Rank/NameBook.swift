import Addresses
internal import Synchronization

/// What users call their peers (X5 of docs/EXTENSIONS.md): for people who look at the API. Bounded; a name that finds
/// no room is not kept.
final class NameBook: Sendable {
  private struct Entry {
    var name: String
    var heard: UInt32
  }

  /// Names at most.
  private let limit: Int
  private let lifetime: UInt32
  private let entries = Mutex<[Endpoint: Entry]>([:])

  init(limit: Int = 10_000, lifetime: UInt32) {
    self.limit = limit
    self.lifetime = lifetime
  }

  func note(_ name: String, of peer: Endpoint, now: UInt32) {
    entries.withLock { entries in
      guard entries[peer] != nil || entries.count < limit else { return }
      entries[peer] = Entry(name: name, heard: now)
    }
  }

  func name(of peer: Endpoint) -> String? { entries.withLock { $0[peer]?.name } }

  /// Forgets names of peers that have not been heard of for a lifetime.
  func sweep(now: UInt32) {
    entries.withLock { entries in
      guard !entries.isEmpty else { return }
      entries = entries.filter { now &- $0.value.heard <= lifetime }
    }
  }
}
