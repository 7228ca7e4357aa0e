import Addresses
import CSystem
import Digest
import EventLoop
import Glibc

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

    /// Our own end, as the system has it.
    var local: Endpoint? {
      switch self {
      case .tcp(let descriptor): TCP.local(descriptor)
      case .web: nil
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

  private let carrier: Carrier
  private var watcher: SocketWatcher?
  /// What comes in is decrypted with it. What goes out is encrypted by `SendQueue`, once.
  var incomingCipher: RC4?

  init(_ carrier: Carrier) { self.carrier = carrier }

  /// Our own end, as the system has it.
  var local: Endpoint? { carrier.local }

  /// Has `handler` told from now on when the stream is ready; false if the system refuses.
  func start(_ handler: any ReadinessHandler, for events: Readiness, on loop: isolated Loop) -> Bool {
    switch carrier {
    case .tcp(let descriptor): watcher = loop.watcher(descriptor, handler)
    case .web: break
    }
    watcher?.watch(for: events)
    return watcher != nil
  }

  /// Changes what the handler is told of.
  func watch(for events: Readiness) { watcher?.watch(for: events) }

  /// Whether an attempt to connect, which has ended, was successful.
  var isConnected: Bool {
    switch carrier {
    case .tcp(let descriptor): TCP.connectError(descriptor) == 0
    case .web: true
    }
  }

  /// Reads what is there into the vectors, one after the other.
  func read(into vectors: UnsafeMutablePointer<iovec>, count: Int) -> Moved {
    let moved =
      switch carrier {
      case .tcp(let descriptor): unsafe apus_receive(descriptor, vectors, Int32(count))
      case .web: 0
      }
    guard moved > 0 else { return moved == 0 ? .ended : Self.moved(moved) }
    if let incomingCipher { unsafe Self.apply(incomingCipher, to: vectors, bytes: moved) }
    return .bytes(moved)
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
    }
  }

  private static func moved(_ count: Int) -> Moved {
    guard count < 0 else { return .bytes(count) }
    let code = apus_errno()
    return code == EAGAIN ? .none : code == ECONNRESET ? .ended : .failed
  }

  /// Stops watching and gives the carrier away, to be started on another loop.
  func release() -> Carrier {
    watcher?.close()
    watcher = nil
    return carrier
  }

  /// Ends the stream at once. To be called once, by whoever has it last.
  func close() { Self.close(release()) }

  /// Ends what was released.
  static func close(_ carrier: Carrier) {
    switch carrier {
    case .tcp(let descriptor): TCP.close(descriptor)
    case .web: break
    }
  }
}
