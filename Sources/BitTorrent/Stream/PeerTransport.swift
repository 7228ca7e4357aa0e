/// What carries the bytes between us and a peer.
public enum PeerTransport: String, Sendable, CaseIterable {
  /// TCP.
  case tcp
  /// The micro transport protocol, over UDP (BEP 29).
  case utp
}
