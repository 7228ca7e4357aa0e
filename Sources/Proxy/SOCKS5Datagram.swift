public import Addresses
import Bytes

/// What stands before a datagram on its way to the relay of a SOCKS proxy and back (RFC 1928, 7).
public enum SOCKS5Datagram {
  /// Bytes before what goes to, or comes from, an address.
  public static func headerSize(isV4: Bool) -> Int { isV4 ? 10 : 22 }

  /// Appends what stands before a datagram for an address. No allocation where there is room.
  public static func append(headerFor endpoint: Endpoint, to buffer: inout [UInt8]) {
    buffer.append(0)
    buffer.append(0)
    buffer.append(0)
    buffer.append(endpoint.address.isV4 ? 1 : 4)
    endpoint.appendCompact(to: &buffer)
  }

  /// A datagram for a target that may be a name.
  public static func wrapped(_ payload: RawSpan, for target: ProxyTarget) -> [UInt8] {
    var bytes: [UInt8] = [0, 0, 0]
    bytes.append(socks: target)
    unsafe payload.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    return bytes
  }

  /// From whom a datagram is, and where in it the payload begins; `nil` if it is none, a fragment, or from a name:
  /// who that is nobody can tell. O(1), no allocation.
  public static func open(_ bytes: RawSpan) -> (source: Endpoint, payload: Int)? {
    guard bytes.byteCount >= 4, bytes.bigEndian(UInt32.self, at: 0) & 0xffff_ff00 == 0 else { return nil }
    let isV6 = bytes.byte(at: 3) == 4
    guard isV6 || bytes.byte(at: 3) == 1 else { return nil }
    let size = headerSize(isV4: !isV6)
    guard bytes.byteCount >= size else { return nil }
    return (Endpoint(compact: bytes, at: 4, isV6: isV6), size)
  }
}
