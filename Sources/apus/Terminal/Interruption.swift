import Synchronization

/// The wish of the user, or of the system, that a command ends early.
final class Interruption: Sendable {
  /// Who wishes so.
  enum Cause: Sendable {
    /// SIGINT, SIGHUP.
    case interrupt
    /// SIGTERM.
    case terminate
    /// Nobody reads standard output any more.
    case closedOutput
  }

  private struct State {
    var cause: Cause?
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var next = 0
    var atOnce: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// The first wish, if there was one.
  var cause: Cause? { state.withLock(\.cause) }

  /// Whether the command should end.
  var isRaised: Bool { cause != nil }

  /// Asks the command to end; wakes who sleeps. Only the first call counts. False if it was not the first.
  @discardableResult
  func raise(_ cause: Cause) -> Bool {
    let (first, waiting) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
      guard state.cause == nil else { return (false, []) }
      state.cause = cause
      let waiting = Array(state.waiting.values)
      state.waiting = [:]
      return (true, waiting)
    }
    for continuation in waiting { continuation.resume() }
    return first
  }

  /// Sleeps for so long, or until the command is asked to end. True if it is.
  func sleep(_ seconds: Double) async -> Bool {
    await withCheckedContinuation { continuation in
      let ticket = state.withLock { state -> Int? in
        guard state.cause == nil else { return nil }
        state.next += 1
        state.waiting[state.next] = continuation
        return state.next
      }
      guard let ticket else { return continuation.resume() }
      Task {
        try? await Task.sleep(nanoseconds: UInt64(max(0, seconds) * 1e9))
        state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
      }
    }
    return isRaised
  }

  /// What to do right before the process ends at once, because it was asked twice or took too long.
  func beforeEndingAtOnce(_ work: (@Sendable () -> Void)?) { state.withLock { $0.atOnce = work } }

  /// Does it.
  func endAtOnce() { state.withLock { $0.atOnce.take() }?() }
}
