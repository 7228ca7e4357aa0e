// Threads: threads that run one closure. The floor of the house: may import CSystem and the C library.

internal import CSystem
internal import Glibc
internal import Synchronization

/// A thread that runs one closure. It ends when the closure returns; `join` waits for that.
public final class WorkerThread: Sendable {
  private let handle: Mutex<pthread_t?>

  /// Starts the thread. `name` shows in process listings (15 bytes count).
  public init(name: String, _ body: @escaping @Sendable () -> Void) {
    let start = ThreadStart(name: name, body: body)
    let reference = unsafe Unmanaged.passRetained(start).toOpaque()
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
          unsafe apus_name_thread(start.name)
          start.body()
        }
        return nil
      }, reference)
    precondition(result == 0, "cannot start a thread: the system's limit is reached")
    handle = Mutex(thread)
  }

  deinit {
    if let thread = handle.withLock({ $0.take() }) { pthread_detach(thread) }
  }

  /// Waits until the thread has ended. A second call returns at once.
  public func join() {
    if let thread = handle.withLock({ $0.take() }) { _ = pthread_join(thread, nil) }
  }
}

private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void
  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}
