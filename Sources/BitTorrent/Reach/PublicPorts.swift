import Addresses
import EventLoop
public import PortMapping
import Synchronization

/// At which ports others reach us over IPv4: those that we listen at, unless a router has other ones lead to them.
/// Shared by all loops.
final class PublicPorts: Sendable {
  private let known = Mutex<[PortMapping]>([])
  /// Whether a router uses other ports than we do: so that nobody else looks.
  private let differ = Atomic(false)

  /// What the router has mapped.
  var mappings: [PortMapping] { known.withLock { $0 } }

  /// The router has mapped these. True if ports are others than before.
  func set(_ mappings: [PortMapping]) -> Bool {
    differ.store(mappings.contains { $0.port != $0.externalPort }, ordering: .relaxed)
    return known.withLock { known in
      let before = known
      known = mappings
      return Self.differing(before) != Self.differing(mappings)
    }
  }

  private static func differing(_ mappings: [PortMapping]) -> [PortMapping] {
    mappings.filter { $0.port != $0.externalPort }
  }

  /// The port at which others connect to `port` of ours.
  func port(for port: UInt16) -> UInt16 { external(port, .tcp) }

  /// The port to which others send datagrams for `port` of ours.
  func datagramPort(for port: UInt16) -> UInt16 { external(port, .udp) }

  private func external(_ port: UInt16, _ transport: PortTransport) -> UInt16 {
    guard differ.load(ordering: .relaxed) else { return port }
    return known.withLock { known in
      known.first { $0.port == port && $0.transport == transport }?.externalPort ?? port
    }
  }
}

extension LoopContext {
  /// The port that trackers are told: some refuse 0, which is what they would be told where nobody is awaited.
  var announcedPort: UInt16 { listeningPort == 0 ? 1 : publicPorts.port(for: listeningPort) }

  /// The port that a peer is told: what routers translate is IPv4. `nil` where nobody is awaited.
  func port(toldTo peer: IPAddress) -> UInt16? {
    guard listeningPort != 0 else { return nil }
    return peer.isV4 ? publicPorts.port(for: listeningPort) : listeningPort
  }
}

extension Session {
  /// Ports that a router lets through to us now; none if there is no router that can be asked.
  public var portMappings: [PortMapping] { publicPorts.mappings }

  /// Has a router let connections in, where others may be behind one.
  func startPortMapper() -> PortMapper? {
    // What is asked of routers does not go through the interface.
    guard configuration.mapsPorts, binding == nil, let options = Self.mapperOptions(listening, configuration)
    else { return nil }
    let (ports, context, registry, externals) = (publicPorts, loops, registry, externals)
    return PortMapper(options) { mappings in
      if let address = mappings.lazy.compactMap(\.externalAddress).first {
        _ = externals.vote(fromRouter: address)
      }
      guard ports.set(mappings) else { return }
      // Trackers have been told another port.
      for seat in registry.seats where context.contains(where: { $0.loop === seat.loop }) {
        seat.loop.post { loop in
          for announcer in seat.value(on: loop).announcers { announcer.wantPeers(on: loop) }
        }
      }
    }
  }

  /// What to map: ports of IPv4, which is what routers translate; `nil` if there are none that are not this machine's
  /// own.
  static func mapperOptions(
    _ listening: [Endpoint], _ configuration: SessionConfiguration
  ) -> PortMapperOptions? {
    let places = listening.filter { $0.address.isV4 && !$0.address.isLoopback }
    var ports: [PortMapperOptions.Port] = []
    for place in places {
      if configuration.usesTCP { ports.append(.init(.tcp, place.port)) }
      ports.append(.init(.udp, place.port))
    }
    guard !ports.isEmpty else { return nil }
    var distinct: [PortMapperOptions.Port] = []
    for port in ports where !distinct.contains(port) { distinct.append(port) }
    var options = PortMapperOptions(ports: distinct)
    options.address = places.count == 1 && !places[0].address.isUnspecified ? places[0].address : nil
    options.gateway = configuration.gateway
    options.descriptionURL = configuration.gatewayDescription
    return options
  }
}

extension TorrentSeat {
  /// All that announce it, whatever it is doing.
  var announcers: [Announcer] { torrent?.announcers ?? fetch?.swarm?.announcers ?? past?.announcers ?? [] }
}
