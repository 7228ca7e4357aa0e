// Threads: threads that run one closure. The floor of the house: may import CSystem and the C library.

internal import CSystem
internal import Glibc
internal import Synchronization

/// A thread that runs one closure. It ends when the closure returns; `join` waits for that.
public final class WorkerThread: Sendable {
  /// Bytes of a thread's stack. Ample for all that runs on one (the parser of bencode is the deepest), and an
  /// eighth of the usual, so that many threads fit into a limited address space.
  private static let stackSize = 1 << 20

  private let handle: Mutex<pthread_t?>

  /// Starts the thread. `name` shows in process listings (15 bytes count).
  public init(name: String, _ body: @escaping @Sendable () -> Void) {
    let start = ThreadStart(name: name, body: body)
    let reference = unsafe Unmanaged.passRetained(start).toOpaque()
    var thread = pthread_t()
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setstacksize(&attributes, Self.stackSize)
    defer { unsafe pthread_attr_destroy(&attributes) }
    let result = unsafe pthread_create(
      &thread, &attributes,
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
