import Addresses
import Bytes
import Digest
import EventLoop
import PeerProtocol
import UTP

/// uTP on one UDP port: between the datagrams of a `DatagramPort` and the streams of peers. Lives on the loop of
/// its port, as do the torrents that use it.
///
/// One timer and one batch for all connections: what comes in a wake-up is handled together, and what is to be
/// sent leaves at its end.
final class UTPPort: DatagramReceiver, DeferredWork {
  /// Bytes of the largest datagrams that are taken: those of the loopback interface, on which a block and its
  /// header travel in one.
  static let largestDatagram = 16_640

  let bound: Endpoint
  private let core: UTPSocket
  private let socket: UDPSocket
  private let welcome: (PeerStream.Carrier, Endpoint, isolated Loop) -> Void
  private var batch = PacketBatch()
  private var ready: [(UTPConnection, UTPConnection.Events)] = []
  /// Streams that want to be told what they have not been told yet.
  private var unheard: [UTPStream] = []
  private var call: DeferredCall?
  private var timer: LoopTimer?
  private var armedFor: UInt64 = .max
  private var isOpen = true

  /// `welcome` gets the connections that peers open.
  init(
    _ port: DatagramPort, on loop: isolated Loop,
    welcome: @escaping (PeerStream.Carrier, Endpoint, isolated Loop) -> Void
  ) {
    bound = port.socket.bound
    socket = port.socket
    self.welcome = welcome
    let seed = [UInt8].random(count: 16)
    core = UTPSocket(
      seed: (seed.rawBytes.bigEndian(UInt64.self, at: 0), seed.rawBytes.bigEndian(UInt64.self, at: 8)))
    call = loop.deferredCall(self)
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).fired(on: loop) }
    port.utp = self
  }

  /// Microseconds of the machine's monotonic clock, as connections know time.
  static var clock: UInt64 { Instant.now.nanoseconds / 1000 }

  /// Starts to connect; `nil` if that cannot be.
  func connect(to remote: Endpoint) -> UTPStream? {
    guard isOpen, remote.address.isV4 == bound.address.isV4,
      let connection = core.connect(to: remote, now: Self.clock)
    else { return nil }
    schedule()
    return UTPStream(connection, self)
  }

  /// Connections, those that are being closed included.
  var connectionCount: Int { core.connectionCount }

  // MARK: Datagrams

  func received(
    _ datagram: RawSpan, from remote: Endpoint, through port: DatagramPort, on loop: isolated Loop
  ) {
    core.receive(datagram, from: remote, now: loop.now.nanoseconds / 1000)
  }

  func receivedAll(through port: DatagramPort, on loop: isolated Loop) {
    serve(on: loop)
    schedule()
  }

  func drained(through port: DatagramPort, on loop: isolated Loop) { schedule() }

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
        connection.greeting = Handshake.byteCount
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

  /// Ends all connections at once; others may follow.
  func reset(on loop: isolated Loop) {
    guard isOpen else { return }
    core.abortAll()
    serve(on: loop)
    schedule()
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
  }
}
