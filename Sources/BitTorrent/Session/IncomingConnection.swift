import Addresses
import Bytes
import EventLoop
private import Glibc
import PeerProtocol

/// A connection that somebody opened to us, until its handshake tells which torrent it is for.
final class IncomingConnection: ReadinessHandler {
  let remote: Endpoint
  let acceptedAt: Instant
  private let stream: PeerStream
  private unowned let listener: Listener
  private var bytes: [UInt8] = []

  init(_ carrier: PeerStream.Carrier, remote: Endpoint, listener: Listener, now: Instant) {
    stream = PeerStream(carrier)
    self.remote = remote
    self.listener = listener
    acceptedAt = now
  }

  func start(on loop: isolated Loop) -> Bool { stream.start(self, for: .readable, on: loop) }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    // Exactly the handshake: what follows belongs to the torrent that takes the socket over.
    let moved = unsafe withUnsafeTemporaryAllocation(byteCount: Handshake.byteCount, alignment: 8) { buffer in
      var vector = unsafe iovec(iov_base: buffer.baseAddress, iov_len: Handshake.byteCount - bytes.count)
      let moved = unsafe stream.read(into: &vector, count: 1)
      if case .bytes(let count) = moved { unsafe bytes.append(contentsOf: buffer[..<count]) }
      return moved
    }
    if moved == .none { return }
    guard case .bytes = moved, Handshake.isPrefix(bytes.rawBytes) else {
      listener.forget(self)
      close()
      return
    }
    guard bytes.count == Handshake.byteCount else { return }
    guard let handshake = try? Handshake(bytes.rawBytes) else {
      listener.forget(self)
      close()
      return
    }
    listener.greeted(self, handshake)
  }

  /// Stops watching and gives away what carries the bytes.
  func release() -> PeerStream.Carrier { stream.release() }

  func close() { stream.close() }
}
