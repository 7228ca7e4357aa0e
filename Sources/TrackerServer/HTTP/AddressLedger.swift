import Addresses
internal import Synchronization

/// How many connections wait, by where they come from: an address of IPv4, a network of 64 bits of IPv6.
final class AddressLedger: Sendable {
  private let limit: Int
  private let counts = Mutex<[IPAddress: Int]>([:])

  /// At most `limit` a place; 0 for any number.
  init(limit: Int) { self.limit = limit }

  /// Counts one more; false if there are too many.
  func enter(_ address: IPAddress) -> Bool {
    guard limit > 0 else { return true }
    let place = Self.place(address)
    return counts.withLock { counts in
      let count = counts[place] ?? 0
      guard count < limit else { return false }
      counts[place] = count + 1
      return true
    }
  }

  /// Counts one less.
  func leave(_ address: IPAddress) {
    guard limit > 0 else { return }
    let place = Self.place(address)
    counts.withLock { counts in
      guard let count = counts[place] else { return }
      counts[place] = count > 1 ? count - 1 : nil
    }
  }

  private static func place(_ address: IPAddress) -> IPAddress {
    address.isV4 ? address : IPAddress(network: address.network)
  }
}
