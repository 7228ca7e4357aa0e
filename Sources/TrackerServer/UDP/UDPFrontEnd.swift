import Addresses
internal import CSystem
internal import EventLoop
internal import Glibc

/// The UDP side of a tracker: for each endpoint a socket on each loop, which share the port. The system spreads
/// clients over them by their addresses.
final class UDPFrontEnd: Sendable {
  /// What it listens on, ports filled in.
  let endpoints: [Endpoint]
  private let loops: [Loop]

  /// Listens on every endpoint, or throws and listens on none.
  init(listen: [Endpoint], core: TrackerCore) throws(SocketError) {
    let configuration = core.configuration
    let count = max(1, configuration.udpLoops ?? Int(apus_processors()))
    let secret = configuration.connectionSecret.map { Array($0.utf8) } ?? Self.randomSecret()
    let sockets = try Self.bind(listen, copies: count)
    endpoints = sockets.map(\.bound)
    loops = (0..<count).map { Loop(name: "udp \($0)") }
    for (number, loop) in loops.enumerated() {
      for socket in sockets {
        let (descriptor, bound) = (socket.descriptors[number], socket.bound)
        loop.post { loop in
          guard let door = UDPDoor(descriptor, bound: bound, core: core, secret: secret) else { return }
          _ = door.start(on: loop)
        }
      }
    }
  }

  /// Ends what is under way and closes the sockets. Idempotent.
  func stop() {
    for loop in loops { loop.stop() }
    for loop in loops { loop.join() }
  }

  private static func randomSecret() -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
  }

  private struct SharedPort {
    var bound: Endpoint
    var descriptors: [Int32]
  }

  private static func bind(_ endpoints: [Endpoint], copies: Int) throws(SocketError) -> [SharedPort] {
    var ports: [SharedPort] = []
    do throws(SocketError) {
      for endpoint in endpoints {
        // Alone first: another tracker must not share the port by accident.
        let (probe, bound) = try UDPSocket.bind(to: endpoint)
        TCP.close(probe)
        ports.append(SharedPort(bound: bound, descriptors: []))
        for _ in 0..<copies {
          let descriptor = try UDPSocket.bind(to: bound, sharing: true).descriptor
          ports[ports.count - 1].descriptors.append(descriptor)
          prepare(descriptor, bound)
        }
      }
    } catch {
      for descriptor in ports.flatMap(\.descriptors) { TCP.close(descriptor) }
      throw error
    }
    return ports
  }

  private static func prepare(_ descriptor: Int32, _ bound: Endpoint) {
    // A burst that comes while the loop is busy waits here. The privileged may have more than others.
    for (forced, usual) in [(SO_RCVBUFFORCE, SO_RCVBUF), (SO_SNDBUFFORCE, SO_SNDBUF)]
    where apus_set_option(descriptor, SOL_SOCKET, forced, 8 << 20) != 0 {
      _ = apus_set_option(descriptor, SOL_SOCKET, usual, 8 << 20)
    }
    if bound.address.isUnspecified { apus_tell_local(descriptor, bound.address.isV4 ? AF_INET : AF_INET6) }
  }
}
