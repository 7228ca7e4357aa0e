import Addresses

/// What is found by its peer and the number that the peer's packets carry.
protocol Numbered {
  var remote: Endpoint { get }
  var receiveID: UInt16 { get }
}

extension UTPConnection: Numbered {}

/// Things by peer and number: open addressing, nothing allocated by a look-up.
struct ConnectionTable<Entry: Numbered> {
  private var slots: [Entry?] = Array(repeating: nil, count: 16)
  private(set) var count = 0
  let hash: KeyedHash

  init(_ hash: KeyedHash) { self.hash = hash }

  func find(_ remote: Endpoint, _ receiveID: UInt16) -> Entry? {
    slots[place(remote, receiveID)]
  }

  /// Puts it in, in place of what has the same peer and number.
  mutating func insert(_ entry: Entry) {
    if count * 2 >= slots.count { grow() }
    let place = place(entry.remote, entry.receiveID)
    if slots[place] == nil { count += 1 }
    slots[place] = entry
  }

  mutating func remove(_ remote: Endpoint, _ receiveID: UInt16) {
    var hole = place(remote, receiveID)
    guard slots[hole] != nil else { return }
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

  var all: [Entry] { slots.compactMap { $0 } }

  private func home(_ remote: Endpoint, _ receiveID: UInt16) -> Int {
    let words = remote.address.words
    let hash = hash(words.high, words.low, UInt64(remote.port) << 16 | UInt64(receiveID))
    return Int(truncatingIfNeeded: hash) & (slots.count - 1)
  }

  /// Where something is, or would be put.
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
    for case let entry? in old { slots[place(entry.remote, entry.receiveID)] = entry }
  }
}
