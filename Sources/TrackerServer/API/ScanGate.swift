internal import Synchronization

/// Lets one look through the whole table at a time, and after it none for four times as long: whoever asks for
/// sorted lists takes a fifth of one thread at most.
final class ScanGate: Sendable {
  private struct State {
    var isTaken = false
    var closedUntil: UInt64 = 0
  }

  private let state = Mutex(State())

  /// Takes the turn; false if it is not free. Nanoseconds of any clock. An administrator need not rest.
  func enter(now: UInt64, isAdmin: Bool) -> Bool {
    state.withLock { state in
      guard !state.isTaken, isAdmin || now >= state.closedUntil else { return false }
      state.isTaken = true
      return true
    }
  }

  /// Gives the turn back.
  func leave(entered: UInt64, now: UInt64) {
    state.withLock { state in
      state.isTaken = false
      state.closedUntil = now + (now - entered) * 4
    }
  }
}
