public import Addresses
import Bytes
import Digest
private import Glibc

/// A set of addresses in 256 bytes, of which only the size can be told: how swarms are counted (BEP 33).
public struct BloomFilter: Equatable, Sendable {
  /// The size in bytes.
  public static let byteCount = 256
  private static let bitCount = 2048

  /// The filter as it is sent.
  public private(set) var bytes: [UInt8]

  /// The empty set.
  public init() { bytes = [UInt8](repeating: 0, count: Self.byteCount) }

  /// The set that was sent; `nil` if the length is wrong.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Takes an address in.
  public mutating func insert(_ address: IPAddress) {
    let digest = SHA1.hash(address.bytes.rawBytes).bytes
    for start in [0, 2] {
      let bit = (Int(digest[start]) | Int(digest[start + 1]) << 8) % Self.bitCount
      bytes[bit / 8] |= 1 << UInt8(bit % 8)
    }
  }

  /// Takes in all that another set has.
  public mutating func formUnion(_ other: BloomFilter) {
    for index in bytes.indices { bytes[index] |= other.bytes[index] }
  }

  /// The two sets together, if there are any.
  static func union(_ one: BloomFilter?, _ other: BloomFilter?) -> BloomFilter? {
    guard var union = one, let other else { return one ?? other }
    union.formUnion(other)
    return union
  }

  /// About how many addresses the set has; the more there are, the rougher: it ends at some 7,800.
  public var estimatedCount: Double {
    let zeros = bytes.reduce(0) { $0 + $1.clearBits }
    let count = Double(Self.bitCount)
    let clear = min(max(Double(zeros), 1), count - 1)
    guard zeros < Self.bitCount else { return 0 }
    return log(clear / count) / (2 * log(1 - 1 / count))
  }
}

extension UInt8 {
  fileprivate var clearBits: Int { 8 - nonzeroBitCount }
}
