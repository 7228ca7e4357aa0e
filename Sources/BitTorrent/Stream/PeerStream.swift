import Addresses
import CSystem
import Digest
import EventLoop
import Glibc
import PeerProtocol

/// The bytes to and from a peer, whatever carries them. Confined to the loop that it was started on.
///
/// Who owns it reads when it is told that there is something to read, and writes as much as it takes; both
/// never block.
final class PeerStream {
  /// What carries the bytes.
  enum Carrier: Sendable {
    /// A connected, or still connecting, socket.
    case tcp(Int32)
    /// Nothing: what a web seed sends comes by HTTP.
    case web
    /// A connection over uTP, on the loop of its port.
    case utp(Confined<UTPStream>)
    /// Both on their way to the same peer: the first that gets there stays. TCP alone if it goes through a proxy,
    /// with which something is said first.
    case race(tcp: TCPAttempt, utp: Confined<UTPStream>?)

    /// Our own end, as the system has it; `nil` where it has none of its own.
    var local: Endpoint? {
      switch self {
      case .tcp(let descriptor): TCP.local(descriptor)
      case .race(let attempt, _): attempt.isProxied ? nil : TCP.local(attempt.descriptor)
      case .web, .utp: nil
      }
    }
  }

  /// What became of reading or writing.
  enum Moved: Equatable {
    case bytes(Int)
    /// Nothing now: whoever watches is told when to try again.
    case none
    /// The other side has ended it.
    case ended
    case failed
  }

  private var carrier: Carrier
  private var watcher: SocketWatcher?
  /// What of the carrier can be used without asking for its loop, once started.
  private var utp: UTPStream?
  private var race: ConnectRace?
  /// Neither way led to the peer.
  private var isLost = false
  private var isAgainstUTP = false
  /// TCP was there before uTP, or instead of it.
  private(set) var hasBeatenUTP = false
  /// What comes in is decrypted with it. What goes out is encrypted by `SendQueue`, once.
  var incomingCipher: RC4?

  init(_ carrier: Carrier) { self.carrier = carrier }

  /// Our own end, as the system has it.
  var local: Endpoint? { carrier.local }

  /// Has `handler` told from now on when the stream is ready; false if the system refuses.
  func start(_ handler: any ReadinessHandler, for events: Readiness, on loop: isolated Loop) -> Bool {
    switch carrier {
    case .web:
      return true
    case .tcp(let descriptor):
      watcher = loop.watcher(descriptor, handler)
      watcher?.watch(for: events)
      return watcher != nil
    case .utp(let stream):
      guard stream.loop === loop else { return false }
      utp = stream.value(on: loop)
      utp?.start(handler, for: events)
      return true
    case .race(let attempt, let stream):
      let race = ConnectRace(tcp: attempt, utp: stream?.value(on: loop))
      isAgainstUTP = stream != nil
      let isRunning = race.start(for: self, handler, on: loop)
      if isRunning { self.race = race }
      return isRunning
    }
  }

  /// A race has been won, or lost: then nothing is left to be closed.
  func ended(race winner: Carrier?, _ handler: any ReadinessHandler, on loop: isolated Loop) {
    race = nil
    guard let winner else {
      isLost = true
      return handler.ready(.writable, on: loop)
    }
    carrier = winner
    if case .tcp = winner { hasBeatenUTP = isAgainstUTP }
    guard start(handler, for: [], on: loop) else {
      isLost = true
      Self.close(winner)
      return handler.ready(.writable, on: loop)
    }
    handler.ready(.writable, on: loop)
  }

  /// Changes what the handler is told of.
  func watch(for events: Readiness) {
    if let utp { utp.watch(for: events) } else { watcher?.watch(for: events) }
  }

  /// What carries the bytes; TCP until a race is over.
  var transport: PeerTransport {
    if case .utp = carrier { .utp } else { .tcp }
  }

  /// Whether an attempt to connect, which has ended, was successful.
  var isConnected: Bool {
    switch carrier {
    case .tcp(let descriptor): TCP.connectError(descriptor) == 0
    case .web: true
    case .utp: utp?.isConnected ?? false
    case .race: false
    }
  }

  /// Reads what is there into the vectors, one after the other.
  func read(into vectors: UnsafeMutablePointer<iovec>, count: Int) -> Moved {
    let moved = unsafe readCarrier(into: vectors, count: count)
    if let incomingCipher, case .bytes(let bytes) = moved {
      unsafe Self.apply(incomingCipher, to: vectors, bytes: bytes)
    }
    return moved
  }

  private func readCarrier(into vectors: UnsafeMutablePointer<iovec>, count: Int) -> Moved {
    switch carrier {
    case .tcp(let descriptor):
      let moved = unsafe apus_receive(descriptor, vectors, Int32(count))
      return moved == 0 ? .ended : Self.moved(moved)
    case .utp: return unsafe utp?.read(into: vectors, count: count) ?? .none
    case .race: return .none
    case .web: return .ended
    }
  }

  /// Decrypts the first bytes that the vectors hold.
  private static func apply(_ cipher: RC4, to vectors: UnsafeMutablePointer<iovec>, bytes: Int) {
    var left = bytes
    var index = 0
    while left > 0 {
      let part = unsafe UnsafeMutableRawBufferPointer(
        start: vectors[index].iov_base, count: min(left, Int(vectors[index].iov_len)))
      unsafe cipher.apply(to: part)
      left -= part.count
      index += 1
    }
  }

  /// Writes what the vectors hold, as far as it is taken.
  func write(_ vectors: UnsafeMutablePointer<iovec>, count: Int) -> Moved {
    switch carrier {
    case .tcp(let descriptor): Self.moved(unsafe apus_send(descriptor, vectors, Int32(count)))
    case .web: .ended
    case .utp: unsafe utp?.write(vectors, count: count) ?? .none
    case .race: .none
    }
  }

  /// Bytes that were written and that the peer has not acknowledged. A system call over TCP.
  var unacknowledged: Int {
    switch carrier {
    case .tcp(let descriptor): apus_unacknowledged(descriptor)
    case .utp: utp?.unacknowledged ?? 0
    case .race, .web: 0
    }
  }

  private static func moved(_ count: Int) -> Moved {
    guard count < 0 else { return .bytes(count) }
    let code = apus_errno()
    return code == EAGAIN ? .none : code == ECONNRESET ? .ended : .failed
  }

  /// The next bytes of ours are our answer to the peer's greeting: over uTP some want it in a packet of its own.
  func answersGreeting() { utp?.greets(Handshake.byteCount) }

  /// Stops watching and gives the carrier away, to be started on another loop.
  func release() -> Carrier {
    watcher?.close()
    watcher = nil
    utp?.pause()
    utp = nil
    return carrier
  }

  /// Ends the stream at once. To be called once, by whoever has it last.
  func close() {
    if let race {
      race.close()
      self.race = nil
    } else if let utp {
      utp.close()
      self.utp = nil
    } else if !isLost {
      Self.close(release())
    }
  }

  /// Ends what was released.
  static func close(_ carrier: Carrier) {
    switch carrier {
    case .tcp(let descriptor): TCP.close(descriptor)
    case .web: break
    case .utp(let stream): stream.loop.post { loop in stream.value(on: loop).close() }
    case .race(let attempt, let stream):
      TCP.close(attempt.descriptor)
      if let stream { close(.utp(stream)) }
    }
  }
}
