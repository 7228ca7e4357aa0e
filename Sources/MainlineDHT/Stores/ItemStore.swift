import Addresses

/// Why an item is not stored; the codes of BEP 44.
enum PutRefusal: Int64, Error {
  case tooBig = 205
  case badSignature = 206
  case saltTooBig = 207
  case unexpectedSequence = 301
  case oldSequence = 302
  case full = 202

  var text: String {
    switch self {
    case .tooBig: "message (v field) too big"
    case .badSignature: "invalid signature"
    case .saltTooBig: "salt (salt field) too big"
    case .unexpectedSequence: "the CAS hash mismatched, re-read value and try again"
    case .oldSequence: "sequence number less than current"
    case .full: "no room"
    }
  }
}

/// The items that others have put here (BEP 44). Bounded in all and a sender.
struct ItemStore: Sendable {
  /// Bounds; times in seconds.
  struct Limits: Sendable {
    var items = 2_000
    /// Items that one address (or IPv6 /64) may have brought.
    var itemsPerAddress = 50
    /// After which an item is forgotten: BEP 44 says two hours.
    var lifetime = 7200.0
  }

  private struct Entry {
    var item: Item
    var expires: Double
    var sender: IPAddress
  }

  private let limits: Limits
  private var entries: [NodeID: Entry] = [:]
  private var perAddress: [IPAddress: Int] = [:]

  init(_ limits: Limits = Limits()) { self.limits = limits }

  /// Items that are here.
  var count: Int { entries.count }

  /// What is stored at `target`.
  func item(at target: NodeID, now: Double) -> Item? {
    guard let entry = entries[target], entry.expires > now else { return nil }
    return entry.item
  }

  /// Stores an item, or says why not. The signature is looked at last: it costs most. If all is full, what is
  /// furthest from `own` gives way to what is nearer.
  mutating func put(_ put: ItemPut, from address: IPAddress, own: NodeID, now: Double) throws(PutRefusal) {
    let item = put.item
    guard item.value.count <= Item.maximumBytes else { throw .tooBig }
    let target = item.target
    let known = entries[target].flatMap { $0.expires > now ? $0.item : nil }
    if case .mutable(let item) = item {
      guard item.salt.count <= MutableItem.maximumSalt else { throw .saltTooBig }
      if case .mutable(let old)? = known {
        if let expected = put.expectedSequence, expected != old.sequence { throw .unexpectedSequence }
        guard item.sequence >= old.sequence else { throw .oldSequence }
        // The same number for another value is no newer version.
        guard item.sequence > old.sequence || item.value == old.value else { throw .oldSequence }
      }
      guard item.isValid else { throw .badSignature }
    }
    let sender = address.quotaKey
    let isSendersOwn = entries[target]?.sender == sender
    guard isSendersOwn || perAddress[sender, default: 0] < limits.itemsPerAddress else { throw .full }
    if entries[target] == nil, entries.count >= limits.items {
      guard let worst = furthest(from: own), target.distance(to: own) < worst.distance(to: own) else {
        throw .full
      }
      remove(worst)
    }
    remove(target)
    entries[target] = Entry(item: item, expires: now + limits.lifetime, sender: sender)
    perAddress[sender, default: 0] += 1
  }

  /// Forgets what is too old. O(n): to be called every minute or so.
  mutating func expire(now: Double) {
    for target in entries.filter({ $0.value.expires <= now }).keys { remove(target) }
  }

  private func furthest(from own: NodeID) -> NodeID? {
    entries.keys.max { $0.distance(to: own) < $1.distance(to: own) }
  }

  private mutating func remove(_ target: NodeID) {
    guard let entry = entries.removeValue(forKey: target) else { return }
    let left = perAddress[entry.sender, default: 1] - 1
    perAddress[entry.sender] = left > 0 ? left : nil
  }
}
