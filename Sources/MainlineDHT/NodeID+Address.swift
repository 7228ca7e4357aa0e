public import Addresses
import Bytes

// Ids that follow from addresses, so that nobody chooses where in the space his nodes are (BEP 42).
extension NodeID {
  /// A random id that belongs to `address`.
  public static func derived(from address: IPAddress, _ random: () -> UInt64) -> NodeID {
    derived(from: address, seed: UInt8(truncatingIfNeeded: random()), random)
  }

  /// The same with the byte that the id ends with given.
  static func derived(from address: IPAddress, seed: UInt8, _ random: () -> UInt64) -> NodeID {
    let checksum = UInt64(checksum(address, seed: seed))
    let noise = NodeID.random(random)
    let mask: UInt64 = .max << 43
    return NodeID(
      first: checksum << 32 & mask | noise.first & ~mask, second: noise.second,
      third: noise.third & 0xffff_ff00 | UInt32(seed))
  }

  /// Whether the id belongs to `address`: its first 21 bits are right. Addresses of private networks are
  /// exempt.
  public func isValid(for address: IPAddress) -> Bool {
    if address.isLocal { return true }
    let checksum = Self.checksum(address, seed: UInt8(truncatingIfNeeded: third))
    return UInt32(truncatingIfNeeded: first >> 32) >> 11 == checksum >> 11
  }

  private static func checksum(_ address: IPAddress, seed: UInt8) -> UInt32 {
    var bytes: [UInt8] = []
    if address.isV4 {
      bytes.append(bigEndian: address.v4 & 0x030f_3fff | UInt32(seed & 7) << 29)
    } else {
      bytes.append(bigEndian: address.network & 0x0103_070f_1f3f_7fff | UInt64(seed & 7) << 61)
    }
    return CRC32C.of(bytes.rawBytes)
  }
}
