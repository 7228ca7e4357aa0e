internal import Glibc
internal import Synchronization

/// Closes connections that take too long over a request: libmicrohttpd only knows how
/// long a connection has been idle, which a byte now and then defeats.
final class RequestDeadlines: Sendable {
  private struct Connection {
    let descriptor: Int32
    /// By when the next request must be here; nothing while one is answered.
    var deadline: Int?
  }

  private struct State {
    /// By the address of the library's connection.
    var connections: [UInt: Connection] = [:]
    var isStopping = false
  }

  /// Milliseconds for a request, and for the rest before it.
  private let limit: Int
  private let rest: Int
  private let state = Mutex(State())
  /// Written to once, to end `run`.
  private let pipe: (reading: Int32, writing: Int32)

  /// In seconds, how long a request may take and how long a connection may rest before it.
  init(limit: Double, rest: Int) {
    self.limit = Int(limit * 1000)
    self.rest = rest * 1000
    var ends: [Int32] = [0, 0]
    let made = unsafe Glibc.pipe(&ends)
    precondition(made == 0, "out of file descriptors")
    pipe = (ends[0], ends[1])
  }

  deinit {
    close(pipe.reading)
    close(pipe.writing)
  }

  private static var now: Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
  }

  /// A connection began; `key` is its address in the library.
  func opened(_ key: UInt, descriptor: Int32) {
    let entry = Connection(descriptor: descriptor, deadline: Self.now + limit)
    state.withLock { $0.connections[key] = entry }
  }

  /// The first line of a request is here; the rest of it may not be.
  func requested(_ key: UInt) {
    state.withLock { state in
      guard let earlier = state.connections[key]?.deadline else { return }
      state.connections[key]?.deadline = min(earlier, Self.now + limit)
    }
  }

  /// The request is complete.
  func answering(_ key: UInt) { state.withLock { $0.connections[key]?.deadline = nil } }

  /// The request is answered or given up.
  func answered(_ key: UInt) {
    state.withLock { $0.connections[key]?.deadline = Self.now + rest + limit }
  }

  /// The connection ends; its descriptor is still open.
  func closed(_ key: UInt) { state.withLock { _ = $0.connections.removeValue(forKey: key) } }

  /// Looks after the connections until `stop`.
  func run() {
    let pause = Int32(max(10, min(1000, limit / 4)))
    var ended = pollfd(fd: pipe.reading, events: Int16(POLLIN), revents: 0)
    while unsafe poll(&ended, 1, pause) == 0 {
      let now = Self.now
      state.withLock { state in
        for connection in state.connections.values {
          guard let deadline = connection.deadline, now > deadline else { continue }
          // The descriptor is the connection's as long as it is in the table.
          shutdown(connection.descriptor, Int32(SHUT_RDWR))
        }
      }
    }
  }

  func stop() {
    let isFirst = state.withLock { state in
      let isFirst = !state.isStopping
      state.isStopping = true
      return isFirst
    }
    var byte: UInt8 = 0
    if isFirst { _ = unsafe write(pipe.writing, &byte, 1) }
  }
}
