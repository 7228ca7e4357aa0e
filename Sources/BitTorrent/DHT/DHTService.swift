import Addresses
import Bytes
import Digest
import EventLoop
import MainlineDHT
import Metainfo
import PieceStorage

/// The session's part in the DHT: runs the core on the first loop, over the UDP sockets of the listening ports.
///
/// Files: +Swarms (announces of torrents), +Requests (what is asked for from outside). Confined to that loop.
final class DHTService: DatagramReceiver {
  /// Seconds between two savings of what is known.
  private static let saveInterval = 300.0

  let configuration: DHTConfiguration
  let dht: DHT
  /// The port that swarms are told: where peers are awaited.
  let listeningPort: UInt16
  let publicPorts: PublicPorts
  private let externals: ExternalAddresses
  private let binding: SocketBinding?
  /// Those of each family of which there are several answer what comes to them; nodes are asked from the one that
  /// leads there.
  private let ports: [DatagramPort]
  /// Finds hosts where the system must not be asked.
  private let relayed: RelayedNames?
  private let disk: DiskPool
  private var file: DHTStateFile?
  private var timer: LoopTimer?
  private var saveAt: Instant
  private var isSettling = false
  private(set) var isReady = false
  /// Whether it has started and not been stopped.
  var isRunning: Bool { timer != nil }

  var swarms: [InfoHash: AnnouncedSwarm] = [:]
  var alarms: AlarmWheel<InfoHash>
  var queue: [InfoHash] = []
  var running = 0
  var requests: [RequestID: Request] = [:]
  var readers: [(isolated Loop) -> Void] = []
  var random = SystemRandomNumberGenerator()

  /// Joins over these ports. `state` is what an earlier run left.
  init(
    _ configuration: DHTConfiguration, ports: [DatagramPort], listeningPort: UInt16,
    publicPorts: PublicPorts, externals: ExternalAddresses, binding: SocketBinding? = nil, disk: DiskPool,
    file: DHTStateFile?, state: DHTState?, on loop: isolated Loop
  ) {
    self.configuration = configuration
    self.listeningPort = listeningPort
    self.publicPorts = publicPorts
    self.externals = externals
    self.binding = binding
    self.disk = disk
    self.file = file
    let v4 = ports.first { $0.socket.bound.address.isV4 }
    let v6 = ports.first { !$0.socket.bound.address.isV4 }
    self.ports = ports
    var options = DHTOptions()
    options.isReadOnly = configuration.isReadOnly
    dht = DHT(v4: v4 != nil, v6: v6 != nil, state: state, options: options, now: loop.now.dhtSeconds) {
      UInt64.random(in: 0 ... .max)
    }
    let ids = dht.nodes.map(\.id)
    relayed = self.ports.contains(where: \.socket.isRelayed) ? Self.names(self.ports, id: ids.first) : nil
    alarms = AlarmWheel(now: loop.now)
    saveAt = loop.now + Self.saveInterval
  }

  /// Begins to receive, and enters the DHT.
  func start(on loop: isolated Loop) {
    for port in ports { port.dht = self }
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).tick(on: loop) }
    for port in ports where !port.socket.bound.address.isUnspecified {
      dht.assume(port.socket.bound.address, now: loop.now.dhtSeconds)
    }
    enter(through: configuration.routers, on: loop)
    settle(on: loop)
  }

  /// Enters the DHT through nodes that somebody has named.
  func enter(through hosts: [Node], on loop: isolated Loop) {
    guard !hosts.isEmpty, timer != nil else { return }
    let hosts = Array(hosts.prefix(32))
    if let relayed { return enter(through: hosts, relayed, on: loop) }
    let me = Confined(self, on: loop)
    HostLookup.resolve(hosts, unlessGone: binding, on: loop) { loop, endpoints in
      me.value(on: loop).enter(at: endpoints, on: loop)
    }
  }

  private func enter(at endpoints: [Endpoint], on loop: isolated Loop) {
    guard timer != nil else { return }
    dht.bootstrap(routers: endpoints, now: loop.now.dhtSeconds)
    settle(on: loop)
  }

  /// Names are for the proxy to find: who answers a ping by name is there.
  private func enter(through hosts: [Node], _ relayed: RelayedNames, on loop: isolated Loop) {
    enter(
      at: hosts.compactMap { host in IPAddress(host.host).map { Endpoint($0, port: host.port) } }, on: loop)
    let me = Confined(self, on: loop)
    for host in hosts where IPAddress(host.host) == nil {
      relayed.find(host, on: loop) { loop, addresses in
        me.value(on: loop).enter(at: addresses.map { Endpoint($0, port: host.port) }, on: loop)
      }
    }
  }

  private static func names(_ ports: [DatagramPort], id: NodeID?) -> RelayedNames {
    // Tells them from what the core asks.
    let mark = Array("name".utf8)
    return RelayedNames(ports) { number in
      var transaction = mark
      transaction.append(bigEndian: number)
      var ping = Message(
        transaction: transaction,
        content: .query(id: id ?? NodeID.random { UInt64.random(in: 0 ... .max) }, .ping))
      ping.isReadOnly = true
      return ping.encoded()
    } number: { datagram in
      guard let answer = try? Message(datagram.array(0..<datagram.byteCount)),
        case .response = answer.content,
        answer.transaction.count == mark.count + 4, answer.transaction.starts(with: mark)
      else { return nil }
      return answer.transaction.rawBytes.bigEndian(UInt32.self, at: mark.count)
    }
  }

  /// There is a relay again, perhaps after long.
  func relayCameUp(on loop: isolated Loop) {
    guard timer != nil, dht.nodeCount == 0 else { return }
    enter(through: configuration.routers, on: loop)
    dht.bootstrap(routers: [], now: loop.now.dhtSeconds)
    settle(on: loop)
  }

  /// A peer runs a node there (BEP 5).
  func hear(of endpoint: Endpoint, on loop: isolated Loop) {
    dht.hear(of: endpoint, now: loop.now.dhtSeconds)
    settle(on: loop)
  }

  /// Leaves: nothing more is sent or received. What is asked for ends unanswered.
  func stop(on loop: isolated Loop) {
    guard timer != nil else { return }
    timer?.close()
    timer = nil
    for port in ports { port.dht = nil }
    relayed?.close()
    save()
    file = nil
    let open = requests
    requests = [:]
    for request in open.values { request.end(on: loop) }
    let waiting = readers
    readers = []
    for reader in waiting { reader(loop) }
  }

  func received(
    _ datagram: RawSpan, from remote: Endpoint, through port: DatagramPort, on loop: isolated Loop
  ) {
    guard datagram.byteCount <= Message.maximumBytes else { return }
    if relayed?.take(datagram, from: remote, on: loop) == true { return }
    dht.receive(datagram.array(0..<datagram.byteCount), from: remote, now: loop.now.dhtSeconds)
    guard ports.hasChoice else { return }
    // The answer has to come from where it is expected.
    for datagram in dht.takeDatagrams() {
      send(datagram, from: datagram.endpoint == remote ? port : nil, on: loop)
    }
  }

  func receivedAll(through port: DatagramPort, on loop: isolated Loop) { settle(on: loop) }

  private func tick(on loop: isolated Loop) {
    // Nodes that cannot answer now are not gone.
    guard binding?.isUp != false else {
      timer?.set(after: 1)
      return
    }
    dht.tick(now: loop.now.dhtSeconds)
    if loop.now >= saveAt {
      saveAt = loop.now + Self.saveInterval
      save()
    }
    announceDue(on: loop)
    settle(on: loop)
  }

  /// Sends what is to be sent, tells what has happened, and sets the timer.
  func settle(on loop: isolated Loop) {
    guard !isSettling, let timer else { return }
    isSettling = true
    defer { isSettling = false }
    guard binding?.isUp != false else { return timer.set(after: 1) }
    while true {
      let datagrams = dht.takeDatagrams()
      let events = dht.takeEvents()
      if datagrams.isEmpty, events.isEmpty { break }
      for datagram in datagrams { send(datagram, on: loop) }
      for event in events { handle(event, on: loop) }
    }
    var wait = dht.deadline - loop.now.dhtSeconds
    if alarms.count > 0 || !queue.isEmpty { wait = min(wait, 1) }
    timer.set(after: min(max(wait, 0.001), 60))
  }

  private func send(_ datagram: Datagram, from port: DatagramPort? = nil, on loop: isolated Loop) {
    guard let port = port ?? ports.port(to: datagram.endpoint.address),
      !port.isBlocked(datagram.endpoint.address)
    else { return }
    let bytes = datagram.bytes
    port.socket.send(bytes.rawBytes, to: datagram.endpoint, on: loop)
  }

  private func handle(_ event: DHTEvent, on loop: isolated Loop) {
    switch event {
    case .peers(let request, let peers): found(peers, by: request, on: loop)
    case .finished(let request, let report): finished(request, report, on: loop)
    case .answered(let request, let response): answered(request, response, on: loop)
    case .announced(let swarm, let peer): if swarms[swarm] != nil { found([peer], in: swarm) }
    case .ready: becameReady(on: loop)
    case .externalAddress(let address): externals.agreed(address)
    }
  }

  private func becameReady(on loop: isolated Loop) {
    isReady = true
    let waiting = readers
    readers = []
    for reader in waiting { reader(loop) }
    announceDue(on: loop)
  }

  /// Keeps what is known for the next run, if anything is.
  private func save() {
    guard let file, dht.nodeCount > 0 else { return }
    let state = dht.state
    disk.submit(StateSaving(file: file, state: state))
  }
}

/// Writes the state on a disk thread; nobody waits for it.
private final class StateSaving: DiskJob {
  private let file: DHTStateFile
  private let state: DHTState

  init(file: DHTStateFile, state: DHTState) {
    self.file = file
    self.state = state
  }

  func run(on thread: DiskThread) { file.save(state) }
}

extension Instant {
  /// The time as the core counts it.
  var dhtSeconds: Double { Double(nanoseconds) / 1e9 }
}
