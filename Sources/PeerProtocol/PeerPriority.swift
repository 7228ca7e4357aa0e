public import Addresses
import Bytes
import Digest

/// How two peers rank their connection, the same on both ends (BEP 40): where there is room for few, those of
/// the highest priority are kept, so that both ends agree on which to drop, and nobody is kept out for being
/// late.
public enum PeerPriority {
  /// The priority of a connection between two peers, given as they see each other; symmetric. 0 for
  /// addresses of different families. O(1).
  public static func of(_ one: Endpoint, _ other: Endpoint) -> UInt32 {
    guard one.address.isV4 == other.address.isV4 else { return 0 }
    guard one.address != other.address else {
      return checksum(bytes(one.port), bytes(other.port))
    }
    let (left, right) = (one.address.bytes, other.address.bytes)
    var shared = 0
    while shared < left.count, left[shared] == right[shared] { shared += 1 }
    // Whole networks count as one; the more two addresses share, the more of them counts.
    let base = one.address.isV4 ? 2 : 6
    let whole = shared < base ? base : shared + 1
    return checksum(masked(left, whole), masked(right, whole))
  }

  private static func masked(_ address: [UInt8], _ whole: Int) -> [UInt8] {
    address.enumerated().map { $0.offset < whole ? $0.element : $0.element & 0x55 }
  }

  private static func bytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 255)] }

  private static func checksum(_ one: [UInt8], _ other: [UInt8]) -> UInt32 {
    let isSorted = !other.lexicographicallyPrecedes(one)
    return CRC32C.of((isSorted ? one + other : other + one).rawBytes)
  }
}
