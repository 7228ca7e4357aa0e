/// Connections by the time at which something is due: one timer for all of them. A connection's time may be
/// later than the one that it is filed under; then it is filed anew when that comes.
struct DeadlineHeap {
  private var items: [UTPConnection] = []

  /// When the first is due.
  var first: UInt64? { items.first?.heapKey }

  /// Files a connection under `key` unless it is filed under an earlier time.
  mutating func lower(_ connection: UTPConnection, to key: UInt64) {
    guard key < connection.heapKey else { return }
    connection.heapKey = key
    if connection.heapIndex < 0 {
      connection.heapIndex = items.count
      items.append(connection)
    }
    rise(connection.heapIndex)
  }

  /// Takes out the first that is due.
  mutating func next(now: UInt64) -> UTPConnection? {
    guard let first = items.first, first.heapKey <= now else { return nil }
    remove(first)
    return first
  }

  mutating func remove(_ connection: UTPConnection) {
    let index = connection.heapIndex
    guard index >= 0, let last = items.popLast() else { return }
    connection.heapIndex = -1
    connection.heapKey = .max
    guard last !== connection else { return }
    items[index] = last
    last.heapIndex = index
    rise(index)
    sink(last.heapIndex)
  }

  private mutating func rise(_ start: Int) {
    var index = start
    while index > 0, items[index].heapKey < items[(index - 1) / 2].heapKey {
      exchange(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private mutating func sink(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in 2 * index + 1...2 * index + 2 where child < items.count {
        if items[child].heapKey < items[least].heapKey { least = child }
      }
      guard least != index else { return }
      exchange(index, least)
      index = least
    }
  }

  private mutating func exchange(_ one: Int, _ other: Int) {
    items.swapAt(one, other)
    items[one].heapIndex = one
    items[other].heapIndex = other
  }
}
