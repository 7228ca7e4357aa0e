/// A block of addresses, such as `192.0.2.0/24` or `2001:db8::/32`; a single address is a block of one.
public struct AddressPrefix: Hashable, Sendable {
  /// The first address of the block.
  public let address: IPAddress
  /// Bits that all addresses of the block share: up to 32 for IPv4, 128 for IPv6.
  public let length: Int
  private let mask: (high: UInt64, low: UInt64)

  /// The block that `text` spells; `nil` if it has no such form, or bits behind its length.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
    let bits = address.isV4 ? 32 : 128
    var length = bits
    if parts.count > 1 {
      guard let number = Int(parts[1]), 0...bits ~= number, parts[1].allSatisfy(\.isNumber) else {
        return nil
      }
      length = number
    }
    let shared = address.isV4 ? length + 96 : length
    mask = (
      high: shared == 0 ? 0 : .max << UInt64(64 - min(shared, 64)),
      low: shared <= 64 ? 0 : .max << UInt64(128 - shared)
    )
    guard address.high & ~mask.high == 0, address.low & ~mask.low == 0 else { return nil }
    self.address = address
    self.length = length
  }

  /// Whether an address is in the block. An IPv4 address is in no block of IPv6.
  public func contains(_ other: IPAddress) -> Bool {
    other.isV4 == address.isV4 && other.high & mask.high == address.high
      && other.low & mask.low == address.low
  }

  /// Equality of what is shared.
  public static func == (one: AddressPrefix, other: AddressPrefix) -> Bool {
    one.address == other.address && one.length == other.length
  }

  /// Feeds what `==` compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(address)
    hasher.combine(length)
  }
}

extension AddressPrefix: CustomStringConvertible {
  /// As it is parsed.
  public var description: String { "\(address)/\(length)" }
}
