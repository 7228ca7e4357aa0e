import Addresses
import Bytes
import Digest
import EventLoop
import UTP

/// uTP on one UDP port and one loop: between datagrams and the streams of peers. The torrents of the loop use it.
///
/// One timer and one batch for all connections: what comes in a wake-up is handled together, and what is to be
/// sent leaves at its end. The session's first loop takes what comes to the port and greets strangers; what is for
/// connections of another loop it passes on in batches (`UTPExchange`), and each loop sends by itself.
final class UTPPort: DatagramReceiver, DeferredWork {
  /// Bytes of the largest datagrams that are taken: those of the loopback interface, on which a block and its
  /// header travel in one.
  static let largestDatagram = 16_640

  let bound: Endpoint
  private let core: UTPSocket
  private let socket: UDPSocket
  private let welcome: (PeerStream.Carrier, Endpoint, isolated Loop) -> Void
  /// On the first loop, where there are others: what they get.
  private(set) var exchange: UTPExchange?
  private var batch = PacketBatch()
  private var ready: [(UTPConnection, UTPConnection.Events)] = []
  /// Streams that want to be told what they have not been told yet.
  private var unheard: [UTPStream] = []
  private var call: DeferredCall?
  private var timer: LoopTimer?
  private var armedFor: UInt64 = .max
  private var isOpen = true

  /// uTP of the loop that takes what comes to a port. `welcome` gets the connections that peers open.
  convenience init(
    _ port: DatagramPort, on loop: isolated Loop,
    welcome: @escaping (PeerStream.Carrier, Endpoint, isolated Loop) -> Void
  ) {
    self.init(port.socket, on: loop, welcome: welcome)
    port.utp = self
  }

  /// uTP of another loop, which sends through `socket`; what comes is passed on to it.
  convenience init(outlet socket: UDPSocket, on loop: isolated Loop) {
    self.init(socket, on: loop) { carrier, _, _ in PeerStream.close(carrier) }
    core.acceptsConnections = false
    _ = socket.start(UTPOutlet(self), on: loop)
  }

  private init(
    _ socket: UDPSocket, on loop: isolated Loop,
    welcome: @escaping (PeerStream.Carrier, Endpoint, isolated Loop) -> Void
  ) {
    bound = socket.bound
    self.socket = socket
    self.welcome = welcome
    let seed = [UInt8].random(count: 16)
    core = UTPSocket(
      seed: (seed.rawBytes.bigEndian(UInt64.self, at: 0), seed.rawBytes.bigEndian(UInt64.self, at: 8)))
    call = loop.deferredCall(self)
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).fired(on: loop) }
  }

  /// Is the first of several, and passes on what is for the others.
  func join(_ exchange: UTPExchange) {
    self.exchange = exchange
    core.share = (0, UInt16(exchange.homes))
  }

  /// Is number `home` of as many as the exchange knows, which is told of connections.
  func join(_ home: Int, of count: Int, through gate: Confined<UTPExchange>) {
    core.share = (UInt16(home), UInt16(count))
    self.gate = gate
    core.whenEnded = { connection in
      let (remote, id) = (connection.remote, connection.receiveID)
      gate.loop.post { loop in gate.value(on: loop).ended(remote, id, home: home) }
    }
  }

  /// Microseconds of the machine's monotonic clock, as connections know time.
  static var clock: UInt64 { Instant.now.nanoseconds / 1000 }

  /// On other loops than the first: whom to tell of connections that come and go.
  private var gate: Confined<UTPExchange>?

  /// Starts to connect; `nil` if that cannot be.
  func connect(to remote: Endpoint) -> UTPStream? {
    guard isOpen, remote.address.isV4 == bound.address.isV4,
      let connection = core.connect(to: remote, now: Self.clock)
    else { return nil }
    if let gate {
      let (id, home) = (connection.receiveID, Int(core.share.rest))
      gate.loop.post { loop in gate.value(on: loop).began(remote, id, home: home) }
    }
    schedule()
    return UTPStream(connection, self)
  }

  /// Connections, those that are being closed included.
  var connectionCount: Int { core.connectionCount }

  // MARK: Datagrams

  func received(
    _ datagram: RawSpan, from remote: Endpoint, through port: DatagramPort, on loop: isolated Loop
  ) {
    guard let exchange else {
      core.receive(datagram, from: remote, now: loop.now.nanoseconds / 1000)
      return
    }
    if exchange.forwards(datagram, from: remote, on: loop) { return }
    let now = loop.now.nanoseconds / 1000
    let guess = exchange.guess(datagram)
    let receipt = core.receive(datagram, from: remote, now: now, refuses: guess == 0)
    if receipt == .unknown, guess > 0 { exchange.forward(datagram, from: remote, to: guess, on: loop) }
  }

  func receivedAll(through port: DatagramPort, on loop: isolated Loop) {
    exchange?.deliver()
    serve(on: loop)
    schedule()
  }

  func drained(through port: DatagramPort, on loop: isolated Loop) { schedule() }

  /// What the first loop took for this one.
  func received(_ batch: DatagramBatch, on loop: isolated Loop) {
    guard isOpen else { return }
    batch.visit { datagram, remote, time in core.receive(datagram, from: remote, now: time) }
    serve(on: loop)
    schedule()
  }

  // MARK: Moving

  /// Gives a connection away; `nil` if it is over.
  func detach(_ connection: UTPConnection) -> DetachedConnection? { core.detach(connection) }

  /// Takes over a connection that was accepted on the first loop.
  func take(_ detached: DetachedConnection, on loop: isolated Loop) -> UTPStream {
    let connection = core.attach(detached, now: Self.clock)
    schedule()
    return UTPStream(connection, self)
  }

  /// Has what connections have to send leave at the end of this wake-up.
  func schedule() { call?.schedule() }

  /// A stream is to be told what it is ready for.
  func tell(_ stream: UTPStream) {
    unheard.append(stream)
    schedule()
  }

  func endOfWakeUp(on loop: isolated Loop) {
    guard isOpen else { return }
    serve(on: loop)
    send(on: loop)
    arm()
  }

  private func fired(on loop: isolated Loop) {
    armedFor = .max
    core.advance(to: Self.clock)
    serve(on: loop)
    schedule()
  }

  /// Tells streams what has happened to them.
  private func serve(on loop: isolated Loop) {
    core.takeReady(into: &ready)
    let told = unheard
    unheard.removeAll(keepingCapacity: true)
    for (connection, events) in ready {
      if events.contains(.accepted) {
        let stream = UTPStream(connection, self)
        welcome(.utp(Confined(stream, on: loop)), connection.remote, loop)
      }
      (connection.owner as? UTPStream)?.tell(on: loop)
    }
    ready.removeAll(keepingCapacity: true)
    for stream in told { stream.tell(on: loop) }
  }

  private func send(on loop: isolated Loop) {
    let now = Self.clock
    var isDone = false
    // What has no room now waits with its connection: here it would only become old.
    while !isDone, socket.room >= PacketBatch.usualBytes {
      isDone = core.fill(&batch, now: now)
      for datagram in batch.datagrams {
        let bytes = unsafe RawSpan(
          _unsafeBytes: UnsafeRawBufferPointer(rebasing: batch.bytes[datagram.range]))
        if !datagram.isProbe {
          socket.send(bytes, to: datagram.destination, on: loop)
        } else if !socket.sendWhole(bytes, to: datagram.destination) {
          core.tooLarge(bytes, to: datagram.destination)
        }
      }
      batch.removeAll()
    }
  }

  private func arm() {
    guard let deadline = core.deadline, deadline < armedFor else { return }
    let now = Self.clock
    armedFor = deadline
    timer?.set(after: deadline > now ? Double(deadline - now) / 1e6 : 0)
  }

  /// Ends all connections at once; others may follow. What only sends is closed until `resume`.
  func suspend(on loop: isolated Loop) {
    guard isOpen else { return }
    core.abortAll()
    serve(on: loop)
    schedule()
    if gate != nil { socket.suspend() }
  }

  /// Goes on with another way out of the port.
  func resume(outlet descriptor: Int32, on loop: isolated Loop) {
    guard isOpen, gate != nil else { return TCP.close(descriptor) }
    _ = socket.resume(descriptor, bound: bound, on: loop)
  }

  /// Ends all connections at once, telling peers once.
  func close(on loop: isolated Loop) {
    guard isOpen else { return }
    core.abortAll()
    send(on: loop)
    isOpen = false
    call?.close()
    call = nil
    timer?.close()
    timer = nil
    unheard = []
    // What only sends belongs to nobody else.
    if gate != nil { socket.close(on: loop) }
  }
}
