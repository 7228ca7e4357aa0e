import Addresses
import EventLoop
import Proxy

/// The ways to a session's proxies. Uses that have the same proxy share its route.
final class ProxyRoutes: Sendable {
  let peers: ProxyRoute?
  let trackers: ProxyRoute?
  /// Hosts that only the proxy for peers can find.
  let names = NamedHosts()

  init(_ configuration: ProxyConfiguration, _ binding: SocketBinding?) async throws(SessionError) {
    var peers: ProxyRoute?
    if let proxy = configuration.peers { peers = try await ProxyRoute(proxy, binding) }
    var trackers: ProxyRoute?
    if let proxy = configuration.trackers {
      trackers = proxy == peers?.proxy ? peers : try await ProxyRoute(proxy, binding)
    }
    self.peers = peers
    self.trackers = trackers
  }
}
