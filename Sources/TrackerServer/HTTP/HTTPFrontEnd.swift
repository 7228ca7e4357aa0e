import Addresses
internal import EventLoop
internal import Glibc
internal import HTTPParsing
internal import HTTPServer
internal import Synchronization

/// The HTTP side of a tracker. Loops of its own accept connections and answer announces and scrapes; everything
/// else, and TLS, is handed over to libmicrohttpd.
final class HTTPFrontEnd: Sendable {
  /// What it listens on, ports filled in; HTTPS not among them.
  let endpoints: [Endpoint]
  /// Where it speaks HTTPS.
  let secureEndpoints: [Endpoint]
  private let loops: [Loop]
  private let desks: [DeskSeat]
  private let library: HTTPServer
  private let secureLibrary: HTTPServer?
  private let core: TrackerCore
  private let identity: Mutex<TLSIdentity?>
  /// The descriptors that listen, by endpoint: for a process that takes over.
  let listeners: [(endpoint: Endpoint, descriptors: [Int32])]

  private struct Port {
    let bound: Endpoint
    let descriptors: [Int32]
    let isSecure: Bool
  }

  /// Listens on every endpoint of the configuration, or throws and listens on none.
  convenience init(_ core: TrackerCore) throws(TrackerError) {
    var none = ListeningSocketSet()
    try self.init(core, adopting: &none)
  }

  /// The same, with sockets that already listen where there are some.
  init(_ core: TrackerCore, adopting sockets: inout ListeningSocketSet) throws(TrackerError) {
    let configuration = core.configuration
    let service = TrackerService(core)
    var options = HTTPServerOptions()
    options.threads = max(1, configuration.threads)
    options.maximumConnections = configuration.maximumConnections
    options.maximumConnectionsPerAddress =
      configuration.proxies.trusted.isEmpty ? configuration.maximumConnectionsPerAddress : 0
    options.requestTimeout = configuration.requestTimeout
    options.idleTimeout = configuration.idleTimeout
    // A batch of 10,000 torrents as JSON.
    options.maximumBody = 2 << 20
    options.headers = TrackerService.headers + (configuration.proxies.field.map { [$0.rawValue] } ?? [])
    let ports = try Self.open(configuration, copies: options.threads, &sockets)
    do throws(TrackerError) {
      let identity = try Self.identity(configuration)
      self.identity = Mutex(identity)
      library = try Self.library(service, options)
      options.identity = identity
      secureLibrary = identity == nil ? nil : try Self.library(service, options)
    } catch {
      for descriptor in ports.flatMap(\.descriptors) { TCP.close(descriptor) }
      throw error
    }
    self.core = core
    endpoints = ports.filter { !$0.isSecure }.map(\.bound)
    secureEndpoints = ports.filter(\.isSecure).map(\.bound)
    listeners = ports.map { ($0.bound, $0.descriptors) }
    let plan = HTTPDesk.Plan(
      core: core, library: library, secureLibrary: secureLibrary,
      ledger: AddressLedger(limit: configuration.maximumConnectionsPerAddress),
      capacity: max(1, configuration.maximumConnections / options.threads))
    var seeds = SystemRandomNumberGenerator()
    loops = (0..<options.threads).map { Loop(name: "http \($0)") }
    desks = loops.map { _ in DeskSeat() }
    let count = loops.count
    for (number, loop) in loops.enumerated() {
      let seed = seeds.next()
      let seat = desks[number]
      loop.post { loop in
        let desk = HTTPDesk(plan, seed: seed)
        seat.fill(desk, on: loop)
        for port in ports {
          // There may be more or fewer sockets than threads where they were taken over.
          for index in stride(from: number, to: port.descriptors.count, by: count) {
            desk.listen(port.descriptors[index], isSecure: port.isSecure, on: loop)
          }
        }
      }
    }
  }

  /// Reads the files with the key and the certificates again, if they have changed: for new connections. What is
  /// wrong with them changes nothing.
  func reloadIdentity() throws(TrackerError) {
    secureLibrary?.retire()
    guard let secureLibrary, let fresh = try Self.identity(core.configuration) else { return }
    guard identity.withLock({ $0 != fresh }) else { return }
    do throws(HTTPServerError) {
      try secureLibrary.replace(fresh)
    } catch {
      throw TrackerError(description: error.description)
    }
    identity.withLock { $0 = fresh }
  }

  /// Accepts no more and answers no more, until `resume`. What waits stays in the sockets: of those that speak plain
  /// HTTP the descriptors are returned, for another process. Returns once what had been read is answered.
  func pause() -> [Int32] {
    onEachDesk { desk, loop in desk.pause(on: loop) }.flatMap { $0 }
  }

  /// Goes on after `pause`.
  func resume() { _ = onEachDesk { desk, loop in desk.resume(on: loop) } }

  /// Waits, after `pause`, until all answers are sent, or for so long.
  func finish(within seconds: Double) {
    let end = Instant.now.nanoseconds + UInt64(seconds * 1e9)
    while Instant.now.nanoseconds < end,
      onEachDesk({ desk, loop in desk.unfinished }).contains(where: { $0 > 0 })
    {
      usleep(10_000)
    }
  }

  /// Serves connections that the process before had; theirs are the descriptors.
  func adopt(_ connections: [Int32]) {
    for (number, (loop, seat)) in zip(loops, desks).enumerated() {
      loop.post { [loops] loop in
        guard let desk = seat.desk(on: loop) else { return }
        for index in stride(from: number, to: connections.count, by: loops.count) {
          desk.adopt(connections[index], on: loop)
        }
      }
    }
  }

  /// Does something on every loop and waits for it.
  private func onEachDesk<Result: Sendable>(
    _ body: @escaping @Sendable (HTTPDesk, isolated Loop) -> Result
  ) -> [Result] {
    let results = Answers<Result>()
    for (loop, seat) in zip(loops, desks) {
      loop.post { loop in results.add(seat.desk(on: loop).map { body($0, loop) }) }
    }
    return results.wait(for: loops.count)
  }

  /// Stops accepting; what is under way goes on.
  func stopListening() {
    for (loop, seat) in zip(loops, desks) {
      loop.post { loop in seat.desk(on: loop)?.stopListening(on: loop) }
    }
  }

  /// Closes everything and waits for it. Idempotent.
  func stop() {
    for (loop, seat) in zip(loops, desks) {
      loop.post { loop in seat.leave(on: loop)?.close(on: loop) }
      loop.stop()
    }
    for loop in loops { loop.join() }
    library.stop()
    secureLibrary?.stop()
  }

  // MARK: Starting

  private static func open(
    _ configuration: TrackerConfiguration, copies: Int, _ sockets: inout ListeningSocketSet
  ) throws(TrackerError) -> [Port] {
    let wanted =
      configuration.listen.map { (endpoint: $0, isSecure: false) }
      + configuration.listenSecurely.map { (endpoint: $0, isSecure: true) }
    var ports: [Port] = []
    do throws(SocketError) {
      for (endpoint, isSecure) in wanted {
        let adopted = sockets.take(.tcp, at: endpoint)
        if let first = adopted.first {
          let descriptors = adopted.map(\.descriptor)
          for descriptor in descriptors { TCP.setNonBlocking(descriptor) }
          ports.append(Port(bound: first.endpoint, descriptors: descriptors, isSecure: isSecure))
          continue
        }
        let (descriptors, bound) = try TCP.listen(on: endpoint, copies: copies)
        ports.append(Port(bound: bound, descriptors: descriptors, isSecure: isSecure))
        for descriptor in descriptors { TCP.deferAccepting(descriptor, seconds: 2) }
      }
    } catch {
      for descriptor in ports.flatMap(\.descriptors) { TCP.close(descriptor) }
      throw TrackerError(description: error.description)
    }
    return ports
  }

  private static func identity(_ configuration: TrackerConfiguration) throws(TrackerError) -> TLSIdentity? {
    guard !configuration.listenSecurely.isEmpty else { return nil }
    guard let files = configuration.identity else {
      throw TrackerError(description: "HTTPS needs a key and certificates")
    }
    return try files.read()
  }

  private static func library(
    _ service: TrackerService, _ options: HTTPServerOptions
  ) throws(TrackerError) -> HTTPServer {
    do throws(HTTPServerError) {
      return try HTTPServer(options: options) { service.answer($0) }
    } catch {
      throw TrackerError(description: error.description)
    }
  }
}

/// Where a loop's desk is found by those who are not on the loop.
private final class DeskSeat: Sendable {
  private let desk = Mutex<Confined<HTTPDesk>?>(nil)

  func fill(_ desk: HTTPDesk, on loop: isolated Loop) {
    let confined = Confined(desk, on: loop)
    self.desk.withLock { $0 = confined }
  }

  func desk(on loop: isolated Loop) -> HTTPDesk? { desk.withLock { $0 }?.value(on: loop) }

  func leave(on loop: isolated Loop) -> HTTPDesk? { desk.withLock { $0.take() }?.value(on: loop) }
}

/// What several loops answer.
private final class Answers<Result: Sendable>: Sendable {
  private let answers = Mutex<[Result?]>([])

  func add(_ answer: Result?) { answers.withLock { $0.append(answer) } }

  /// Waits until so many have answered; a loop that has stopped never does.
  func wait(for count: Int) -> [Result] {
    for _ in 0..<10_000 {
      if let all = answers.withLock({ $0.count >= count ? $0 : nil }) { return all.compactMap { $0 } }
      usleep(200)
    }
    return answers.withLock { $0 }.compactMap { $0 }
  }
}
