import Addresses
import Bytes
import Proxy
import Synchronization

/// Peers that are known by name only, because finding their addresses is the proxy's part. Each gets an address that
/// stands for it: one of those that lead nowhere (`100::/64`, RFC 6666). Thread-safe; shared by all loops.
final class NamedHosts: Sendable {
  private static let limit = 10_000
  private static let network: UInt64 = 0x0100_0000_0000_0000

  private let names = Mutex<[String]>([])

  /// Whether an address stands for a name: nobody else is to be told of it.
  static func isStandIn(_ address: IPAddress) -> Bool { address.network == network }

  /// The endpoint of `host:port`, which is no address.
  func endpoint(for peer: String) -> Endpoint? {
    guard let colon = peer.lastIndex(of: ":"), let port = UInt16(peer[peer.index(after: colon)...]),
      case .name(let name, _)? = ProxyTarget(host: String(peer[..<colon]), port: port)
    else { return nil }
    let number = names.withLock { names -> Int? in
      if let known = names.firstIndex(of: name) { return known }
      guard names.count < Self.limit else { return nil }
      names.append(name)
      return names.count - 1
    }
    guard let number else { return nil }
    var bytes: [UInt8] = []
    bytes.append(bigEndian: Self.network)
    bytes.append(bigEndian: UInt64(number + 1))
    return Endpoint(IPAddress(bytes.rawBytes, at: 0, isV6: true), port: port)
  }

  /// What the proxy is told to connect to.
  func target(of endpoint: Endpoint) -> ProxyTarget {
    guard Self.isStandIn(endpoint.address) else { return .address(endpoint) }
    let number = endpoint.address.words.low
    return names.withLock { names in
      guard number > 0, number <= names.count else { return .address(endpoint) }
      return .name(names[Int(number) - 1], port: endpoint.port)
    }
  }
}
