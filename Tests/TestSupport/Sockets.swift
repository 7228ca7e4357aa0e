import Foundation
import Synchronization

/// Fills a `sockaddr_in` and hands it to `body`.
private func withSocketAddress<Result>(
  _ address: TestAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
  var inet = sockaddr_in()
  inet.sin_family = sa_family_t(AF_INET)
  inet.sin_port = address.port.bigEndian
  inet_pton(AF_INET, address.ip, &inet.sin_addr)
  return withUnsafePointer(to: &inet) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}

/// A TCP socket. Like all of them here it does not stay open in child processes: there, it would
/// never look closed to its peer.
private func streamSocket() -> Int32 {
  socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
}

func bindSocket(_ descriptor: Int32, _ address: TestAddress) -> Bool {
  var one: Int32 = 1
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
  return withSocketAddress(address) { bind(descriptor, $0, $1) } == 0
}

/// A blocking TCP connection with limits on every wait. Use it on a thread of its own: ``onThread(_:)``.
public final class Connection: Sendable {
  private let descriptor: Int32

  init(adopting descriptor: Int32) {
    self.descriptor = descriptor
    setLimit(.seconds(10))
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  /// Connects to `address`, from `source` if that is given.
  public convenience init(to address: TestAddress, from source: TestAddress? = nil) throws {
    let descriptor = streamSocket()
    guard descriptor >= 0 else { throw TestFailure("socket: \(String(cString: strerror(errno)))") }
    if let source, !bindSocket(descriptor, TestAddress(ip: source.ip, port: 0)) {
      Glibc.close(descriptor)
      throw TestFailure("cannot bind to \(source)")
    }
    self.init(adopting: descriptor)
    guard withSocketAddress(address, { connect(descriptor, $0, $1) }) == 0 else {
      let reason = String(cString: strerror(errno))
      close()
      throw TestFailure("cannot connect to \(address): \(reason)")
    }
  }

  deinit { Glibc.close(descriptor) }

  /// How long a later `send` or `receive` may block.
  public func setLimit(_ limit: Duration) {
    let parts = limit.components
    var time = timeval(tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Sends all of `bytes`.
  public func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(
          descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent,
          Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL)))
      }
      guard count > 0 else { throw TestFailure("send: \(String(cString: strerror(errno)))") }
      sent += count
    }
  }

  /// What has arrived, at most `count` bytes; empty at the end of the stream.
  public func receive(upTo count: Int) throws -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      let got = recv(descriptor, buffer.baseAddress, count, 0)
      failure = got < 0 ? errno : 0
      used = max(0, got)
    }
    // A reset is an end too: whoever asks wants to know that the other side let go.
    guard failure == 0 || failure == ECONNRESET else {
      throw TestFailure("receive: \(String(cString: strerror(failure)))")
    }
    return bytes
  }

  /// Exactly `count` bytes; throws if the stream ends before.
  public func receive(exactly count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let part = try receive(upTo: count - bytes.count)
      if part.isEmpty { throw TestFailure("the stream ended after \(bytes.count) of \(count) bytes") }
      bytes += part
    }
    return bytes
  }

  /// Reads and drops until the other side closes; `false` if it has not after `limit`.
  public func isClosed(within limit: Duration) -> Bool {
    let end = ContinuousClock.now + limit
    setLimit(.milliseconds(100))
    while ContinuousClock.now < end {
      if let part = try? receive(upTo: 65536), part.isEmpty { return true }
    }
    return false
  }

  /// Ends the connection, also under a thread that waits in it. The descriptor stays ours until nobody
  /// uses the connection any more: its number could otherwise be somebody else's by then.
  public func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// A TCP server that runs one closure a connection, each on a thread of its own.
public final class SocketServer: Sendable {
  /// Where it listens.
  public let address: TestAddress
  private let listener: Int32
  private let connections = Mutex<[Connection]>([])
  private let count = Atomic<Int>(0)
  private let isStopped = Atomic<Bool>(false)

  /// Listens at `address` and serves until ``stop()``. The closure's connection is closed when it returns.
  public init(at address: TestAddress, _ serve: @escaping @Sendable (Connection) -> Void) throws {
    self.address = address
    listener = streamSocket()
    guard bindSocket(listener, address), listen(listener, 512) == 0 else {
      let reason = String(cString: strerror(errno))
      close(listener)
      throw TestFailure("cannot listen at \(address): \(reason)")
    }
    let thread = Thread { [self, listener] in
      while true {
        let descriptor = accept(listener, nil, nil)
        if descriptor < 0 {
          if errno == EINTR || errno == ECONNABORTED { continue }
          return
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        count.add(1, ordering: .relaxed)
        let connection = Connection(adopting: descriptor)
        connections.withLock { $0.append(connection) }
        let worker = Thread { [self] in
          serve(connection)
          connection.close()
          connections.withLock { all in all.removeAll { $0 === connection } }
        }
        worker.stackSize = 512 << 10
        worker.start()
      }
    }
    thread.start()
  }

  deinit { close(listener) }

  /// How many connections there have been.
  public var accepted: Int { count.load(ordering: .relaxed) }

  /// Stops listening and closes every connection.
  public func stop() {
    // Once: the descriptor's number may soon be somebody else's.
    if !isStopped.exchange(true, ordering: .relaxed) { shutdown(listener, Int32(SHUT_RDWR)) }
    for connection in connections.withLock({ $0 }) { connection.close() }
  }
}
