import Synchronization

/// How many connections a session has, of how many it may have; its loops share it. Thread-safe, no lock.
final class ConnectionPermits: Sendable {
  private let limit: Int
  private let taken = Atomic(0)

  init(limit: Int) { self.limit = limit }

  /// Connections that there are.
  var count: Int { taken.load(ordering: .relaxed) }

  /// Takes a permit if there is one left: for a connection, until it ends.
  func take() -> Bool {
    let count = taken.wrappingAdd(1, ordering: .relaxed).newValue
    guard count > limit else { return true }
    giveBack()
    return false
  }

  /// Connections have ended.
  func giveBack(_ count: Int = 1) { taken.wrappingSubtract(count, ordering: .relaxed) }
}
