import Addresses
import EventLoop
import Proxy
import Synchronization
import Threads

/// The way to one proxy: its addresses, and what went wrong last. Thread-safe; shared by all loops.
///
/// The proxy's own name is the only one that the system is asked for.
final class ProxyRoute: Sendable {
  /// Seconds between two look-ups of a name whose addresses do not answer.
  private static let lookUpPause = 60.0

  private struct State {
    var addresses: [IPAddress]
    var turn = 0
    var isLooking = false
    var lookedUpAt = Instant.now
    var trouble: String?
  }

  let proxy: ProxyURL
  /// The interface that leads there; `nil` if any will do.
  let binding: SocketBinding?
  private let state: Mutex<State>

  init(_ proxy: ProxyURL, _ binding: SocketBinding?) async throws(SessionError) {
    self.binding = binding
    self.proxy = proxy
    let host = proxy.host
    let literal = proxy.address.map { [$0] }
    state = Mutex(State(addresses: literal ?? []))
    guard literal == nil else { return }
    let found = await withCheckedContinuation { (done: CheckedContinuation<[IPAddress], Never>) in
      _ = WorkerThread(name: "names") { done.resume(returning: HostLookup.addresses(of: host)) }
    }
    guard !found.isEmpty else { throw SessionError(.proxy, "the proxy's host is unknown: \(host)") }
    state.withLock { $0.addresses = found }
  }

  /// Where the proxy is: the next of its addresses after one has failed.
  var endpoint: Endpoint? {
    state.withLock { state in
      guard !state.addresses.isEmpty else { return nil }
      return Endpoint(state.addresses[state.turn % state.addresses.count], port: proxy.port)
    }
  }

  /// Why nothing comes through, in words; `nil` once something has since.
  var trouble: String? { state.withLock(\.trouble) }

  /// Starts to connect to what lies behind it.
  func connect(to target: ProxyTarget) -> TCPAttempt? {
    connect(saying: ProxyHandshake(proxy, to: target))
  }

  /// Starts to connect, and to say what is to be said.
  func connect(saying handshake: ProxyHandshake) -> TCPAttempt? {
    guard let endpoint, let descriptor = try? TCP.connect(to: endpoint, through: binding) else { return nil }
    return TCPAttempt(descriptor, through: self, saying: handshake)
  }

  /// It works.
  func worked() { state.withLock { $0.trouble = nil } }

  /// The proxy says no. What it says of a target is no trouble with the proxy.
  func failed(_ fault: ProxyFault) {
    switch fault {
    case .refused, .status: break
    case .malformed, .tooLong, .wantsCredentials, .refusesCredentials:
      state.withLock { $0.trouble = fault.description }
    }
  }

  /// Nobody answers there: the next time at another of its addresses, if there are more.
  func wasSilent() {
    let host = proxy.host
    let isNameDue = state.withLock { state -> Bool in
      state.trouble = "the proxy does not answer"
      state.turn = (state.turn + 1) % max(1, state.addresses.count)
      guard proxy.address == nil, binding?.isUp != false, !state.isLooking,
        Instant.now.seconds(since: state.lookedUpAt) > Self.lookUpPause
      else { return false }
      state.isLooking = true
      return true
    }
    guard isNameDue else { return }
    _ = WorkerThread(name: "names") { [self] in
      let found = HostLookup.addresses(of: host)
      state.withLock { state in
        state.isLooking = false
        state.lookedUpAt = .now
        if !found.isEmpty { state.addresses = found }
      }
    }
  }
}
