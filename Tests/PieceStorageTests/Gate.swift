import Glibc
import Synchronization

/// Holds threads until it is opened.
final class Gate: Sendable {
  private let isOpen = Mutex(false)

  func open() { isOpen.withLock { $0 = true } }

  /// Blocks; for a thread of the test's own.
  func wait() { while !isOpen.withLock({ $0 }) { usleep(500) } }
}
