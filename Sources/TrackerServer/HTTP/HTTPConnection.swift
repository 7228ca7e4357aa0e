import Addresses
import EventLoop

/// A connection of the HTTP front end. What has come stays in the system's buffer until a whole head is there: then
/// it is answered and thrown away, or the connection is handed over to the library unread. Confined to its loop.
final class HTTPConnection: ReadinessHandler {
  /// What a connection waits for.
  enum Phase {
    /// The rest of a head, or of what a proxy sends before.
    case reading
    /// The next request.
    case resting
    /// Room for what is to be sent.
    case writing
    /// The other end's end, after the last answer: closing at once could destroy that on its way.
    case lingering
  }

  let descriptor: Int32
  /// The other end of the socket.
  let remote: Endpoint
  /// Who that speaks for.
  var client: Endpoint
  private let desk: HTTPDesk
  var phase = Phase.reading
  /// Since when it waits for that.
  var since: Instant
  /// Bytes that have been looked through without finding the end of a head.
  var searched = 0
  /// Whether a proxy has yet to say for whom it speaks.
  var awaitsProxyHeader = false
  /// Whether TLS is spoken: the library does that.
  var isSecure = false
  /// Whether the ledger has it.
  var isCounted = false
  /// What the system has not taken yet.
  var unsent: [UInt8] = []
  /// Close it once everything is sent.
  var isLast = false
  /// Where it stands in the desk's list; -1 if it is not there yet.
  var position = -1
  private var watcher: SocketWatcher?
  private var lowWater = 1

  init(_ descriptor: Int32, from remote: Endpoint, desk: HTTPDesk, now: Instant) {
    self.descriptor = descriptor
    self.remote = remote
    client = remote
    self.desk = desk
    since = now
  }

  func ready(_ events: Readiness, on loop: isolated Loop) { desk.ready(self, events, on: loop) }

  /// Waits for what `phase` says; false if the system refuses.
  func wait(on loop: isolated Loop) -> Bool {
    if watcher == nil { watcher = loop.watcher(descriptor, self) }
    watcher?.watch(for: phase == .writing ? .writable : .readable)
    return watcher != nil
  }

  /// Enters a phase, if it is not in it already: what drips in wins no time.
  func enter(_ phase: Phase, now: Instant) {
    guard self.phase != phase else { return }
    self.phase = phase
    since = now
  }

  /// Wakes up only when there are more bytes than that.
  func wake(beyond count: Int) {
    searched = count
    guard lowWater != count + 1 else { return }
    lowWater = count + 1
    TCP.setLowWater(descriptor, lowWater)
  }

  /// Stops watching, for whoever has the descriptor next.
  func release() {
    watcher?.close()
    watcher = nil
  }
}
