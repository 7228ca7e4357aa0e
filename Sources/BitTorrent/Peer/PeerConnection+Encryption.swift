import Bytes
import Encryption
import EventLoop
private import Glibc
import PeerProtocol

// The handshake that hides what is spoken (MSE), on a connection that we opened. Our greeting travels with it.
extension PeerConnection {
  /// The connection is there: begins with the key exchange.
  func beginEncryption(on loop: isolated Loop) {
    phase = .encrypting
    var greeting: [UInt8] = []
    Handshake(reserved: torrent.reservedBits, infoHash: wireHash, peerID: torrent.localPeerID)
      .append(to: &greeting)
    let initiator = MSEInitiator(
      wireHash, offering: torrent.context.configuration.encryption.methods, first: greeting)
    sendQueue.append(initiator.opening)
    self.initiator = initiator
    flush(on: loop)
  }

  /// Reads what there is of the other side's part.
  func receiveEncryption(on loop: isolated Loop) {
    let buffer = torrent.context.received
    var vector = unsafe iovec(iov_base: buffer.base, iov_len: buffer.capacity)
    let count: Int
    switch unsafe stream.read(into: &vector, count: 1) {
    case .bytes(let moved): count = moved
    case .none: return
    case .ended: return close(.closedByPeer, on: loop)
    case .failed: return close(.readError, on: loop)
    }
    lastReceived = loop.now
    let step = unsafe initiator?.receive(RawSpan(_unsafeBytes: buffer.bytes(count)))
    switch step {
    case .more(let bytes):
      sendQueue.append(bytes)
      flush(on: loop)
    case .done(let bytes, let result):
      sendQueue.append(bytes)
      initiator = nil
      phase = .greeting
      take(result.ciphers, early: result.early, on: loop)
      if phase != .closed { flush(on: loop) }
    case .failed, nil:
      close(.badEncryption, on: loop)
    }
  }

  /// What travels from here on is encrypted with these; `early` came before and is in the clear already.
  func take(_ ciphers: StreamCiphers, early: [UInt8], on loop: isolated Loop) {
    isEncrypted = ciphers.outgoing != nil
    sendQueue.cipher = ciphers.outgoing
    stream.incomingCipher = ciphers.incoming
    consume(early: early, on: loop)
  }

  /// Handles bytes of the stream that came before the stream was ours.
  func consume(early: [UInt8], on loop: isolated Loop) {
    guard !early.isEmpty else { return }
    unsafe early.withUnsafeBytes { unsafe consume($0, on: loop) }
    if phase == .open { torrent.fillRequests(self, on: loop) }
  }
}
