import Bytes
internal import CSystem
internal import EventLoop
internal import Glibc
internal import Synchronization
import Threads

/// What a tracker does when a new process asks for its place; called on the thread of the `HandOverServer`.
protocol HandingOver: AnyObject, Sendable {
  /// Writes a snapshot that the new process is going to read; gives the sockets' descriptors and the secret of the
  /// connection ids.
  func prepareHandOver() throws(HandOverFault) -> (descriptors: [Int32], secret: [UInt8])
  /// Reads no more from the sockets, then writes what has changed since; gives the connections that the new process is
  /// to serve.
  func pauseForHandOver() throws(HandOverFault) -> [Int32]
  /// Goes on as if nothing had been.
  func resume()
  /// The new process serves: it remains to answer what is under way and to end.
  func handedOver()
}

/// Waits at a path for a new process that is to take the tracker's place.
final class HandOverServer: Sendable {
  private let path: String
  private let listener: Int32
  private let isOurs = Atomic<Bool>(true)
  private let worker: Mutex<WorkerThread?>
  private let conversation: Conversation

  /// Listens at `path`, which a process that is gone may have left behind.
  init(_ path: String, for tracker: any HandingOver) throws(HandOverFault) {
    unsafe unlink(path)
    let listener = unsafe apus_listen_locally(path)
    guard listener >= 0 else { throw HandOverFault(system: "cannot listen at '\(path)'") }
    self.path = path
    self.listener = listener
    let conversation = Conversation()
    self.conversation = conversation
    worker = Mutex(
      WorkerThread(name: "hand-over") { [weak tracker] in
        while true {
          let connection = accept(listener, nil, nil)
          if connection < 0, errno == EINTR || errno == ECONNABORTED { continue }
          guard connection >= 0, let tracker else { return }
          let channel = HandOverChannel(connection)
          guard conversation.begin(connection) else { return }
          defer { conversation.end() }
          if Self.handOver(channel, tracker) { return }
        }
      })
  }

  /// Stops listening. Idempotent; not to be called by the tracker's `HandingOver` methods.
  func stop() {
    guard let thread = worker.withLock({ $0.take() }) else { return }
    // Wakes the thread, whether it waits for a process or for what that says.
    conversation.stop()
    shutdown(listener, Int32(SHUT_RDWR))
    thread.join()
    TCP.close(listener)
    if isOurs.load(ordering: .relaxed) { unsafe unlink(path) }
  }

  /// Leaves the path to the new process.
  func leavePath() { isOurs.store(false, ordering: .relaxed) }

  /// Talks to a new process; true if it has taken over.
  private static func handOver(_ channel: borrowing HandOverChannel, _ tracker: any HandingOver) -> Bool {
    var isPaused = false
    do throws(HandOverFault) {
      guard channel.isTrusted else { throw HandOverFault("it runs as another user") }
      let version = try channel.expect(.hello).text
      guard version == HandOverMessage.version else {
        throw HandOverFault("the running tracker is of another version: stop it, then start the new one")
      }
      let (descriptors, secret) = try tracker.prepareHandOver()
      guard descriptors.count <= Int(APUS_DESCRIPTORS) else {
        throw HandOverFault("there are too many sockets")
      }
      try channel.send(.sockets, secret.hexadecimal, descriptors: descriptors)
      _ = try channel.expect(.loaded)
      isPaused = true
      let connections = try tracker.pauseForHandOver()
      for start in stride(from: 0, to: connections.count, by: Int(APUS_DESCRIPTORS)) {
        let end = min(connections.count, start + Int(APUS_DESCRIPTORS))
        try channel.send(.connections, descriptors: Array(connections[start..<end]))
      }
      try channel.send(.yours)
      _ = try channel.expect(.serving)
      tracker.handedOver()
      return true
    } catch {
      if isPaused { tracker.resume() }
      do throws(HandOverFault) { try channel.send(.failed, error.description) } catch { return false }
      return false
    }
  }
}

/// The connection that is spoken over, so that it can be cut off.
private final class Conversation: Sendable {
  private struct State {
    var descriptor: Int32 = -1
    var isStopped = false
  }
  private let state = Mutex(State())

  func begin(_ descriptor: Int32) -> Bool {
    state.withLock { state in
      state.descriptor = descriptor
      return !state.isStopped
    }
  }

  func end() { state.withLock { $0.descriptor = -1 } }

  func stop() {
    state.withLock { state in
      state.isStopped = true
      if state.descriptor >= 0 { shutdown(state.descriptor, Int32(SHUT_RDWR)) }
    }
  }
}
