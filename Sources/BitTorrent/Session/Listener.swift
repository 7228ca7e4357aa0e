import Addresses
import Encryption
import EventLoop
import PeerProtocol

/// Accepts connections on one address, over TCP and, with `welcome`, what else there is, reads their handshakes and
/// passes them on to their torrents. Confined to one loop. Strangers that say nothing, or nonsense, cost a
/// descriptor for ten seconds.
final class Listener: ReadinessHandler {
  /// Connections that may be waiting for their handshake; beyond that the oldest goes.
  private static let greetingLimit = 256
  private static let greetingSeconds = 10.0

  let bound: Endpoint
  /// `nil` if nobody is awaited over TCP.
  private var descriptor: Int32?
  /// Whether it was told to hear nobody for now.
  private(set) var isSuspended = false
  let registry: TorrentRegistry
  private let policy: EncryptionPolicy
  private let filter: AddressFilter
  private var watcher: SocketWatcher?
  private var sweeper: LoopTimer?
  /// Those whose handshake is awaited, oldest first.
  private var greeting: [IncomingConnection] = []

  init(
    descriptor: Int32?, bound: Endpoint, registry: TorrentRegistry, policy: EncryptionPolicy,
    filter: AddressFilter
  ) {
    self.filter = filter
    self.descriptor = descriptor
    self.bound = bound
    self.registry = registry
    self.policy = policy
  }

  func start(on loop: isolated Loop) {
    if let descriptor { watcher = loop.watcher(descriptor, self) }
    watcher?.watch(for: .readable)
    let me = Confined(self, on: loop)
    let sweeper = loop.timer { loop in me.value(on: loop).sweep(on: loop) }
    sweeper.set(every: 1)
    self.sweeper = sweeper
  }

  func stop() {
    suspend()
    sweeper?.close()
    sweeper = nil
  }

  /// Hears nobody until `resume`; who has not said which torrent it wants is let go.
  func suspend() {
    isSuspended = true
    watcher?.close()
    watcher = nil
    if let descriptor { TCP.close(descriptor) }
    descriptor = nil
    for incoming in greeting { incoming.close() }
    greeting = []
  }

  /// Goes on with another descriptor.
  func resume(_ descriptor: Int32?, on loop: isolated Loop) {
    guard sweeper != nil else {
      if let descriptor { TCP.close(descriptor) }
      return
    }
    isSuspended = false
    self.descriptor = descriptor
    if let descriptor { watcher = loop.watcher(descriptor, self) }
    watcher?.watch(for: .readable)
  }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    guard let descriptor else { return }
    // Bounded, so that a flood of connections does not starve those that are open.
    for _ in 0..<64 {
      guard let (descriptor, remote) = TCP.accept(descriptor) else { return }
      guard !filter.blocks(remote.address) else {
        TCP.close(descriptor)
        continue
      }
      welcome(.tcp(descriptor), from: remote, on: loop)
    }
  }

  /// Somebody has connected.
  func welcome(_ carrier: PeerStream.Carrier, from remote: Endpoint, on loop: isolated Loop) {
    if greeting.count >= Self.greetingLimit { greeting.removeFirst().close() }
    let incoming = IncomingConnection(
      carrier, remote: remote, listener: self, policy: policy, now: loop.now)
    guard incoming.start(on: loop) else { return PeerStream.close(carrier) }
    greeting.append(incoming)
  }

  /// A handshake is complete: the torrent's loop takes the connection over.
  func greeted(
    _ incoming: IncomingConnection, _ handshake: Handshake, _ ciphers: StreamCiphers?, early: [UInt8],
    on loop: isolated Loop
  ) {
    forget(incoming)
    let visitor = Visitor(
      carrier: incoming.release(), remote: incoming.remote, acceptedAt: incoming.acceptedAt,
      handshake: handshake, ciphers: ciphers, early: early)
    guard let seat = registry.find(handshake.infoHash) else { return visitor.dismiss() }
    if seat.loop !== loop, case .utp(let stream) = visitor.carrier {
      return send(visitor, stream.value(on: loop), to: seat)
    }
    seat.loop.post { loop in seat.value(on: loop).accept(visitor, on: loop) }
  }

  /// A connection over uTP moves to the loop of its torrent: what comes for it later goes there as well.
  private func send(_ visitor: Visitor, _ stream: UTPStream, to seat: Confined<TorrentSeat>) {
    guard let passage = stream.depart(for: seat.loop) else { return visitor.dismiss() }
    seat.loop.post { loop in
      seat.value(on: loop).accept(visitor.carried(by: passage.arrive(on: loop)), on: loop)
    }
  }

  func forget(_ incoming: IncomingConnection) {
    greeting.removeAll { $0 === incoming }
  }

  private func sweep(on loop: isolated Loop) {
    while let oldest = greeting.first, loop.now.seconds(since: oldest.acceptedAt) > Self.greetingSeconds {
      greeting.removeFirst().close()
    }
  }
}
