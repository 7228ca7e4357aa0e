import Addresses
import Bytes
import Encryption
import EventLoop
private import Glibc
import PeerProtocol

/// A connection that somebody opened to us, until its handshake tells which torrent it is for. The handshake
/// may be hidden (MSE): whoever does not begin with the usual greeting is taken to exchange keys.
final class IncomingConnection: ReadinessHandler {
  let remote: Endpoint
  let acceptedAt: Instant
  private let stream: PeerStream
  private unowned let listener: Listener
  private let policy: EncryptionPolicy
  /// Bytes of the stream, in the clear, that wait for the handshake to be whole.
  private var bytes: [UInt8] = []
  private var responder: MSEResponder?
  private var ciphers: StreamCiphers?

  init(
    _ carrier: PeerStream.Carrier, remote: Endpoint, listener: Listener, policy: EncryptionPolicy,
    now: Instant
  ) {
    stream = PeerStream(carrier)
    self.remote = remote
    self.listener = listener
    self.policy = policy
    acceptedAt = now
  }

  func start(on loop: isolated Loop) -> Bool { stream.start(self, for: .readable, on: loop) }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    guard let part = read() else { return refuse() }
    guard !part.isEmpty else { return }
    if let waiting = responder {
      guard let clear = negotiate(waiting, part) else { return refuse() }
      bytes += clear
    } else {
      bytes += part
    }
    if responder == nil { readHandshake(on: loop) }
  }

  /// What there is to be read: exactly the handshake where nothing is hidden, because what follows belongs to
  /// the torrent that takes the stream over. Empty if there is nothing now, `nil` at the end.
  private func read() -> [UInt8]? {
    let most = responder == nil && ciphers == nil ? Handshake.byteCount - bytes.count : 2048
    return unsafe withUnsafeTemporaryAllocation(byteCount: most, alignment: 8) { buffer -> [UInt8]? in
      var vector = unsafe iovec(iov_base: buffer.baseAddress, iov_len: most)
      switch unsafe stream.read(into: &vector, count: 1) {
      case .bytes(let count): return unsafe Array(buffer[..<count])
      case .none: return []
      case .ended, .failed: return nil
      }
    }
  }

  /// Looks at the bytes that are in the clear: on to the torrent, or to the key exchange.
  private func readHandshake(on loop: isolated Loop) {
    let isGreeting = Handshake.isPrefix(bytes.rawBytes)
    guard ciphers != nil || isGreeting else {
      guard policy != .off else { return refuse() }
      let start = bytes
      bytes = []
      let preferred: EncryptionMethod = policy == .allow ? .plain : .rc4
      guard let clear = negotiate(MSEResponder(accepting: policy.methods, preferring: preferred), start)
      else {
        return refuse()
      }
      bytes = clear
      if responder == nil { readHandshake(on: loop) }
      return
    }
    guard policy != .require || ciphers != nil else { return refuse() }
    guard bytes.count >= Handshake.byteCount else {
      if !isGreeting { refuse() }
      return
    }
    guard let handshake = try? Handshake(Array(bytes.prefix(Handshake.byteCount)).rawBytes) else {
      return refuse()
    }
    stream.answersGreeting()
    let early = Array(bytes[Handshake.byteCount...])
    listener.greeted(self, handshake, ciphers, early: early, on: loop)
  }

  /// One step of the key exchange. What has come of the stream, in the clear; `nil` if it failed.
  private func negotiate(_ waiting: MSEResponder, _ part: [UInt8]) -> [UInt8]? {
    var waiting = waiting
    let registry = listener.registry
    switch waiting.receive(part.rawBytes, find: { registry.find(obfuscated: $0) }) {
    case .more(let answer):
      responder = waiting
      return write(answer) ? [] : nil
    case .done(let answer, let result):
      responder = nil
      guard write(answer) else { return nil }
      ciphers = result.ciphers
      stream.incomingCipher = result.ciphers.incoming
      return result.early
    case .failed:
      return nil
    }
  }

  /// Writes a few hundred bytes to a stream that nothing was written to before: it takes them, or is broken.
  private func write(_ answer: [UInt8]) -> Bool {
    guard !answer.isEmpty else { return true }
    var answer = answer
    return unsafe answer.withUnsafeMutableBytes { buffer in
      var vector = unsafe iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
      return unsafe stream.write(&vector, count: 1) == .bytes(buffer.count)
    }
  }

  private func refuse() {
    listener.forget(self)
    close()
  }

  /// Stops watching and gives away what carries the bytes.
  func release() -> PeerStream.Carrier { stream.release() }

  func close() { stream.close() }
}
