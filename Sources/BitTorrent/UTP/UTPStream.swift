import CSystem
import EventLoop
import Glibc
import UTP

/// A connection over uTP, used like a socket that is watched: whoever has it is told, again and again, what it is
/// ready for. Confined to the loop of its port.
final class UTPStream {
  private let connection: UTPConnection
  private let port: UTPPort
  private var handler: (any ReadinessHandler)?
  private var interest: Readiness = []
  private var isUnheard = false

  init(_ connection: UTPConnection, _ port: UTPPort) {
    self.connection = connection
    self.port = port
    connection.owner = self
  }

  /// Has `handler` told from now on.
  func start(_ handler: any ReadinessHandler, for events: Readiness) {
    self.handler = handler
    watch(for: events)
  }

  /// Changes what the handler is told of.
  func watch(for events: Readiness) {
    interest = events
    remind()
  }

  /// Whether the peer has answered.
  var isConnected: Bool { connection.phase == .open }

  /// Round trip, seconds; 0 before it was measured.
  var roundTrip: Double { Double(connection.roundTrip) / 1e6 }

  /// Bytes that the peer has not acknowledged.
  var unacknowledged: Int { connection.unacknowledgedBytes }

  /// What it is ready for; all, once it has failed, so that the end is noticed.
  private var readiness: Readiness {
    if connection.failure != nil { return [.readable, .writable] }
    guard connection.phase == .open else { return [] }
    var events: Readiness = connection.writableBytes > 0 ? .writable : []
    if connection.readableBytes > 0 || connection.isAtEnd { events.insert(.readable) }
    return events
  }

  private func remind() {
    guard !isUnheard, handler != nil, !interest.isDisjoint(with: readiness) else { return }
    isUnheard = true
    port.tell(self)
  }

  /// Tells the handler.
  func tell(on loop: isolated Loop) {
    isUnheard = false
    // Who has no handler may have given its connection away.
    guard let handler else { return }
    let events = interest.intersection(readiness)
    guard !events.isEmpty else { return }
    let before = (connection.readableBytes, connection.writableBytes)
    handler.ready(events, on: loop)
    // Who did nothing with it has to wait for more.
    if self.handler != nil, before != (connection.readableBytes, connection.writableBytes) { remind() }
  }

  func read(into vectors: UnsafeMutablePointer<iovec>, count: Int) -> PeerStream.Moved {
    var total = 0
    for index in 0..<count {
      let vector = unsafe UnsafeMutableRawBufferPointer(
        start: vectors[index].iov_base, count: vectors[index].iov_len)
      let moved = unsafe connection.read(into: vector)
      total += moved
      if moved < vector.count { break }
    }
    if total > 0 {
      port.schedule()
      return .bytes(total)
    }
    if connection.isAtEnd { return .ended }
    return ended ?? .none
  }

  func write(_ vectors: UnsafeMutablePointer<iovec>, count: Int) -> PeerStream.Moved {
    if let ended { return ended }
    var total = 0
    for index in 0..<count {
      let vector = unsafe UnsafeRawBufferPointer(
        start: vectors[index].iov_base, count: vectors[index].iov_len)
      let moved = unsafe connection.write(vector)
      total += moved
      if moved < vector.count { break }
    }
    guard total > 0 else { return .none }
    port.schedule()
    return .bytes(total)
  }

  private var ended: PeerStream.Moved? {
    switch connection.failure {
    case .reset: .ended
    case .refused, .timedOut: .failed
    case nil: nil
    }
  }

  /// On its way to another loop of the same port, which nobody watches it on meanwhile; `nil` if it is over.
  func depart(for target: Loop) -> UTPPassage? {
    guard let exchange = port.exchange, let detached = port.detach(connection) else { return nil }
    return exchange.passage(of: detached, connection.remote, connection.receiveID, to: target)
  }

  /// The next `count` bytes are the greeting, which peers want to have alone.
  func greets(_ count: Int) { connection.endsGreeting(after: count) }

  /// Stops watching.
  func pause() {
    handler = nil
    interest = []
  }

  /// Ends it; what was written still leaves.
  func close() {
    pause()
    connection.close(now: UTPPort.clock)
    port.schedule()
  }
}
