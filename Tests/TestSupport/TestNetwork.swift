import Foundation
import Synchronization

/// An IPv4 address and a port, as text.
public struct TestAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address in dotted form.
  public let ip: String
  /// The port in host byte order.
  public let port: UInt16

  /// Puts both together.
  public init(ip: String, port: UInt16) {
    self.ip = ip
    self.port = port
  }

  /// `10.55.0.7:20007`
  public var description: String { "\(ip):\(port)" }

  /// The four bytes of the address and the two of the port, as trackers send them (BEP 23).
  public var compact: [UInt8] {
    ip.split(separator: ".").compactMap { UInt8($0) } + [UInt8(port >> 8), UInt8(port & 255)]
  }
}

/// Where the participants of a test live.
///
/// `scripts/test` runs everything in a network namespace in which 10.55.0.0/24 is local and nothing
/// else can be reached. Outside of it the participants get addresses of 127.55.0.0/24, and what
/// needs the namespace (Transmission refuses 127.0.0.0/8 as a peer's address) is left out.
public enum TestNetwork {
  /// Whether the tests run in the namespace of `scripts/test`.
  public static let isIsolated: Bool = {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    return bindSocket(descriptor, TestAddress(ip: "10.55.0.1", port: 0))
  }()

  private static let next = Atomic<Int>(0)

  /// An address that no other participant of this run has, with a port that none has either.
  public static func address() -> TestAddress {
    let index = next.add(1, ordering: .relaxed).oldValue
    let network = isIsolated ? "10.55.0." : "127.55.0."
    return TestAddress(ip: network + String(2 + index % 250), port: UInt16(20000 + index % 12000))
  }
}
