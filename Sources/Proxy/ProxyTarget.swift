public import Addresses
import Bytes

/// What lies behind a proxy: an address, or a name that the proxy has to find.
public enum ProxyTarget: Sendable, Hashable {
  /// An address and a port.
  case address(Endpoint)
  /// A host's name, 1 to 253 bytes, and a port.
  case name(String, port: UInt16)

  /// A host that is a name or an address; `nil` if it is neither.
  public init?(host: String, port: UInt16) {
    if let address = IPAddress(host) {
      self = .address(Endpoint(address, port: port))
    } else {
      guard Self.isName(host[...]) else { return nil }
      self = .name(host, port: port)
    }
  }

  /// Whether a text may be a host's name. What else is in it could end a line of HTTP.
  static func isName(_ text: Substring) -> Bool {
    1...253 ~= text.utf8.count && text.utf8.allSatisfy { $0 > 32 && $0 < 127 }
      && !text.contains { "/?#@:[]\\".contains($0) }
  }

  /// `host:port`, as CONNECT has it.
  var authority: String {
    switch self {
    case .address(let endpoint): endpoint.description
    case .name(let name, let port): "\(name):\(port)"
    }
  }
}

extension [UInt8] {
  /// Appends an address as SOCKS 5 has it: its type, itself, the port (RFC 1928, 5).
  public mutating func append(socks target: ProxyTarget) {
    switch target {
    case .address(let endpoint):
      append(endpoint.address.isV4 ? 1 : 4)
      endpoint.appendCompact(to: &self)
    case .name(let name, let port):
      append(3)
      append(UInt8(truncatingIfNeeded: name.utf8.count))
      append(utf8: name)
      append(bigEndian: port)
    }
  }
}
