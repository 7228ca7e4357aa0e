import Addresses
import Encryption
import PeerProtocol

/// A connection that somebody opened to us, its handshake read, on its way to its torrent.
struct Visitor: Sendable {
  let carrier: PeerStream.Carrier
  let remote: Endpoint
  let handshake: Handshake
  /// What the connection is encrypted with from here on, if it is.
  var ciphers: StreamCiphers?
  /// Bytes that came behind the handshake, in the clear.
  var early: [UInt8] = []

  /// Shows it the door.
  func dismiss() { PeerStream.close(carrier) }
}
