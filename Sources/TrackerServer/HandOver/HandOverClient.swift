import Bytes
internal import CSystem
internal import EventLoop
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
  func begin() throws(HandOverFault) -> (sockets: ListeningSocketSet, secret: [UInt8]) {
    try channel.send(.hello, HandOverMessage.version)
    let arrival = try channel.expect(.sockets)
    return (ListeningSocketSet(arrival.descriptors), [UInt8](hexadecimal: arrival.text) ?? [])
  }

  /// Says that the snapshot is loaded; returns when the running tracker reads no more and has written what changed,
  /// with the connections that it had.
  func take() throws(HandOverFault) -> [Int32] {
    try channel.send(.loaded)
    var connections: [Int32] = []
    do throws(HandOverFault) {
      while true {
        let arrival = try channel.expect(.connections, .yours)
        connections += arrival.descriptors
        if arrival.message == .yours { return connections }
      }
    } catch {
      for connection in connections { TCP.close(connection) }
      throw error
    }
  }

  /// Says that the place is taken.
  func finish() {
    do throws(HandOverFault) { try channel.send(.serving) } catch { return }
  }

  /// Says that it is not going to be taken, and why.
  func giveUp(_ reason: String) {
    do throws(HandOverFault) { try channel.send(.failed, reason) } catch { return }
  }
}
