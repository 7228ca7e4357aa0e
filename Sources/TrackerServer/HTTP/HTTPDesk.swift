import Addresses
import Bytes
import EventLoop
internal import Glibc
import HTTPParsing
import HTTPServer
internal import Synchronization

/// One loop's share of the HTTP front end: its listeners, its connections, and the buffers that they share.
/// Confined to its loop.
@safe
final class HTTPDesk {
  /// What is shared by the desks.
  struct Plan: Sendable {
    let core: TrackerCore
    let library: HTTPServer
    let secureLibrary: HTTPServer?
    let ledger: AddressLedger
    /// Connections that may wait here.
    let capacity: Int
  }

  /// Bytes of a head at most.
  static let maximumHead = 16 << 10
  /// Bytes of answers that are made before they are sent.
  static let maximumBatch = 64 << 10
  /// What is looked at of a connection at once.
  private static let windowSize = 32 << 10
  /// How long the other end may take over closing.
  private static let lingering = 2.0
  /// Connections accepted in one wake-up.
  private static let acceptLimit = 64
  /// Of so many connections, taken at random, the one that has waited longest goes when there are too many.
  private static let candidates = 32

  let plan: Plan
  // Copied out of the configuration, which is too large to be copied for a request.
  let proxies: ProxyRules
  private let requestTimeout: Double
  private let idleTimeout: Double
  let window: UnsafeMutableRawBufferPointer
  var responder: TrackerResponder
  var body: [UInt8] = []
  var output: [UInt8] = []
  /// The `Date` field of answers, made once a second.
  private(set) var dateField: [UInt8] = []
  private var datedAt: UInt64 = 0
  private var connections: [HTTPConnection] = []
  private var listeners: [HTTPListener] = []
  /// Nothing that has not been read is read: another process is to do that, perhaps.
  private var isPaused = false
  private var clock: LoopTimer?
  private var dice: Dice

  init(_ plan: Plan, seed: UInt64) {
    self.plan = plan
    proxies = plan.core.configuration.proxies
    requestTimeout = plan.core.configuration.requestTimeout
    idleTimeout = Double(plan.core.configuration.idleTimeout)
    unsafe window = .allocate(byteCount: Self.windowSize, alignment: 16)
    responder = TrackerResponder(plan.core, seed: seed)
    dice = Dice(state: ~seed)
    body.reserveCapacity(8 << 10)
    output.reserveCapacity(2 * Self.maximumBatch)
  }

  deinit { unsafe window.deallocate() }

  /// Begins to accept from a listening descriptor, which is the desk's from now on.
  func listen(_ descriptor: Int32, isSecure: Bool, on loop: isolated Loop) {
    let listener = HTTPListener(descriptor, isSecure: isSecure, desk: self)
    listeners.append(listener)
    listener.start(on: loop)
    guard clock == nil else { return }
    let me = Confined(self, on: loop)
    clock = loop.timer { loop in me.value(on: loop).closeLate(on: loop) }
    clock?.set(every: max(0.05, min(1, requestTimeout / 4)))
  }

  /// Stops accepting; the connections go on.
  func stopListening(on loop: isolated Loop) {
    for listener in listeners { listener.close() }
    listeners = []
  }

  /// Accepts no more and reads no more; the descriptors of connections from which all that was read is answered, and
  /// of which another process learns all it needs from the system.
  func pause(on loop: isolated Loop) -> [Int32] {
    isPaused = true
    for listener in listeners { listener.watch(false) }
    return connections.compactMap { connection in
      guard connection.phase == .resting || connection.phase == .reading else { return nil }
      connection.release()
      // What a proxy said before the first request, the other process would not know.
      let isKnown =
        beginsWithProxyHeader(connection.remote)
        ? connection.awaitsProxyHeader : connection.client == connection.remote
      return isKnown && !connection.isSecure ? connection.descriptor : nil
    }
  }

  /// Connections that have not been sent all of an answer, or have not taken it.
  var unfinished: Int { connections.count { $0.phase == .writing || $0.phase == .lingering } }

  /// Goes on after `pause`.
  func resume(on loop: isolated Loop) {
    isPaused = false
    for listener in listeners { listener.watch(true) }
    for connection in connections { _ = connection.wait(on: loop) }
  }

  /// Serves a connection that another process accepted; its descriptor is the desk's from now on.
  func adopt(_ descriptor: Int32, on loop: isolated Loop) {
    guard let remote = TCP.remote(descriptor) else { return TCP.close(descriptor) }
    let connection = HTTPConnection(descriptor, from: remote, desk: self, now: loop.now)
    TCP.setLowWater(descriptor, 1)
    connection.awaitsProxyHeader = beginsWithProxyHeader(remote)
    serve(connection, on: loop)
  }

  /// Whether who connects from there says first for whom it speaks.
  private func beginsWithProxyHeader(_ remote: Endpoint) -> Bool {
    proxies.manner == .proxyProtocol && proxies.isTrusted(remote.address)
  }

  /// Closes everything.
  func close(on loop: isolated Loop) {
    stopListening(on: loop)
    for connection in connections {
      connection.release()
      TCP.close(connection.descriptor)
    }
    connections = []
    clock?.close()
    clock = nil
  }

  /// Accepts what waits at a listener.
  func accept(_ listener: HTTPListener, on loop: isolated Loop) {
    for _ in 0..<Self.acceptLimit {
      guard let (descriptor, remote) = TCP.acceptPlain(listener.descriptor) else {
        // Without descriptors the listener would stay ready for ever.
        if TCP.lacksDescriptors, !evict(on: loop) { listener.rest(on: loop) }
        return
      }
      let connection = HTTPConnection(descriptor, from: remote, desk: self, now: loop.now)
      connection.awaitsProxyHeader = beginsWithProxyHeader(remote)
      if listener.isSecure {
        connection.isSecure = true
        if !connection.awaitsProxyHeader {
          handOver(connection, on: loop)
          continue
        }
      }
      serve(connection, on: loop)
    }
  }

  func ready(_ connection: HTTPConnection, _ events: Readiness, on loop: isolated Loop) {
    if connection.phase == .writing {
      guard flush(connection, on: loop) else { return }
    }
    guard !isPaused else { return close(connection) }
    serve(connection, on: loop)
  }

  /// Makes `dateField` what it is now.
  func date(on loop: isolated Loop) {
    let second = loop.now.nanoseconds / 1_000_000_000
    guard second != datedAt else { return }
    datedAt = second
    dateField.removeAll(keepingCapacity: true)
    dateField.append(text: "\r\nDate: ")
    HTTPDate.append(time(nil), to: &dateField)
  }

  // MARK: The list

  /// Has a connection wait for what its phase says.
  func wait(_ connection: HTTPConnection, on loop: isolated Loop) {
    if connection.position < 0 {
      if !proxies.isTrusted(connection.remote.address) {
        guard plan.ledger.enter(connection.remote.address) else {
          plan.core.counters.httpTurnedAway.add(1, ordering: .relaxed)
          return TCP.close(connection.descriptor)
        }
        connection.isCounted = true
      }
      if connections.count >= plan.capacity { _ = evict(on: loop) }
      connection.position = connections.count
      connections.append(connection)
    }
    if !connection.wait(on: loop) { close(connection) }
  }

  /// Takes a connection out of the list; its descriptor stays open.
  func remove(_ connection: HTTPConnection) {
    connection.release()
    guard connection.position >= 0 else { return }
    let last = connections.removeLast()
    if last !== connection {
      connections[connection.position] = last
      last.position = connection.position
    }
    connection.position = -1
    if connection.isCounted { plan.ledger.leave(connection.remote.address) }
  }

  func close(_ connection: HTTPConnection) {
    remove(connection)
    TCP.close(connection.descriptor)
  }

  /// Makes room: closes one of those that have waited longest. False if there is none.
  private func evict(on loop: isolated Loop) -> Bool {
    guard !connections.isEmpty else { return false }
    var oldest = connections[dice.below(connections.count)]
    for _ in 1..<Self.candidates {
      let other = connections[dice.below(connections.count)]
      if other.since < oldest.since { oldest = other }
    }
    plan.core.counters.httpEvicted.add(1, ordering: .relaxed)
    close(oldest)
    return true
  }

  /// Closes the connections whose time is up.
  private func closeLate(on loop: isolated Loop) {
    guard !isPaused else { return }
    let now = loop.now
    // From the end, as the last takes the place of one that goes.
    for index in stride(from: connections.count - 1, through: 0, by: -1) {
      let connection = connections[index]
      let limit =
        switch connection.phase {
        case .resting: idleTimeout
        case .reading, .writing: requestTimeout
        case .lingering: Self.lingering
        }
      if now.seconds(since: connection.since) > limit { close(connection) }
    }
  }
}

/// A listening socket of a desk.
final class HTTPListener: ReadinessHandler {
  let descriptor: Int32
  /// Whether TLS is spoken there.
  let isSecure: Bool
  private let desk: HTTPDesk
  private var watcher: SocketWatcher?
  private var timer: LoopTimer?

  init(_ descriptor: Int32, isSecure: Bool, desk: HTTPDesk) {
    self.descriptor = descriptor
    self.isSecure = isSecure
    self.desk = desk
  }

  func start(on loop: isolated Loop) {
    watcher = loop.watcher(descriptor, self)
    watcher?.watch(for: .readable)
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).watcher?.watch(for: .readable) }
  }

  func ready(_ events: Readiness, on loop: isolated Loop) { desk.accept(self, on: loop) }

  /// Accepts, or waits until it may.
  func watch(_ accepts: Bool) {
    watcher?.watch(for: accepts ? .readable : [])
    if !accepts { timer?.cancel() }
  }

  /// Accepts nothing for a moment.
  func rest(on loop: isolated Loop) {
    watcher?.watch(for: [])
    timer?.set(after: 0.1)
  }

  func close() {
    watcher?.close()
    timer?.close()
    (watcher, timer) = (nil, nil)
    TCP.close(descriptor)
  }
}
