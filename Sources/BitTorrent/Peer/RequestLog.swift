import EventLoop

/// When the blocks that a peer has not yet sent were asked for, oldest first; a batch is one entry.
/// Peers answer in order, or nearly so: what comes next is taken to be what was asked for first.
struct RequestLog {
  private var batches: [(count: Int, at: Instant)] = []
  private var first = 0

  /// `count` blocks are asked for.
  mutating func add(_ count: Int, at now: Instant) { batches.append((count, now)) }

  /// A block came or was refused: when it was asked for.
  mutating func answered() -> Instant? {
    guard first < batches.count else { return nil }
    let instant = batches[first].at
    batches[first].count -= 1
    if batches[first].count == 0 { first += 1 }
    if first == batches.count { clear() }
    if first > 256 {
      batches.removeFirst(first)
      first = 0
    }
    return instant
  }

  /// What was asked for last is taken back, a block of it.
  mutating func withdrawn() {
    guard first < batches.count else { return }
    batches[batches.count - 1].count -= 1
    if batches[batches.count - 1].count == 0 { batches.removeLast() }
    if first == batches.count { clear() }
  }

  /// Nothing is awaited any more.
  mutating func clear() {
    batches.removeAll(keepingCapacity: true)
    first = 0
  }
}
