// Addresses: IPv4 and IPv6 addresses and endpoints as values: parsed, printed, compact (BEP 7, 23).
// May import Bytes and the C library.

import Bytes
private import Glibc

/// An IPv4 or IPv6 address, held as 16 bytes; IPv4 in its mapped form, so that `::ffff:1.2.3.4` and
/// `1.2.3.4` are the same value.
public struct IPAddress: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// An IPv4 address from its four bytes read as a big-endian integer.
  public init(v4 value: UInt32) {
    self.init(high: 0, low: 0xffff_0000_0000 | UInt64(value))
  }

  /// Reads four bytes (IPv4) or 16 (IPv6) at `offset`; the caller has checked that they are there.
  public init(_ bytes: RawSpan, at offset: Int, isV6: Bool) {
    if isV6 {
      self.init(
        high: bytes.bigEndian(UInt64.self, at: offset), low: bytes.bigEndian(UInt64.self, at: offset + 8))
    } else {
      self.init(v4: bytes.bigEndian(UInt32.self, at: offset))
    }
  }

  /// The address that `text` spells (`192.0.2.1`, `2001:db8::1`, without brackets or zone).
  public init?(_ text: String) {
    var v4 = in_addr()
    if unsafe inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4: UInt32(bigEndian: v4.s_addr))
      return
    }
    var bytes = [UInt8](repeating: 0, count: 16)
    guard unsafe inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
    self.init(bytes.rawBytes, at: 0, isV6: true)
  }

  /// `0.0.0.0`.
  public static let anyV4 = IPAddress(v4: 0)
  /// `::`.
  public static let anyV6 = IPAddress(high: 0, low: 0)
  /// `127.0.0.1`.
  public static let loopbackV4 = IPAddress(v4: 0x7f00_0001)

  /// Whether this is an IPv4 address (or a mapped one).
  public var isV4: Bool { high == 0 && low >> 32 == 0xffff }

  /// The IPv4 address as a big-endian integer; meaningless for IPv6.
  public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

  /// The first 64 bits of an IPv6 address: its network, as providers hand them out.
  public var network: UInt64 { high }

  /// Four bytes for IPv4, 16 for IPv6.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  /// The 16 bytes as two big-endian integers: for hashing.
  public var words: (high: UInt64, low: UInt64) { (high, low) }

  /// Appends four bytes for IPv4, 16 for IPv6.
  public func append(to buffer: inout [UInt8]) {
    if isV4 {
      buffer.append(bigEndian: v4)
    } else {
      buffer.append(bigEndian: high)
      buffer.append(bigEndian: low)
    }
  }

  /// `127.0.0.0/8` or `::1`.
  public var isLoopback: Bool { isV4 ? v4 >> 24 == 127 : high == 0 && low == 1 }

  /// `0.0.0.0` or `::`.
  public var isUnspecified: Bool { isV4 ? v4 == 0 : high == 0 && low == 0 }

  /// `224.0.0.0/4` or `ff00::/8`.
  public var isMulticast: Bool { isV4 ? v4 >> 28 == 14 : high >> 56 == 0xff }

  /// Addresses of private networks: RFC 1918, link-local, RFC 6598, unique local `fc00::/7`.
  public var isPrivate: Bool {
    if isV4 {
      return v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 || v4 >> 16 == 0xa9fe
        || v4 >> 22 == 0x6440 >> 6
    }
    return high >> 57 == 0x7e || high >> 54 == 0x3fa
  }
}

extension IPAddress: CustomStringConvertible {
  /// `192.0.2.1`, or `2001:db8::1` as RFC 5952 writes it.
  public var description: String {
    if isV4 { return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)" }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let source = bytes
    guard unsafe inet_ntop(AF_INET6, source, &text, socklen_t(text.count)) != nil else { return "::" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension IPAddress {
  /// The first address of an IPv6 network of 64 bits.
  public init(network: UInt64) { self.init(high: network, low: 0) }
}
