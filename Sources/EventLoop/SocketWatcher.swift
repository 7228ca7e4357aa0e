internal import CLibuv

/// What a descriptor is ready for.
public struct Readiness: OptionSet, Sendable {
  /// The bits, as libuv numbers them.
  public let rawValue: Int32
  /// From the bits.
  public init(rawValue: Int32) { self.rawValue = rawValue }
  /// Reading does not block, or there is an error or an end to be read.
  public static let readable = Readiness(rawValue: 1)
  /// Writing does not block.
  public static let writable = Readiness(rawValue: 2)
}

/// Who is told that a descriptor is ready.
public protocol ReadinessHandler: AnyObject {
  /// The descriptor of a watcher is ready for `events`; an error on it shows as both.
  func ready(_ events: Readiness, on loop: isolated Loop)
}

/// Watches one non-blocking descriptor on a loop, level-triggered. Close the watcher before the
/// descriptor. Holds its handler strongly until closed.
public final class SocketWatcher: LoopHandle {
  private let executor: LoopExecutor
  private var handler: (any ReadinessHandler)?
  /// What is being watched for.
  public private(set) var interest: Readiness = []

  init?(_ executor: LoopExecutor, descriptor: Int32, handler: any ReadinessHandler) {
    self.executor = executor
    unsafe super.init(size: MemoryLayout<uv_poll_t>.size)
    guard unsafe uv_poll_init(executor.uv, poll, descriptor) == 0 else {
      unsafe pointer.deallocate()
      return nil
    }
    self.handler = handler
    tie()
  }

  private var poll: UnsafeMutablePointer<uv_poll_t> { unsafe pointer.assumingMemoryBound(to: uv_poll_t.self) }

  /// Changes what is watched for; nothing happens if it is that already.
  public func watch(for events: Readiness) {
    guard events != interest else { return }
    interest = events
    guard !events.isEmpty else {
      unsafe uv_poll_stop(poll)
      return
    }
    unsafe uv_poll_start(poll, events.rawValue) { handle, status, events in
      guard let watcher = unsafe LoopHandle.object(handle) as? SocketWatcher else { return }
      let ready = status < 0 ? [.readable, .writable] : Readiness(rawValue: events)
      watcher.executor.enter(.ready(watcher, ready))
    }
  }

  func ready(_ events: Readiness, on loop: isolated Loop) { handler?.ready(events, on: loop) }

  /// Stops watching for good and lets go of the handler.
  public override func close() {
    handler = nil
    interest = []
    super.close()
  }
}

extension Loop {
  /// Watches `descriptor` (non-blocking, owned by the caller); `nil` if the system refuses it.
  public func watcher(_ descriptor: Int32, _ handler: any ReadinessHandler) -> SocketWatcher? {
    SocketWatcher(executor, descriptor: descriptor, handler: handler)
  }
}
