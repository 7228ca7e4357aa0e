import Addresses
import EventLoop

// The ways to a peer.
extension LoopContext {
  /// Starts to connect: over what worked the last time, or else over all that there is. `nil` if no way can be
  /// tried. `isUTPOnly`: over uTP or not at all.
  func carrier(
    to candidate: PeerBook.Candidate, isUTPOnly: Bool = false, on loop: isolated Loop
  ) -> PeerStream.Carrier? {
    let remote = candidate.endpoint
    let port = utpPort(to: remote.address)
    var stream: Confined<UTPStream>?
    if let port, !NamedHosts.isStandIn(remote.address),
      !configuration.usesTCP || candidate.transport != .tcp
    {
      stream = port.connect(to: remote).map { Confined($0, on: loop) }
    }
    guard configuration.usesTCP, !isUTPOnly, stream == nil || candidate.transport != .utp else {
      return stream.map { .utp($0) }
    }
    guard let attempt = attempt(at: remote) else { return stream.map { .utp($0) } }
    guard stream != nil || attempt.isProxied else { return .tcp(attempt.descriptor) }
    return .race(tcp: attempt, utp: stream)
  }

  /// Starts to connect over TCP: through the proxy for peers if there is one, and then never past it.
  private func attempt(at remote: Endpoint) -> TCPAttempt? {
    if let route = routes.peers { return route.connect(to: routes.names.target(of: remote)) }
    let source = source(to: remote.address)
    return (try? TCP.connect(to: remote, from: source, through: binding)).map { TCPAttempt($0) }
  }
}
