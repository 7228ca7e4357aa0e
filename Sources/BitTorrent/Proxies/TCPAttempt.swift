import CSystem
import EventLoop
import Glibc
import Proxy

/// A TCP connection on its way to a peer: straight, or through a proxy. Not watched by itself: whoever watches the
/// descriptor calls `goOn` when it is ready.
struct TCPAttempt: Sendable {
  /// How far it is.
  enum State: Equatable {
    /// To be called again when the descriptor is ready for this.
    case waiting(Readiness)
    /// It leads to the peer.
    case connected
    case failed
  }

  let descriptor: Int32
  private let route: ProxyRoute?
  private var handshake: ProxyHandshake?
  private var unsent: [UInt8] = []
  private var hasBegun = false
  /// The relay, if one was asked for and is there.
  private(set) var bound: ProxyTarget?
  /// What the proxy said, if it said no.
  private(set) var fault: ProxyFault?

  /// Straight.
  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    route = nil
  }

  /// Through a proxy.
  init(_ descriptor: Int32, through route: ProxyRoute, saying handshake: ProxyHandshake) {
    self.descriptor = descriptor
    self.route = route
    self.handshake = handshake
  }

  var isProxied: Bool { route != nil }

  /// Does what can be done now. Reads nothing of what the peer says.
  mutating func goOn() -> State {
    if !hasBegun {
      guard TCP.connectError(descriptor) == 0 else {
        route?.wasSilent()
        return .failed
      }
      hasBegun = true
      unsent = handshake?.begin() ?? []
    }
    while handshake != nil {
      guard let isSent = send() else { return .failed }
      guard isSent else { return .waiting(.writable) }
      switch receive() {
      case .none: return .waiting(.readable)
      case .ended: return .failed
      case .step(.more): continue
      case .step(.send(let bytes)): unsent = bytes
      case .step(.done(let bound)):
        self.bound = bound
        handshake = nil
        route?.worked()
      case .step(.failed(let fault)):
        self.fault = fault
        route?.failed(fault)
        return .failed
      }
    }
    return .connected
  }

  /// Whether all is sent; `nil` if the connection is broken.
  private mutating func send() -> Bool? {
    guard !unsent.isEmpty else { return true }
    let moved = unsafe unsent.withUnsafeMutableBytes { buffer in
      var vector = unsafe iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
      return unsafe apus_send(descriptor, &vector, 1)
    }
    guard moved >= 0 else { return apus_errno() == EAGAIN ? false : nil }
    unsent.removeFirst(moved)
    return unsent.isEmpty
  }

  /// What came of reading.
  private enum Received {
    case none, ended
    case step(ProxyHandshake.Step)
  }

  private mutating func receive() -> Received {
    guard var handshake else { return .ended }
    let received = unsafe withUnsafeTemporaryAllocation(byteCount: handshake.wanted, alignment: 1) {
      buffer -> Received in
      var vector = unsafe iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
      let moved = unsafe apus_receive(descriptor, &vector, 1)
      if moved < 0, apus_errno() == EAGAIN { return .none }
      guard moved > 0 else { return .ended }
      let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<moved])
      return unsafe .step(handshake.receive(RawSpan(_unsafeBytes: part)))
    }
    self.handshake = handshake
    return received
  }
}
