import Addresses
import EventLoop
import Proxy

/// Keeps one relay of a SOCKS proxy for the datagrams of one socket: for as long as the connection over which it was
/// asked for, after whose end it is asked for again. While there is none, the socket sends nothing. Confined to the
/// socket's loop.
///
/// Datagrams always go to the address of the proxy itself, whatever address it names for its relay: only the port
/// counts.
final class RelayAssociation: ReadinessHandler {
  /// Seconds for the proxy to answer; between two attempts at first and at most, and where it does not relay.
  private static let patience = 15.0
  private static let firstPause = 1.0
  private static let longestPause = 60.0
  private static let lastingPause = 600.0
  /// Seconds that a relay lasts, after which the next end of it is taken to be chance.
  private static let steady = 30.0

  let port: DatagramPort
  private let route: ProxyRoute
  private var attempt: TCPAttempt?
  private var watcher: SocketWatcher?
  private var timer: LoopTimer?
  private var proxyAddress: Endpoint?
  private var upSince: Instant?
  private var pause = firstPause
  private var isOver = false
  /// Those who wait for the first outcome.
  private var waiting: [(isolated Loop) -> Void] = []
  private var isSettled = false
  /// Told each time that there is a relay.
  var cameUp: ((isolated Loop) -> Void)?

  init(_ port: DatagramPort, through route: ProxyRoute) {
    self.port = port
    self.route = route
  }

  /// Whether datagrams have a way.
  var isUp: Bool { upSince != nil }

  func start(on loop: isolated Loop) {
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).fired(on: loop) }
    connect(on: loop)
  }

  /// Calls back when it is known for the first time whether there is a relay.
  func whenSettled(on loop: isolated Loop, _ then: @escaping (isolated Loop) -> Void) {
    if isSettled || isOver { then(loop) } else { waiting.append(then) }
  }

  /// Ends it, and the port.
  func close(on loop: isolated Loop) {
    guard !isOver else { return }
    isOver = true
    cameUp = nil
    hangUp()
    port.close(on: loop)
    timer?.close()
    timer = nil
    settle(on: loop)
  }

  /// The interface is gone: so is what went through it, though nobody says so.
  func networkLost(on loop: isolated Loop) {
    guard !isOver else { return }
    lose(on: loop)
  }

  /// The interface is back: nothing is waited for.
  func networkFound(on loop: isolated Loop) {
    guard !isOver, attempt == nil else { return }
    pause = Self.firstPause
    connect(on: loop)
  }

  private func settle(on loop: isolated Loop) {
    isSettled = true
    let waiting = waiting
    self.waiting = []
    for then in waiting { then(loop) }
  }

  private func connect(on loop: isolated Loop) {
    guard !isOver else { return }
    proxyAddress = route.endpoint
    guard let proxyAddress,
      let handshake = ProxyHandshake(relayOf: route.proxy, isV4: proxyAddress.address.isV4),
      let attempt = route.connect(saying: handshake), let watcher = loop.watcher(attempt.descriptor, self)
    else { return lose(on: loop) }
    TCP.keepAlive(attempt.descriptor)
    self.attempt = attempt
    self.watcher = watcher
    watcher.watch(for: .writable)
    timer?.set(after: Self.patience)
  }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    // Nothing is said any more on the connection of a relay: what comes is its end.
    guard !isUp, var attempt else { return lose(on: loop) }
    let state = attempt.goOn()
    self.attempt = attempt
    switch state {
    case .waiting(let events): watcher?.watch(for: events)
    case .failed: lose(on: loop)
    case .connected:
      guard let relay = relay(of: attempt), attach(attempt.descriptor, relay, on: loop) else {
        return lose(on: loop)
      }
      watcher?.watch(for: .readable)
      timer?.cancel()
      upSince = loop.now
      settle(on: loop)
      cameUp?(loop)
    }
  }

  private func relay(of attempt: TCPAttempt) -> Endpoint? {
    guard let proxyAddress else { return nil }
    let port: UInt16 =
      switch attempt.bound {
      case .address(let endpoint): endpoint.port
      case .name(_, let port): port
      case nil: 0
      }
    return port == 0 ? nil : Endpoint(proxyAddress.address, port: port)
  }

  /// The socket is bound to the address that leads to the proxy: elsewhere it cannot be noticed.
  private func attach(_ control: Int32, _ relay: Endpoint, on loop: isolated Loop) -> Bool {
    guard let local = TCP.local(control),
      let descriptor = try? UDPSocket.bind(to: Endpoint(local.address, port: 0), through: route.binding)
        .descriptor
    else { return false }
    return port.socket.attach(descriptor, to: relay, on: loop)
  }

  private func hangUp() {
    port.socket.detach()
    watcher?.close()
    watcher = nil
    if let attempt { TCP.close(attempt.descriptor) }
    attempt = nil
  }

  /// There is no relay: one is asked for again later.
  private func lose(on loop: isolated Loop) {
    let isLasting = attempt?.fault?.isLasting == true
    if let upSince, loop.now.seconds(since: upSince) > Self.steady { pause = Self.firstPause }
    upSince = nil
    hangUp()
    timer?.set(after: isLasting ? Self.lastingPause : pause)
    pause = min(pause * 2, Self.longestPause)
    settle(on: loop)
  }

  /// Time to try again, or too late for an answer.
  private func fired(on loop: isolated Loop) {
    if attempt == nil { connect(on: loop) } else { lose(on: loop) }
  }
}
