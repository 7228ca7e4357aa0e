// MainlineDHT: nodes of the distributed hash table that finds peers and small items (BEP 5, 32, 33, 42, 43,
// 44, 51). Sans-I/O: datagrams, `now` and random numbers go in, datagrams and events come out. May import
// Bytes, Digest, Bencode and Addresses.

public import Addresses
public import Bytes
public import Digest

/// A point in the DHT's space of 160 bits: the name of a node, of a swarm or of an item (BEP 5).
public struct NodeID: FixedBytes {
  /// The size in bytes.
  public static let byteCount = 20
  /// The size in bits.
  public static let bitCount = 160

  let first: UInt64
  let second: UInt64
  let third: UInt32

  init(first: UInt64, second: UInt64, third: UInt32) {
    self.first = first
    self.second = second
    self.third = third
  }

  /// Reads the id that starts at `offset`; the caller has checked that 20 bytes follow.
  public init(_ bytes: RawSpan, at offset: Int) {
    first = bytes.bigEndian(UInt64.self, at: offset)
    second = bytes.bigEndian(UInt64.self, at: offset + 8)
    third = bytes.bigEndian(UInt32.self, at: offset + 16)
  }

  /// The point that an info-hash or another SHA-1 digest names.
  public init(_ digest: SHA1Digest) { self.init(digest.bytes.rawBytes) }

  /// A random point.
  public static func random(_ random: () -> UInt64) -> NodeID {
    NodeID(first: random(), second: random(), third: UInt32(truncatingIfNeeded: random()))
  }

  /// The info-hash with these bytes.
  public var infoHash: InfoHash { InfoHash(bytes.rawBytes) }

  /// Appends the 20 bytes to `buffer`.
  public func append(to buffer: inout [UInt8]) {
    buffer.append(bigEndian: first)
    buffer.append(bigEndian: second)
    buffer.append(bigEndian: third)
  }

  /// The distance to `other`: their exclusive or, compared as a number.
  public func distance(to other: NodeID) -> NodeID {
    NodeID(first: first ^ other.first, second: second ^ other.second, third: third ^ other.third)
  }

  /// How many bits from the front the two have in common; 160 if they are equal.
  public func commonPrefix(with other: NodeID) -> Int {
    let distance = distance(to: other)
    if distance.first != 0 { return distance.first.leadingZeroBitCount }
    if distance.second != 0 { return 64 + distance.second.leadingZeroBitCount }
    return 128 + distance.third.leadingZeroBitCount
  }

  /// A random point that has exactly `length` bits from the front in common with this one.
  func random(commonPrefix length: Int, _ random: () -> UInt64) -> NodeID {
    let noise = NodeID.random(random)
    func word(_ own: UInt64, _ other: UInt64, _ start: Int) -> UInt64 {
      let kept = min(max(length - start, 0), 64)
      var mask: UInt64 = kept == 0 ? 0 : .max << UInt64(64 - kept)
      var result = own & mask | other & ~mask
      if kept < 64, length >= start {
        mask = 1 << UInt64(63 - kept)
        result = result & ~mask | ~own & mask
      }
      return result
    }
    let low = word(UInt64(third) << 32, UInt64(noise.third) << 32, 128)
    return NodeID(
      first: word(first, noise.first, 0), second: word(second, noise.second, 64),
      third: UInt32(truncatingIfNeeded: low >> 32))
  }
}

extension NodeID: CustomStringConvertible {
  /// 40 lower-case hexadecimal digits.
  public var description: String { bytes.hexadecimal }

  /// Byte order, which is that of the numbers.
  public static func < (one: Self, other: Self) -> Bool {
    if one.first != other.first { return one.first < other.first }
    return one.second != other.second ? one.second < other.second : one.third < other.third
  }
}

/// A node's name and where it is.
public struct NodeAddress: Hashable, Sendable {
  /// The name that it gives itself.
  public let id: NodeID
  /// Its UDP address.
  public let endpoint: Endpoint

  /// Puts the two together.
  public init(id: NodeID, endpoint: Endpoint) {
    self.id = id
    self.endpoint = endpoint
  }
}
