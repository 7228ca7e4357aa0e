public import Addresses
import EventLoop
import Transfer

/// Whether a session can reach anybody.
public enum NetworkState: Sendable, Equatable {
  /// By any way that the system has.
  case open
  /// Through one interface only, which has these addresses.
  case bound(interface: String, addresses: [IPAddress])
  /// Not at all: the interface is gone or has no address. Nothing is sent until it is back.
  case down(interface: String)
}

extension Session {
  /// Whether the session can reach anybody, as far as that is up to its interface.
  public var network: NetworkState {
    guard let binding else { return .open }
    let addresses = binding.addresses
    return addresses.isEmpty
      ? .down(interface: binding.name) : .bound(interface: binding.name, addresses: addresses)
  }
}

/// Closes everything when the session's interface is gone, and opens it again when it is back. Lives on the first
/// loop. That nothing leaves by another way meanwhile is not up to it: sockets are tied to the interface by the
/// system (`SocketBinding`), and none can be made without it.
final class NetworkGuard {
  /// Seconds until listening is tried again where that failed.
  private static let retryPause = 2.0

  /// One address that is listened at.
  struct Place {
    /// As it was wished, with the port that was given.
    let wanted: Endpoint
    /// Where it was first.
    let bound: Endpoint
    let listener: Listener
    /// `nil` where datagrams go through a proxy.
    let port: DatagramPort?
  }

  private let binding: SocketBinding
  private let places: [Place]
  private let loops: [Confined<LoopContext>]
  private let registry: TorrentRegistry
  private let neighbours: LocalNeighbours?
  private let configuration: SessionConfiguration
  private var watch: InterfaceWatch?
  private var timer: LoopTimer?

  init(
    _ binding: SocketBinding, _ places: [Place], loops: [Confined<LoopContext>], registry: TorrentRegistry,
    neighbours: LocalNeighbours?, configuration: SessionConfiguration
  ) {
    self.binding = binding
    self.places = places
    self.loops = loops
    self.registry = registry
    self.neighbours = neighbours
    self.configuration = configuration
  }

  func start(on loop: isolated Loop) {
    let me = Confined(self, on: loop)
    watch = InterfaceWatch(binding, on: loop) { change, loop in me.value(on: loop).changed(change, on: loop) }
    timer = loop.timer { loop in me.value(on: loop).open(on: loop) }
  }

  func close() {
    watch?.close()
    watch = nil
    timer?.close()
    timer = nil
  }

  private func changed(_ change: SocketBinding.Change, on loop: isolated Loop) {
    if change == .lost || change == .replaced { cutOff(on: loop) }
    if change == .found || change == .replaced { restore(on: loop) }
  }

  private func cutOff(on loop: isolated Loop) {
    for place in places {
      place.listener.suspend()
      place.port?.suspend(on: loop)
    }
    neighbours?.networkChanged(on: loop)
    tell { context, seats, loop in context.networkLost(seats, on: loop) }
  }

  private func restore(on loop: isolated Loop) {
    loops[0].value(on: loop).externals.forget()
    open(on: loop)
    neighbours?.networkChanged(on: loop)
    tell { context, seats, loop in context.networkFound(seats, on: loop) }
  }

  /// Listens again, where that is not done yet.
  private func open(on loop: isolated Loop) {
    guard binding.isUp else { return }
    var isWhole = true
    for place in places where place.listener.isSuspended {
      guard let sockets = try? ListeningSockets(on: place.wanted, through: binding) else {
        // Another family may have an address, or the port may be free in a moment.
        isWhole = false
        continue
      }
      if !configuration.usesTCP { TCP.close(sockets.stream) }
      place.listener.resume(configuration.usesTCP ? sockets.stream : nil, on: loop)
      guard let socket = place.port?.socket else {
        TCP.close(sockets.datagrams)
        continue
      }
      guard socket.resume(sockets.datagrams, bound: sockets.bound, on: loop) else { continue }
      let bound = place.bound
      for context in loops.dropFirst() where configuration.usesUTP {
        guard let outlet = socket.outlet() else { continue }
        context.loop.post { loop in
          let utp = context.value(on: loop).utp.first { $0.bound == bound }
          if let utp { utp.resume(outlet: outlet, on: loop) } else { TCP.close(outlet) }
        }
      }
    }
    if !isWhole { timer?.set(after: Self.retryPause) }
  }

  /// Runs `body` on every loop with its torrents; a torrent with two hashes is there twice.
  private func tell(
    _ body: @escaping @Sendable (LoopContext, [TorrentSeat], isolated Loop) -> Void
  ) {
    let seats = registry.seats
    for context in loops {
      let mine = seats.filter { $0.loop === context.loop }
      context.loop.post { loop in body(context.value(on: loop), mine.map { $0.value(on: loop) }, loop) }
    }
  }
}

extension LoopContext {
  /// Whether there is any way to others.
  var isReachable: Bool { binding?.isUp ?? true }

  /// The interface is gone: everything that goes over it ends.
  func networkLost(_ seats: [TorrentSeat], on loop: isolated Loop) {
    for seat in seats { seat.networkLost(on: loop) }
    for port in utp { port.suspend(on: loop) }
    for port in ownPorts { port.suspend(on: loop) }
    for relay in relays { relay.networkLost(on: loop) }
    http.interrupt(on: loop)
    if trackerHTTP !== http { trackerHTTP.interrupt(on: loop) }
  }

  /// The interface is back.
  func networkFound(_ seats: [TorrentSeat], on loop: isolated Loop) {
    batches.networkFound()
    for port in ownPorts { reopen(port, on: loop) }
    for relay in relays { relay.networkFound(on: loop) }
    for seat in seats { seat.networkFound(on: loop) }
  }
}

extension LoopContext {
  /// Ports of our own need not be the same again: nobody comes to them.
  private func reopen(_ port: DatagramPort, on loop: isolated Loop) {
    let wanted = Endpoint(port.socket.bound.address.isV4 ? .anyV4 : .anyV6, port: 0)
    guard let (descriptor, bound) = try? UDPSocket.bind(to: wanted, through: binding) else { return }
    _ = port.socket.resume(descriptor, bound: bound, on: loop)
  }
}

extension TorrentSeat {
  fileprivate func networkLost(on loop: isolated Loop) {
    dismissVisitors()
    for announcer in announcers { announcer.networkLost(on: loop) }
    if let torrent {
      for case let peer? in torrent.peers { peer.close(.networkLost, on: loop) }
    }
    if let swarm = fetch?.swarm {
      for peer in Array(swarm.peers.values) { peer.close(.networkLost, on: loop) }
    }
  }

  fileprivate func networkFound(on loop: isolated Loop) {
    for announcer in announcers { announcer.retry(on: loop) }
    torrent?.connectMore(on: loop)
    fetch?.swarm?.connectMore(on: loop)
    if phase == .resting { setAlarm(on: loop) }
  }
}
