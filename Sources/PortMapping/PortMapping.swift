// PortMapping: has the router of a home network let connections in, by NAT-PMP or UPnP. May import Addresses, Threads,
// the two libraries, and the C library. Everything that waits runs on one thread of its own.

public import Addresses

/// What a port is used for.
public enum PortTransport: String, Sendable, CaseIterable {
  /// Connections.
  case tcp
  /// Datagrams.
  case udp
}

/// How the router was asked.
public enum PortMappingMethod: String, Sendable {
  /// RFC 6886.
  case natpmp = "nat-pmp"
  /// UPnP Internet Gateway Device.
  case upnp
}

/// A port of the router that leads to one of ours.
public struct PortMapping: Hashable, Sendable {
  /// What for.
  public var transport: PortTransport
  /// Our port.
  public var port: UInt16
  /// The router's port: where others reach us.
  public var externalPort: UInt16
  /// The router's address as others see it, if it tells.
  public var externalAddress: IPAddress?
  /// How it was asked.
  public var method: PortMappingMethod
}

/// What is to be mapped, and where the router is looked for.
public struct PortMapperOptions: Sendable {
  /// A port of ours.
  public struct Port: Hashable, Sendable {
    /// What for.
    public var transport: PortTransport
    /// Its number; not 0.
    public var number: UInt16

    /// One to be mapped.
    public init(_ transport: PortTransport, _ number: UInt16) {
      self.transport = transport
      self.number = number
    }
  }

  /// The ports.
  public var ports: [Port]
  /// The address that we listen at, where that is a single one; else that on the router's network.
  public var address: IPAddress?
  /// Seconds that a mapping is asked for; it is renewed at half time.
  public var lease: UInt32 = 7200
  /// Where NAT-PMP is spoken; `nil` for the default gateway.
  public var gateway: IPAddress?
  /// Where the UPnP router describes itself; `nil` to ask the network.
  public var descriptionURL: String?
  /// What is tried.
  public var methods: [PortMappingMethod] = [.natpmp, .upnp]

  /// The usual for these ports.
  public init(ports: [Port]) { self.ports = ports }
}
