import Bytes

/// An address and a port.
public struct Endpoint: Hashable, Sendable {
  /// The host's address.
  public var address: IPAddress
  /// The port in host byte order; 0 means "any" where one listens.
  public var port: UInt16

  /// Puts an address and a port together.
  public init(_ address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// The endpoint that `text` spells: `192.0.2.1:6881` or `[2001:db8::1]:6881`.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
      return nil
    }
    var host = text[..<colon]
    if host.first == "[", host.last == "]" {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard let address = IPAddress(String(host)) else { return nil }
    self.init(address, port: port)
  }

  /// Bytes of one endpoint in compact form: 6 or 18 (BEP 23, BEP 7).
  public static func compactSize(isV6: Bool) -> Int { isV6 ? 18 : 6 }

  /// Reads a compact endpoint at `offset`; the caller has checked that it is there.
  public init(compact bytes: RawSpan, at offset: Int, isV6: Bool) {
    address = IPAddress(bytes, at: offset, isV6: isV6)
    port = bytes.bigEndian(UInt16.self, at: offset + (isV6 ? 16 : 4))
  }

  /// Appends the compact form: the address, then the port, big-endian.
  public func appendCompact(to buffer: inout [UInt8]) {
    address.append(to: &buffer)
    buffer.append(bigEndian: port)
  }
}

extension Endpoint: CustomStringConvertible {
  /// `192.0.2.1:6881` or `[2001:db8::1]:6881`.
  public var description: String { address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}
