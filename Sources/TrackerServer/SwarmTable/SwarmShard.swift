internal import Glibc
import TrackerProtocol

/// A part of the table: open addressing over slots of 64 bytes, linear probing, no tombstones.
@safe
struct SwarmShard: ~Copyable {
  let key: TableKey
  let limits: SwarmLimits
  private(set) var slots: UnsafeMutableRawPointer
  private(set) var capacity: Int
  /// Torrents, with or without peers.
  private(set) var torrents = 0
  var peers = 0
  var seeds = 0
  /// Where the sweep goes on: a slot, a family in it, and how many of its peers are still to be seen.
  var sweepSlot = 0
  var sweepV6 = false
  var sweepPeers = Int.max
  /// Slots that the sweep has looked at since it began the shard.
  var swept = 0

  private static let smallest = 8

  init(key: TableKey, limits: SwarmLimits) {
    self.key = key
    self.limits = limits
    capacity = Self.smallest
    unsafe slots = Self.allocate(Self.smallest)
  }

  deinit {
    for index in 0..<capacity { unsafe SwarmSlot(slots + index * SwarmSlot.size).freeBlocks() }
    unsafe free(slots)
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    guard let memory = unsafe calloc(capacity, SwarmSlot.size) else { fatalError("out of memory") }
    return unsafe memory
  }

  func slot(_ index: Int) -> SwarmSlot {
    precondition(index >= 0 && index < capacity)
    return unsafe SwarmSlot(slots + index * SwarmSlot.size)
  }

  private func home(_ hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(capacity)).high) }

  /// The place of a torrent, or the free one where it belongs.
  func find(_ words: HashWords, _ hash: UInt64) -> (index: Int, isFound: Bool) {
    var index = home(hash)
    while true {
      let slot = slot(index)
      if slot.state == .free { return (index, false) }
      if slot.words == words { return (index, true) }
      index = index + 1 == capacity ? 0 : index + 1
    }
  }

  /// Enters a torrent that is not there. O(1), now and then a copy of the shard's slots.
  mutating func enter(_ words: HashWords, _ hash: UInt64) -> SwarmSlot {
    if (torrents + 1) * 20 > capacity * 17 { grow() }
    let slot = slot(find(words, hash).index)
    slot.occupy(words)
    torrents += 1
    return slot
  }

  /// Frees a slot; those behind it may move forward into it.
  mutating func leave(_ index: Int) {
    torrents -= 1
    var hole = index
    var next = index
    while true {
      next = next + 1 == capacity ? 0 : next + 1
      let slot = slot(next)
      guard slot.state != .free else { break }
      let home = home(slot.words.hash(key))
      if (next - home + capacity) % capacity >= (next - hole + capacity) % capacity {
        slot.copy(to: self.slot(hole))
        hole = next
      }
    }
    slot(hole).clear()
  }

  private mutating func grow() {
    let (old, oldCapacity) = unsafe (slots, capacity)
    capacity = oldCapacity + max(Self.smallest, oldCapacity / 3)
    unsafe slots = Self.allocate(capacity)
    for index in 0..<oldCapacity {
      let slot = unsafe SwarmSlot(old + index * SwarmSlot.size)
      guard slot.state != .free else { continue }
      let words = slot.words
      slot.copy(to: self.slot(find(words, words.hash(key)).index))
    }
    unsafe free(old)
    // The sweep's place means nothing in the new order.
    (sweepSlot, sweepV6, sweepPeers, swept) = (0, false, .max, 0)
  }

  func counts(_ slot: SwarmSlot) -> SwarmCounts {
    var counts = SwarmCounts(downloaded: Int(slot.downloaded), downloaders: 0)
    var paused = 0
    if slot.state == .inline {
      for peer in slot.inline {
        if peer.note.isSeed { counts.seeds += 1 } else { counts.leeches += 1 }
        if !peer.note.isSeed, peer.note.isPaused { paused += 1 }
      }
    } else {
      for isV6 in [false, true] {
        guard let block = slot.block(isV6: isV6) else { continue }
        counts.seeds += block.seeds
        counts.leeches += block.count - block.seeds
        paused += block.paused
      }
    }
    counts.downloaders = counts.leeches - paused
    return counts
  }

  func scrape(_ words: HashWords, _ hash: UInt64) -> SwarmCounts? {
    let (index, isFound) = find(words, hash)
    return isFound ? counts(slot(index)) : nil
  }
}
