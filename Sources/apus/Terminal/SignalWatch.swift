import Glibc
import Synchronization

/// The main thread's job while a command runs on others: to wait for signals. They are blocked in every
/// thread and taken one at a time, so that nothing runs inside of a signal handler.
enum SignalWatch {
  private static let watched = [SIGINT, SIGTERM, SIGHUP]
  /// A clean stop may take so long, then the process ends anyway.
  private static let patience = 3

  /// Blocks the watched signals in this thread and all that it starts, and ignores SIGPIPE, and SIGXFSZ:
  /// a limit on the size of files is an error of the file, not the end of the process. First thing in
  /// the process.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    var set = Self.set
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  private static var set: sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in watched { unsafe sigaddset(&set, number) }
    return set
  }

  /// Waits for signals and never returns. The first raises the interruption, if the command stops
  /// `cleanly`; any other, or `patience` seconds, ends the process.
  /// SIGHUP does what the command wants instead, if it wants something.
  static func run(
    _ interruption: Interruption, _ hangUp: HangUp, cleanly: Bool, console: Console
  ) -> Never {
    var set = Self.set
    var number = SIGINT
    while true {
      var limit = timespec(tv_sec: interruption.isRaised ? patience : 3600, tv_nsec: 0)
      let wasRaised = interruption.isRaised
      let result = unsafe sigtimedwait(&set, nil, &limit)
      if result == SIGHUP, hangUp.perform() { continue }
      if result > 0 {
        number = wasRaised ? number : result
        if cleanly, interruption.raise(number == SIGTERM ? .terminate : .interrupt) { continue }
      } else if !wasRaised {
        continue
      }
      interruption.endAtOnce()
      console.settle()
      _exit(number == SIGTERM ? ExitStatus.terminated.code : ExitStatus.interrupted.code)
    }
  }
}

/// What a command does on SIGHUP instead of ending.
final class HangUp: Sendable {
  private let work = Mutex<(@Sendable () -> Void)?>(nil)

  /// Has SIGHUP do `work` from now on, on the main thread.
  func handle(_ work: @escaping @Sendable () -> Void) { self.work.withLock { $0 = work } }

  /// Does it; false if there is nothing to do.
  func perform() -> Bool {
    guard let work = work.withLock(\.self) else { return false }
    work()
    return true
  }
}
