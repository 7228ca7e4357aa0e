import Addresses

/// The connections of a socket by peer and number: open addressing, nothing allocated by a look-up.
struct ConnectionTable {
  private var slots: [UTPConnection?] = Array(repeating: nil, count: 16)
  private(set) var count = 0
  let hash: KeyedHash

  init(_ hash: KeyedHash) { self.hash = hash }

  func find(_ remote: Endpoint, _ receiveID: UInt16) -> UTPConnection? {
    slots[place(remote, receiveID)]
  }

  mutating func insert(_ connection: UTPConnection) {
    if count * 2 >= slots.count { grow() }
    let place = place(connection.remote, connection.receiveID)
    if slots[place] == nil { count += 1 }
    slots[place] = connection
  }

  mutating func remove(_ connection: UTPConnection) {
    var hole = place(connection.remote, connection.receiveID)
    guard slots[hole] === connection else { return }
    slots[hole] = nil
    count -= 1
    // What lies behind it may have its place at the hole.
    var next = (hole + 1) & (slots.count - 1)
    while let moved = slots[next] {
      let wanted = home(moved.remote, moved.receiveID)
      if (next - wanted) & (slots.count - 1) >= (next - hole) & (slots.count - 1) {
        slots[hole] = moved
        slots[next] = nil
        hole = next
      }
      next = (next + 1) & (slots.count - 1)
    }
  }

  var all: [UTPConnection] { slots.compactMap { $0 } }

  private func home(_ remote: Endpoint, _ receiveID: UInt16) -> Int {
    let words = remote.address.words
    let hash = hash(words.high, words.low, UInt64(remote.port) << 16 | UInt64(receiveID))
    return Int(truncatingIfNeeded: hash) & (slots.count - 1)
  }

  /// Where a connection is, or would be put.
  private func place(_ remote: Endpoint, _ receiveID: UInt16) -> Int {
    var place = home(remote, receiveID)
    while let found = slots[place], found.receiveID != receiveID || found.remote != remote {
      place = (place + 1) & (slots.count - 1)
    }
    return place
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: nil, count: old.count * 2)
    for case let connection? in old { slots[place(connection.remote, connection.receiveID)] = connection }
  }
}
