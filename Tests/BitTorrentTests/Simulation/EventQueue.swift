/// Something that happens in a simulated swarm, at one moment, to one peer or one end of a connection.
struct SimulatedEvent {
  /// What happens.
  enum Kind: UInt8 {
    // To a peer.
    case join, leave, tick, sent, written, epoch, synced, greeted
    // To an end of a connection.
    case described, have, choke, unchoke, interested, notInterested
    case request, cancel, reject, allowedFast, suggest, block, closed
  }

  let time: UInt64
  let order: UInt64
  let kind: Kind
  /// The number of the peer or of the connection's end.
  let target: Int32
  /// A piece, a block's piece, or another peer.
  let piece: Int32
  /// A block's number in its piece.
  let index: Int32

  /// Earlier first; what was planned first among equals, so that a run can be replayed.
  static func < (one: SimulatedEvent, other: SimulatedEvent) -> Bool {
    one.time != other.time ? one.time < other.time : one.order < other.order
  }
}

/// What is to come, the earliest first: a heap with four children a node.
struct EventQueue {
  private var heap: [SimulatedEvent] = []
  private var planned: UInt64 = 0

  /// Plans an event for `time`, nanoseconds of virtual time. O(log events).
  mutating func plan(
    _ kind: SimulatedEvent.Kind, at time: UInt64, _ target: Int, piece: Int32 = 0, index: Int32 = 0
  ) {
    planned += 1
    let event = SimulatedEvent(
      time: time, order: planned, kind: kind, target: Int32(target), piece: piece, index: index)
    heap.append(event)
    var place = heap.count - 1
    while place > 0, event < heap[(place - 1) / 4] {
      heap[place] = heap[(place - 1) / 4]
      place = (place - 1) / 4
    }
    heap[place] = event
  }

  /// Takes the earliest event. O(log events).
  mutating func next() -> SimulatedEvent? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    var place = 0
    while true {
      let from = place * 4 + 1
      guard from < heap.count else { break }
      var best = from
      for child in from..<min(from + 4, heap.count) where heap[child] < heap[best] { best = child }
      guard heap[best] < last else { break }
      heap[place] = heap[best]
      place = best
    }
    heap[place] = last
    return first
  }
}
