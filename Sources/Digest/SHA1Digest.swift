// Digest: SHA-1 and SHA-256 by libcrypto, their digests as small values, the Merkle trees of BEP 52, the RC4
// and the key exchange of encrypted peers, random bytes. May import Bytes; the only target that imports COpenSSL.

public import Bytes

/// A SHA-1 digest: 20 bytes.
public struct SHA1Digest: FixedBytes {
  /// The digest's size in bytes.
  public static let byteCount = 20

  @usableFromInline let first: UInt64
  @usableFromInline let second: UInt64
  @usableFromInline let third: UInt32

  /// Reads the digest that starts at `offset`; the caller has checked that 20 bytes follow.
  @inlinable
  public init(_ bytes: RawSpan, at offset: Int) {
    first = bytes.bigEndian(UInt64.self, at: offset)
    second = bytes.bigEndian(UInt64.self, at: offset + 8)
    third = bytes.bigEndian(UInt32.self, at: offset + 16)
  }

  /// Appends the 20 bytes to `buffer`.
  public func append(to buffer: inout [UInt8]) {
    buffer.append(bigEndian: first)
    buffer.append(bigEndian: second)
    buffer.append(bigEndian: third)
  }
}

extension SHA1Digest: CustomStringConvertible {
  /// 40 lower-case hexadecimal digits.
  public var description: String { bytes.hexadecimal }

  /// Byte order.
  public static func < (one: Self, other: Self) -> Bool {
    (one.first, one.second, one.third) < (other.first, other.second, other.third)
  }
}

/// The 20 bytes that name a swarm on the wire: the SHA-1 of a v1 info dictionary, or the first 20
/// bytes of the SHA-256 of a v2 one (BEP 3, BEP 52).
public typealias InfoHash = SHA1Digest
