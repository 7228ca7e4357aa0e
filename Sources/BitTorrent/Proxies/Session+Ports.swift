import Addresses
import EventLoop
import Proxy

// UDP ports that are not those beside the listeners.
extension Session {
  /// Seconds that a proxy has for its relays before the session goes on without; they may come later.
  private static let relayPatience = 3.0

  /// Ports of each family whose only way is a relay of the proxy: on every loop with uTP, the first loop's for the DHT
  /// and trackers, too. None where the proxy relays nothing.
  static func relayedPorts(
    _ route: ProxyRoute, _ loops: [Confined<LoopContext>], usesUTP: Bool
  ) async -> [Confined<DatagramPort>] {
    guard route.proxy.kind == .socks5 else { return [] }
    var first: [Confined<DatagramPort>] = []
    for context in loops.prefix(usesUTP ? loops.count : 1) {
      let ports = await context.loop.perform { loop in
        let context = context.value(on: loop)
        return relay(through: route, context, on: loop).map { port in
          if usesUTP {
            // Nobody was told where we are: who comes nevertheless is not expected.
            context.utp.append(UTPPort(port, on: loop) { carrier, _, _ in PeerStream.close(carrier) })
          }
          return Confined(port, on: loop)
        }
      }
      if first.isEmpty { first = ports }
    }
    await settle(loops[0])
    return first
  }

  private static func relay(
    through route: ProxyRoute, _ context: LoopContext, on loop: isolated Loop
  ) -> [DatagramPort] {
    [true, false].map { isV4 in
      let port = DatagramPort(
        UDPSocket(relayedFor: isV4, datagramSize: UTPPort.largestDatagram), filter: context.filter)
      _ = port.start(on: loop)
      let relay = RelayAssociation(port, through: route)
      context.relays.append(relay)
      relay.start(on: loop)
      return port
    }
  }

  /// Waits until the proxy has said of each relay whether there is one.
  private static func settle(_ context: Confined<LoopContext>) async {
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      context.loop.post { loop in
        let relays = context.value(on: loop).relays
        let wait = Confined(RelayWait(relays.count, done), on: loop)
        for relay in relays { relay.whenSettled(on: loop) { loop in wait.value(on: loop).down() } }
        wait.value(on: loop).end(after: relayPatience, on: loop)
      }
    }
  }

  /// The ports that UDP trackers are spoken with through: those of peers where both have the same way.
  static func trackerPorts(
    _ routes: ProxyRoutes, peers: [Confined<DatagramPort>], context: Confined<LoopContext>
  ) async -> [Confined<DatagramPort>] {
    if routes.trackers === routes.peers { return peers }
    if let route = routes.trackers { return await relayedPorts(route, [context], usesUTP: false) }
    // Straight, while peers go through a proxy: from ports that nobody else uses.
    return await context.loop.perform { loop in
      let context = context.value(on: loop)
      return [IPAddress.anyV4, .anyV6].compactMap { address in
        guard
          let (descriptor, bound) = try? UDPSocket.bind(
            to: Endpoint(address, port: 0), through: context.binding)
        else {
          return nil
        }
        let port = DatagramPort(UDPSocket(descriptor, bound: bound), filter: context.filter)
        guard port.start(on: loop) else { return nil }
        context.ownPorts.append(port)
        return Confined(port, on: loop)
      }
    }
  }
}

/// Waits for the first word of several relays, or for too long.
private final class RelayWait {
  private var left: Int
  private var done: CheckedContinuation<Void, Never>?
  private var timer: LoopTimer?

  init(_ count: Int, _ done: CheckedContinuation<Void, Never>) {
    left = count
    self.done = done
  }

  func down() {
    left -= 1
    if left == 0 { end() }
  }

  func end(after seconds: Double, on loop: isolated Loop) {
    guard done != nil else { return }
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).end() }
    timer?.set(after: seconds)
  }

  private func end() {
    timer?.close()
    timer = nil
    done?.resume()
    done = nil
  }
}
