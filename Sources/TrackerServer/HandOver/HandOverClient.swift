internal import CSystem
internal import Glibc

/// The side of the new process in a hand-over: one call after the other.
struct HandOverClient: ~Copyable {
  private let channel: HandOverChannel

  private init(_ descriptor: Int32) { channel = HandOverChannel(descriptor) }

  /// Connects to the tracker that runs at `path`; `nil` if none does.
  static func connect(_ path: String) throws(HandOverFault) -> HandOverClient? {
    let descriptor = unsafe apus_connect_locally(path)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ECONNREFUSED { return nil }
      throw HandOverFault(system: "cannot reach the running tracker at '\(path)'")
    }
    let client = HandOverClient(descriptor)
    guard client.channel.isTrusted else { throw HandOverFault("the running tracker belongs to another user") }
    return client
  }

  /// Gets the sockets and the secret; the running tracker has written a snapshot.
  func begin() throws(HandOverFault) -> (sockets: ListeningSocketSet, secret: String) {
    try channel.send(.hello, HandOverMessage.version)
    let (secret, sockets) = try channel.expect(.sockets)
    return (sockets, secret)
  }

  /// Says that the snapshot is loaded; returns when the running tracker reads no more and has written what changed.
  func take() throws(HandOverFault) {
    try channel.send(.loaded)
    _ = try channel.expect(.yours)
  }

  /// Says that the place is taken.
  func finish() throws(HandOverFault) { try channel.send(.serving) }

  /// Says that it is not going to be taken, and why.
  func giveUp(_ reason: String) {
    do throws(HandOverFault) { try channel.send(.failed, reason) } catch { return }
  }
}
