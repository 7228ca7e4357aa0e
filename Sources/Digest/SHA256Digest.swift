public import Bytes

/// A SHA-256 digest: 32 bytes held in four words.
public struct SHA256Digest: FixedBytes {
  /// The digest's size in bytes.
  public static let byteCount = 32

  /// 32 zero bytes: the leaf that pads a Merkle tree (BEP 52).
  public static let zero = SHA256Digest(first: 0, second: 0, third: 0, fourth: 0)

  @usableFromInline let first: UInt64
  @usableFromInline let second: UInt64
  @usableFromInline let third: UInt64
  @usableFromInline let fourth: UInt64

  @inlinable
  init(first: UInt64, second: UInt64, third: UInt64, fourth: UInt64) {
    self.first = first
    self.second = second
    self.third = third
    self.fourth = fourth
  }

  /// Reads the digest that starts at `offset`; the caller has checked that 32 bytes follow.
  @inlinable
  public init(_ bytes: RawSpan, at offset: Int) {
    first = bytes.bigEndian(UInt64.self, at: offset)
    second = bytes.bigEndian(UInt64.self, at: offset + 8)
    third = bytes.bigEndian(UInt64.self, at: offset + 16)
    fourth = bytes.bigEndian(UInt64.self, at: offset + 24)
  }

  /// Appends the 32 bytes to `buffer`.
  public func append(to buffer: inout [UInt8]) {
    buffer.append(bigEndian: first)
    buffer.append(bigEndian: second)
    buffer.append(bigEndian: third)
    buffer.append(bigEndian: fourth)
  }

  /// Writes the 32 bytes at `offset` of `buffer`; the caller has checked that they fit.
  @inlinable
  public func store(to buffer: UnsafeMutableRawBufferPointer, at offset: Int) {
    unsafe buffer.storeBytes(of: first.bigEndian, toByteOffset: offset, as: UInt64.self)
    unsafe buffer.storeBytes(of: second.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
    unsafe buffer.storeBytes(of: third.bigEndian, toByteOffset: offset + 16, as: UInt64.self)
    unsafe buffer.storeBytes(of: fourth.bigEndian, toByteOffset: offset + 24, as: UInt64.self)
  }

  /// The first 20 bytes: a v2 info-hash as trackers and handshakes carry it (BEP 52).
  public var truncated: InfoHash { InfoHash(bytes.rawBytes) }
}

extension SHA256Digest: CustomStringConvertible {
  /// 64 lower-case hexadecimal digits.
  public var description: String { bytes.hexadecimal }

  /// Byte order.
  public static func < (one: Self, other: Self) -> Bool {
    (one.first, one.second, one.third, one.fourth) < (other.first, other.second, other.third, other.fourth)
  }
}
