import Addresses
import Encryption
import EventLoop
import PeerProtocol

/// A connection that somebody opened to us, its handshake read, on its way to its torrent.
struct Visitor: Sendable {
  let carrier: PeerStream.Carrier
  let remote: Endpoint
  let acceptedAt: Instant
  let handshake: Handshake
  /// What the connection is encrypted with from here on, if it is.
  var ciphers: StreamCiphers?
  /// Bytes that came behind the handshake, in the clear.
  var early: [UInt8] = []

  /// The same, over another carrier.
  func carried(by carrier: PeerStream.Carrier) -> Visitor {
    Visitor(
      carrier: carrier, remote: remote, acceptedAt: acceptedAt, handshake: handshake, ciphers: ciphers,
      early: early)
  }

  /// Shows it the door.
  func dismiss() { PeerStream.close(carrier) }
}
