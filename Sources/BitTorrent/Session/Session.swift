public import Addresses
public import Digest
import EventLoop
public import Metainfo
import PeerProtocol
import PieceStorage
import PortMapping
import Synchronization

/// The engine: torrents, their peers and the threads that they share.
///
/// A session listens, adds torrents and hands out `Sendable` handles; all its state lives on its loops.
public final class Session: Sendable {
  private struct Life {
    var isStopped = false
    var next = 0
    /// Asks the router, if one is to be asked.
    var mapper: PortMapper?
  }

  let configuration: SessionConfiguration
  private let shared: SharedResources
  let loops: [Confined<LoopContext>]
  private let listeners: [Confined<Listener>]
  /// The UDP sockets, on the first loop, beside the listeners.
  let ports: [Confined<DatagramPort>]
  /// The session's part in the DHT; `nil` if it has none.
  public let dht: DHTHandle?
  /// The session's client of UDP trackers; `nil` if it has no UDP port.
  let udpTrackers: UDPTrackerLink?
  /// The local network, on the first loop; `nil` if it is left alone.
  private let neighbours: Confined<LocalNeighbours>?
  /// Watches the session's interface, on the first loop; `nil` if it has none of its own.
  private let networkGuard: Confined<NetworkGuard>?
  let registry = TorrentRegistry()
  private let life = Mutex(Life())

  /// Where peers are awaited, with the ports that were given.
  public let listening: [Endpoint]

  /// Starts the session's threads and listens.
  ///
  /// An address family that the machine does not have is passed over as long as one address works.
  /// - Throws: `SessionError.Code.cannotListen` when none does.
  public init(_ given: SessionConfiguration) async throws(SessionError) {
    let configuration = given.sealed
    self.configuration = configuration
    let binding = configuration.interface.map { SocketBinding($0) }
    if let binding, !binding.isUp {
      throw SessionError(.cannotListen, "there is no interface '\(binding.name)' with an address")
    }
    let routes = try await ProxyRoutes(configuration.proxies, binding)
    let peerID = PeerID.random(prefix: configuration.peerIDPrefix)
    let sockets = try ListeningSockets.bind(configuration.listen, through: binding)
    listening = sockets.map(\.bound)
    let count = max(1, configuration.loops)
    let shared = SharedResources(configuration, routes: routes, binding: binding, loops: count)
    self.shared = shared
    let port = listening.first?.port ?? 0
    var loops: [Confined<LoopContext>] = []
    for index in 0..<count {
      let loop = Loop(name: "loop \(index)")
      loops.append(
        await loop.perform { loop in
          let context = LoopContext(
            configuration, index: index, shared: shared, peerID: peerID, listeningPort: port, on: loop)
          return Confined(context, on: loop)
        })
    }
    self.loops = loops
    let first = loops[0].loop
    let registry = registry
    listeners = await first.perform { loop in
      sockets.map { pair in
        // Without TCP its port stays taken until here, so that nobody else is found at ours.
        if !configuration.usesTCP { TCP.close(pair.stream) }
        let listener = Listener(
          descriptor: configuration.usesTCP ? pair.stream : nil, bound: pair.bound, registry: registry,
          policy: configuration.encryption, filter: shared.filter)
        listener.start(on: loop)
        return Confined(listener, on: loop)
      }
    }
    let (listeners, context) = (listeners, loops[0])
    var ports = await first.perform { loop in
      zip(sockets, listeners).compactMap { pair, listener -> Confined<DatagramPort>? in
        guard routes.peers == nil else {
          TCP.close(pair.datagrams)
          return nil
        }
        let port = DatagramPort(
          UDPSocket(pair.datagrams, bound: pair.bound, datagramSize: UTPPort.largestDatagram),
          filter: shared.filter)
        if configuration.usesUTP {
          let utp = UTPPort(port, on: loop) { carrier, remote, loop in
            listener.value(on: loop).welcome(carrier, from: remote, on: loop)
          }
          context.value(on: loop).utp.append(utp)
        }
        _ = port.start(on: loop)
        return Confined(port, on: loop)
      }
    }
    if let route = routes.peers {
      ports = await Self.relayedPorts(route, loops, usesUTP: configuration.usesUTP)
    } else if configuration.usesUTP {
      await Self.shareUTP(ports, among: loops)
    }
    self.ports = ports
    dht = await Self.joinDHT(configuration.dht, ports: ports, context: loops[0])
    let trackerPorts = await Self.trackerPorts(routes, peers: ports, context: loops[0])
    udpTrackers = await Self.makeTrackerClient(
      trackerPorts, isAwaited: routes.peers == nil && routes.trackers == nil, context: loops[0])
    let (link, trackers, bound) = (dht.map { DHTLink(service: $0.service) }, udpTrackers, listening)
    for context in loops {
      await context.loop.perform { loop in
        let context = context.value(on: loop)
        context.dht = link
        context.udpTrackers = trackers
        context.listening = bound
      }
    }
    neighbours = await Self.meetNeighbours(
      configuration, listening: listening, registry: registry, binding: shared.binding, on: first)
    if let neighbours {
      for context in loops {
        await context.loop.perform { loop in context.value(on: loop).neighbours = neighbours }
      }
    }
    networkGuard = await Self.guardNetwork(
      configuration, sockets.map(\.wanted), listeners: listeners, ports: routes.peers == nil ? ports : [],
      neighbours: neighbours, loops: loops, registry: registry, binding: shared.binding)
    let mapper = startPortMapper()
    life.withLock { $0.mapper = mapper }
  }

  /// Gives the other loops uTP at the ports of the first.
  private static func shareUTP(_ ports: [Confined<DatagramPort>], among loops: [Confined<LoopContext>]) async
  {
    guard loops.count > 1 else { return }
    for port in ports {
      let outlets = await loops[0].loop.perform { loop in
        let socket = port.value(on: loop).socket
        return loops.dropFirst().map { _ in (socket.outlet(), socket.bound) }
      }
      var others: [Confined<UTPPort>] = []
      for (context, (descriptor, bound)) in zip(loops.dropFirst(), outlets) {
        guard let descriptor else { continue }
        others.append(
          await context.loop.perform { loop in
            let utp = UTPPort(outlet: UDPSocket(outlet: descriptor, bound: bound), on: loop)
            context.value(on: loop).utp.append(utp)
            return Confined(utp, on: loop)
          })
      }
      let (receivers, first) = (others, loops[0])
      let exchange = await first.loop.perform { loop in
        let exchange = UTPExchange(to: receivers)
        let utp = first.value(on: loop).utp.first { $0.bound == port.value(on: loop).socket.bound }
        utp?.join(exchange)
        return Confined(exchange, on: loop)
      }
      for (index, utp) in others.enumerated() {
        await utp.loop.perform { loop in
          utp.value(on: loop).join(index + 1, of: receivers.count + 1, through: exchange)
        }
      }
    }
  }

  /// A client of UDP trackers at the session's UDP ports.
  private static func makeTrackerClient(
    _ ports: [Confined<DatagramPort>], isAwaited: Bool, context: Confined<LoopContext>
  ) async -> UDPTrackerLink? {
    guard !ports.isEmpty else { return nil }
    return await context.loop.perform { loop in
      let context = context.value(on: loop)
      let service = UDPTrackerService(
        ports.map { $0.value(on: loop) }, isAwaited: isAwaited, publicPorts: context.publicPorts,
        fixed: context.configuration.trackerAddresses, binding: context.binding)
      service.start(on: loop)
      return UDPTrackerLink(service: Confined(service, on: loop))
    }
  }

  /// Watches the session's interface, if it has one of its own. `ports` are those beside the listeners, if they have
  /// any.
  private static func guardNetwork(
    _ configuration: SessionConfiguration, _ wanted: [Endpoint], listeners: [Confined<Listener>],
    ports: [Confined<DatagramPort>], neighbours: Confined<LocalNeighbours>?, loops: [Confined<LoopContext>],
    registry: TorrentRegistry, binding: SocketBinding?
  ) async -> Confined<NetworkGuard>? {
    guard let binding else { return nil }
    return await loops[0].loop.perform { loop in
      let places = wanted.indices.map { index in
        let listener = listeners[index].value(on: loop)
        return NetworkGuard.Place(
          wanted: wanted[index], bound: listener.bound, listener: listener,
          port: ports.isEmpty ? nil : ports[index].value(on: loop))
      }
      let watch = NetworkGuard(
        binding, places, loops: loops, registry: registry, neighbours: neighbours?.value(on: loop),
        configuration: configuration)
      watch.start(on: loop)
      return Confined(watch, on: loop)
    }
  }

  /// Listens to the local network, if that is wished.
  private static func meetNeighbours(
    _ configuration: SessionConfiguration, listening: [Endpoint], registry: TorrentRegistry,
    binding: SocketBinding?, on first: Loop
  ) async -> Confined<LocalNeighbours>? {
    guard configuration.localDiscovery else { return nil }
    return await first.perform { loop in
      Confined(LocalNeighbours(listening: listening, registry: registry, binding: binding), on: loop)
    }
  }

  /// Takes part in the DHT, if that is wished and there is a UDP port.
  private static func joinDHT(
    _ configuration: DHTConfiguration, ports: [Confined<DatagramPort>], context: Confined<LoopContext>
  ) async -> DHTHandle? {
    guard configuration.isEnabled, !ports.isEmpty else { return nil }
    let file = configuration.stateFile.map { DHTStateFile(path: $0) }
    let state = file?.load()
    return await context.loop.perform { loop in
      let shared = context.value(on: loop)
      let service = DHTService(
        configuration, ports: ports.map { $0.value(on: loop) }, listeningPort: shared.listeningPort,
        publicPorts: shared.publicPorts, externals: shared.externals, binding: shared.binding,
        disk: shared.disk, file: file, state: state, on: loop)
      service.start(on: loop)
      let confined = Confined(service, on: loop)
      for relay in shared.relays { relay.cameUp = { loop in confined.value(on: loop).relayCameUp(on: loop) } }
      return DHTHandle(service: confined)
    }
  }

  /// Adds a torrent and starts it: what is on disk is looked at first, then peers are sought.
  ///
  /// Returns at once; `status` of the handle tells how far it is.
  public func add(_ metainfo: Metainfo, _ options: AddOptions) async throws(SessionError) -> TorrentHandle {
    guard let context = nextLoop() else { throw SessionError(.stopped, "the session has been stopped") }
    let outline = TorrentOutline(metainfo.info)
    let seat = await context.loop.perform { loop in
      let seat = TorrentSeat(
        outline, source: SeatSource(options), number: 0, phase: .awake, context: context.value(on: loop))
      return Confined(seat, on: loop)
    }
    guard registry.insert(seat, under: outline.infoHashes) else {
      throw SessionError(.duplicate, "\(outline.name) is in this session already")
    }
    await context.loop.perform { loop in seat.value(on: loop).start(metainfo, on: loop) }
    return TorrentHandle(infoHash: outline.infoHash, seat: seat)
  }

  /// The loop for the next torrent; `nil` once the session has been stopped.
  func nextLoop() -> Confined<LoopContext>? {
    life.withLock { life in
      defer { life.next += 1 }
      return life.isStopped ? nil : loops[life.next % loops.count]
    }
  }

  /// The torrents that are awake, and those whose state has changed since the last call: for who watches
  /// very many of them, most of which do nothing. The first call has those that were not complete.
  public func changes() async -> [TorrentStatus] {
    var statuses: [TorrentStatus] = []
    for context in loops {
      statuses += await context.loop.perform { loop in context.value(on: loop).changes(on: loop) }
    }
    return statuses
  }

  /// The torrent that an info-hash names.
  public func torrent(_ infoHash: InfoHash) -> TorrentHandle? {
    registry.find(infoHash).map { TorrentHandle(infoHash: infoHash, seat: $0) }
  }

  var disk: DiskPool { shared.disk }

  /// What is wrong with a proxy, in one line for people; `nil` if nothing is known to be. That of peers is looked
  /// at first. Trackers over HTTP and web seeds tell of theirs themselves.
  public var proxyMessage: String? {
    for route in [shared.routes.peers, shared.routes.trackers] {
      if let route, let trouble = route.trouble { return "\(route.proxy): \(trouble)" }
    }
    return nil
  }

  var filter: AddressFilter { shared.filter }

  var publicPorts: PublicPorts { shared.publicPorts }

  var externals: ExternalAddresses { shared.externals }

  var binding: SocketBinding? { shared.binding }

  var isStopped: Bool { life.withLock(\.isStopped) }

  /// Takes a torrent out: peers are closed, trackers told, files left as they are.
  public func remove(_ handle: TorrentHandle, within seconds: Double = 3) async {
    registry.remove(await handle.hashes())
    await handle.stop(within: seconds)
  }

  /// Changes the limits that all torrents share, from now on.
  public func set(limits: RateLimits) async {
    shared.limits?.others.set(limits, now: .now)
    for context in loops {
      await context.loop.perform { loop in context.value(on: loop).set(limits, on: loop) }
    }
  }

  /// Stops everything: what is written is made durable, trackers are told within the time given, and
  /// the threads end. Idempotent.
  public func stop(within seconds: Double = 3) async {
    let wasStopped = life.withLock { life in
      let wasStopped = life.isStopped
      life.isStopped = true
      return wasStopped
    }
    guard !wasStopped else { return }
    let mapper = life.withLock { $0.mapper.take() }
    let hasDoors = !portMappings.isEmpty
    mapper?.stop()
    if let networkGuard {
      await networkGuard.loop.perform { loop in networkGuard.value(on: loop).close() }
    }
    for listener in listeners {
      await listener.loop.perform { loop in listener.value(on: loop).stop() }
    }
    if let service = dht?.service {
      await service.loop.perform { loop in service.value(on: loop).stop(on: loop) }
    }
    if let neighbours { await neighbours.loop.perform { loop in neighbours.value(on: loop).close(on: loop) } }
    let seats = registry.removeAll()
    await withTaskGroup { group in
      for context in loops {
        group.addTask {
          let mine = seats.filter { $0.loop === context.loop }
          await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            context.loop.post { loop in
              let seats = mine.map { $0.value(on: loop) }
              context.value(on: loop).stop(seats, within: seconds, on: loop) { done.resume() }
            }
          }
        }
      }
    }
    // UDP trackers have heard the goodbyes by now.
    if let service = udpTrackers?.service {
      await service.loop.perform { loop in service.value(on: loop).stop(on: loop) }
    }
    if hasDoors { await mapper?.waitUntilStopped(within: seconds) }
    disk.stop()
    // Last of all: over them peers and trackers are told that we go.
    for context in loops {
      await context.loop.perform { loop in
        for utp in context.value(on: loop).utp { utp.close(on: loop) }
      }
    }
    await loops[0].loop.perform { loop in
      for port in ports { port.value(on: loop).close(on: loop) }
    }
    for context in loops {
      await context.loop.perform { loop in context.value(on: loop).close(on: loop) }
      context.loop.stop()
      context.loop.join()
    }
  }
}
