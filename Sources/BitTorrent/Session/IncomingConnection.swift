import Addresses
import Bytes
private import CSystem
import EventLoop
private import Glibc
import PeerProtocol

/// A connection that somebody opened to us, until its handshake tells which torrent it is for.
final class IncomingConnection: ReadinessHandler {
  let remote: Endpoint
  let acceptedAt: Instant
  private let descriptor: Int32
  private unowned let listener: Listener
  private var watcher: SocketWatcher?
  private var bytes: [UInt8] = []

  init(descriptor: Int32, remote: Endpoint, listener: Listener, now: Instant) {
    self.descriptor = descriptor
    self.remote = remote
    self.listener = listener
    acceptedAt = now
  }

  func start(on loop: isolated Loop) -> Bool {
    watcher = loop.watcher(descriptor, self)
    watcher?.watch(for: .readable)
    return watcher != nil
  }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    // Exactly the handshake: what follows belongs to the torrent that takes the socket over.
    let count = unsafe withUnsafeTemporaryAllocation(byteCount: Handshake.byteCount, alignment: 8) { buffer in
      var vector = unsafe iovec(iov_base: buffer.baseAddress, iov_len: Handshake.byteCount - bytes.count)
      let count = unsafe apus_receive(descriptor, &vector, 1)
      if count > 0 { unsafe bytes.append(contentsOf: buffer[..<count]) }
      return count
    }
    if count < 0, apus_errno() == EAGAIN { return }
    guard count > 0, Handshake.isPrefix(bytes.rawBytes) else {
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

  /// Stops watching and gives the descriptor away.
  func release() -> Int32 {
    watcher?.close()
    watcher = nil
    return descriptor
  }

  func close() { TCP.close(release()) }
}
