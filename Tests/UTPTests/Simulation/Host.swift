import Addresses
import Bytes
import UTP

/// A computer with one socket, a clock of its own, and programs that send and receive a known stream.
final class Host {
  let number: Int
  let side: Int
  let endpoint: Endpoint
  let socket: UTPSocket
  private let clock: UInt64
  private let skew: Double
  var wakesAt: UInt64 = .max
  /// Streams by connection, those that peers opened included, in the order of their beginning.
  private(set) var streams: [Stream] = []
  private var list: [(UTPConnection, UTPConnection.Events)] = []
  /// What is done with connections that peers open.
  var onAccept: (Stream) -> Void = { _ in }

  init(number: Int, side: Int, endpoint: Endpoint, clock: UInt64, skew: Double, _ socket: UTPSocket) {
    self.number = number
    self.side = side
    self.endpoint = endpoint
    self.clock = clock
    self.skew = skew
    self.socket = socket
  }

  func local(_ time: UInt64) -> UInt64 { clock &+ UInt64(Double(time) * (1 + skew)) }

  func global(_ time: UInt64) -> UInt64 {
    time == .max ? .max : UInt64(max(0, Double(time &- clock) / (1 + skew))) + 1
  }

  /// Opens a connection over which `bytes` are sent; then it is closed if `closes`.
  func connect(to host: Host, sending bytes: Int, closes: Bool = false, at time: UInt64) -> Stream {
    guard let connection = socket.connect(to: host.endpoint, now: local(time)) else {
      fatalError("no number")
    }
    let stream = Stream(connection, toSend: bytes, closes: closes)
    connection.owner = stream
    streams.append(stream)
    return stream
  }

  func receive(_ bytes: [UInt8], from remote: Endpoint, at time: UInt64) {
    socket.receive(bytes.rawBytes, from: remote, now: local(time))
  }

  func advance(at time: UInt64) { socket.advance(to: local(time)) }

  /// Does what programs do when their sockets are ready.
  func serve(at time: UInt64) {
    list.removeAll(keepingCapacity: true)
    socket.takeReady(into: &list)
    for (connection, events) in list {
      if events.contains(.accepted) {
        let stream = Stream(connection, toSend: 0, closes: false)
        connection.owner = stream
        streams.append(stream)
        onAccept(stream)
      }
      (connection.owner as? Stream)?.serve(events, now: local(time))
    }
    for stream in streams { stream.write(now: local(time)) }
  }
}

/// One end of a connection, whose bytes are determined by their position.
final class Stream {
  let connection: UTPConnection
  private(set) var received = 0
  private(set) var sent = 0
  var toSend: Int
  private(set) var closes: Bool
  private(set) var isDamaged = false
  private(set) var hasEnded = false
  private(set) var failure: UTPConnection.Failure?
  private(set) var isConnected = false
  /// Whether what comes is read.
  var reads = true
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  private static let period = 65_521
  private static let pattern: [UInt8] = {
    var random = Randomness(state: 7)
    var bytes = (0..<period).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    bytes += bytes
    return bytes
  }()

  init(_ connection: UTPConnection, toSend: Int, closes: Bool) {
    self.connection = connection
    self.toSend = toSend
    self.closes = closes
  }

  func serve(_ events: UTPConnection.Events, now: UInt64) {
    if events.contains(.failed) { failure = connection.failure }
    if events.contains(.connected) || events.contains(.accepted) { isConnected = true }
    if reads { read(now: now) }
  }

  func read(now: UInt64) {
    while true {
      let count = buffer.withUnsafeMutableBytes { connection.read(into: $0) }
      guard count > 0 else { break }
      let isSame = buffer.withUnsafeBytes { bytes in
        Self.pattern.withUnsafeBytes { pattern in
          Self.areEqual(bytes, pattern, from: received % Self.period, count)
        }
      }
      if !isSame { isDamaged = true }
      received += count
    }
    if connection.isAtEnd, !hasEnded {
      hasEnded = true
      connection.close(now: now)
    }
  }

  private static func areEqual(
    _ bytes: UnsafeRawBufferPointer, _ pattern: UnsafeRawBufferPointer, from start: Int, _ count: Int
  ) -> Bool {
    let first = min(count, 2 * period - start)
    guard compare(bytes, 0, pattern, start, first) else { return false }
    return first == count || compare(bytes, first, pattern, (start + first) % period, count - first)
  }

  func write(now: UInt64) {
    guard isConnected, connection.phase == .open else { return }
    while sent < toSend {
      let start = sent % Self.period
      let count = Self.pattern.withUnsafeBytes { pattern in
        connection.write(
          UnsafeRawBufferPointer(rebasing: pattern[start..<min(start + Self.period, start + toSend - sent)]))
      }
      guard count > 0 else { return }
      sent += count
    }
    if closes { connection.close(now: now) }
  }
}
