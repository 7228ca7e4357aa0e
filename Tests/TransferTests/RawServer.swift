import Addresses
import EventLoop
import Glibc
import Synchronization
import Threads

/// A server that does what it likes with each connection, on a thread for each.
final class RawServer: Sendable {
  let endpoint: Endpoint
  private let listener: Int32
  private let threads = Mutex<[WorkerThread]>([])
  private let sockets = Mutex<Set<Int32>>([])
  /// Connections that were accepted.
  let accepted = Atomic<Int>(0)

  /// `talk` gets each connection as a blocking socket, after the request's header was read, if it is to be.
  init(readsHeader: Bool = true, _ talk: @escaping @Sendable (Int32) -> Void) throws {
    let (listener, bound) = try TCP.listen(on: Endpoint(.loopbackV4, port: 0))
    _ = fcntl(listener, F_SETFL, 0)
    self.listener = listener
    endpoint = bound
    let acceptor = WorkerThread(name: "raw-server") { [self] in
      while true {
        let socket = accept(listener, nil, nil)
        guard socket >= 0 else { return }
        accepted.add(1, ordering: .relaxed)
        sockets.withLock { _ = $0.insert(socket) }
        let thread = WorkerThread(name: "raw-connection") { [self] in
          if !readsHeader || Self.readHeader(socket) { talk(socket) }
          sockets.withLock { _ = $0.remove(socket) }
          close(socket)
        }
        threads.withLock { $0.append(thread) }
      }
    }
    threads.withLock { $0.append(acceptor) }
  }

  var url: String { "http://\(endpoint)/announce" }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    sockets.withLock { sockets in for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) } }
    while let thread = threads.withLock({ $0.popLast() }) { thread.join() }
    close(listener)
  }

  static func readHeader(_ socket: Int32) -> Bool {
    var header: [UInt8] = []
    var byte: UInt8 = 0
    while !header.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard recv(socket, &byte, 1, 0) == 1 else { return false }
      header.append(byte)
    }
    return true
  }

  /// False once the other end is gone.
  @discardableResult
  static func send(_ socket: Int32, _ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  @discardableResult
  static func send(_ socket: Int32, _ text: String) -> Bool { send(socket, [UInt8](text.utf8)) }

  /// Waits until the other end closes.
  static func hang(_ socket: Int32) {
    var byte: UInt8 = 0
    while recv(socket, &byte, 1, 0) == 1 {}
  }
}
