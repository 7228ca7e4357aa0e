import Addresses
import PeerProtocol

/// A connection that somebody opened to us, its handshake read, on its way to its torrent.
struct Visitor: Sendable {
  let carrier: PeerStream.Carrier
  let remote: Endpoint
  let handshake: Handshake

  /// Shows it the door.
  func dismiss() { PeerStream.close(carrier) }
}
