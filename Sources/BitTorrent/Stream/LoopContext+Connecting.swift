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
    if let port, !configuration.usesTCP || candidate.transport != .tcp {
      stream = port.connect(to: remote).map { Confined($0, on: loop) }
    }
    guard configuration.usesTCP, !isUTPOnly, stream == nil || candidate.transport != .utp else {
      return stream.map { .utp($0) }
    }
    let source = source(to: remote.address)
    guard let descriptor = try? TCP.connect(to: remote, from: source, through: binding) else {
      return stream.map { .utp($0) }
    }
    guard let stream else { return .tcp(descriptor) }
    return .race(tcp: descriptor, utp: stream)
  }
}
