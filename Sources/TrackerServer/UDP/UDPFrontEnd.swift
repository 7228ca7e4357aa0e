import Addresses
internal import CSystem
internal import EventLoop
internal import Glibc
internal import Synchronization

/// The UDP side of a tracker: for each endpoint a socket on each loop, which share the port. The system spreads
/// clients over them by their addresses.
final class UDPFrontEnd: Sendable {
  /// An endpoint and its sockets, one a loop.
  struct SharedPort: Sendable {
    var bound: Endpoint
    var descriptors: [Int32]
  }

  /// What it listens on, ports filled in.
  let endpoints: [Endpoint]
  /// All sockets, to be handed to a process that takes over.
  let descriptors: [Int32]
  /// What the connection ids are made from.
  let secret: [UInt8]
  private let loops: [Loop]
  private let doors = Mutex<[Confined<UDPDoor>]>([])

  /// Listens on every endpoint, or throws and listens on none; serves on sockets that are bound as well. Without a
  /// secret that was handed over, that of the configuration counts, or a random one.
  convenience init(
    listen: [Endpoint], adopting ports: [SharedPort] = [], secret: [UInt8]? = nil, core: TrackerCore
  ) throws(SocketError) {
    let configuration = core.configuration
    let count = max(1, configuration.udpLoops ?? Int(apus_processors()))
    let secret = secret ?? configuration.connectionSecret.map { Array($0.utf8) } ?? Self.randomSecret()
    for port in ports { for descriptor in port.descriptors { Self.prepare(descriptor, port.bound) } }
    self.init(adopting: ports + (try Self.bind(listen, copies: count)), secret: secret, core: core)
  }

  /// Serves on sockets that are bound: those of a process that this one takes over from. They are its own from now on.
  init(adopting ports: [SharedPort], secret: [UInt8], core: TrackerCore) {
    endpoints = ports.map(\.bound)
    descriptors = ports.flatMap(\.descriptors)
    self.secret = secret
    let count = ports.map(\.descriptors.count).max() ?? 0
    loops = (0..<count).map { Loop(name: "udp \($0)") }
    for (number, loop) in loops.enumerated() {
      for port in ports where number < port.descriptors.count {
        let (descriptor, bound) = (port.descriptors[number], port.bound)
        loop.post { [self] loop in
          guard let door = UDPDoor(descriptor, bound: bound, core: core, secret: secret) else { return }
          _ = door.start(on: loop)
          doors.withLock { $0.append(Confined(door, on: loop)) }
        }
      }
    }
  }

  /// Takes no more datagrams, which wait in the sockets for `resume` or for another process. Returns once what had
  /// been taken is answered.
  func pause() { setReading(false) }

  /// Goes on after `pause`.
  func resume() { setReading(true) }

  /// Ends what is under way and closes the sockets. Idempotent.
  func stop() {
    for loop in loops {
      // Behind what is still to be opened.
      loop.post { [self] loop in
        for door in doors.withLock({ $0 }) where door.loop === loop { door.value(on: loop).close() }
      }
      loop.stop()
    }
    for loop in loops { loop.join() }
    // The sockets go with them.
    doors.withLock { $0 = [] }
  }

  private final class Count: Sendable {
    let value = Atomic<Int>(0)
  }

  private func setReading(_ isReading: Bool) {
    let done = Count()
    for loop in loops {
      loop.post { [self] loop in
        for door in doors.withLock({ $0 }) where door.loop === loop {
          door.value(on: loop).setReading(isReading)
        }
        done.value.add(1, ordering: .releasing)
      }
    }
    // A loop that has stopped reads no more either.
    for _ in 0..<10_000 where done.value.load(ordering: .acquiring) < loops.count { apus_pause(200_000) }
  }

  private static func randomSecret() -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<32).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
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
