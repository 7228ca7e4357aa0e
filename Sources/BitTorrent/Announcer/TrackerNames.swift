import Addresses
import EventLoop
import Metainfo

/// The addresses of trackers: names are looked up on other threads, some at a time, and kept for a while.
/// Confined to one loop.
final class TrackerNames {
  private struct Known {
    let addresses: [IPAddress]
    let until: Instant
  }

  /// Seconds that addresses, and the lack of any, are kept for.
  private static let life = 600.0
  private static let lifeOfNone = 30.0
  /// Names that are kept, and those that are looked up at a time.
  private static let limit = 1000
  private static let lookupLimit = 16

  private let fixed: [String: [IPAddress]]
  private var known: [String: Known] = [:]
  private var waiting: [String: [(isolated Loop, [IPAddress]) -> Void]] = [:]
  private var queue: [String] = []
  private var running = 0

  private let binding: SocketBinding?

  /// Knows nothing yet but the addresses of `fixed`. Nothing is looked up while the interface of `binding` is gone.
  init(fixed: [String: [IPAddress]], binding: SocketBinding?) {
    self.fixed = fixed
    self.binding = binding
  }

  /// Calls `then` with the addresses of a host: at once if they are known.
  func find(_ host: String, on loop: isolated Loop, then: @escaping (isolated Loop, [IPAddress]) -> Void) {
    if let address = IPAddress(host) { return then(loop, [address]) }
    if let addresses = fixed[host] { return then(loop, addresses) }
    if let known = known[host], known.until > loop.now { return then(loop, known.addresses) }
    guard binding?.isUp != false else { return then(loop, []) }
    waiting[host, default: []].append(then)
    guard waiting[host]?.count == 1 else { return }
    queue.append(host)
    lookUpNext(on: loop)
  }

  private func lookUpNext(on loop: isolated Loop) {
    guard running < Self.lookupLimit, !queue.isEmpty else { return }
    let host = queue.removeFirst()
    running += 1
    let me = Confined(self, on: loop)
    HostLookup.resolve([Node(host: host, port: 0)], unlessGone: nil, on: loop) { loop, endpoints in
      me.value(on: loop).found(host, endpoints.map(\.address), on: loop)
    }
  }

  private func found(_ host: String, _ addresses: [IPAddress], on loop: isolated Loop) {
    running -= 1
    if known.count >= Self.limit { known = [:] }
    known[host] = Known(
      addresses: addresses, until: loop.now + (addresses.isEmpty ? Self.lifeOfNone : Self.life))
    for then in waiting.removeValue(forKey: host) ?? [] { then(loop, addresses) }
    lookUpNext(on: loop)
  }
}
