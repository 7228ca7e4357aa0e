import TrackerProtocol

/// A part of the table: slots of 56 bytes side by side without gaps, an index over them, blocks of peers.
@safe
struct SwarmShard: ~Copyable {
  let key: TableKey
  let limits: SwarmLimits
  let clock: SwarmClock
  private var slots = GrowableMemory()
  var index = SlotIndex()
  var blocks: BlockStore
  /// What was refused lately, under pressure.
  var sightings: SightingFilter
  /// Torrents, with or without peers: the slots.
  private(set) var torrents = 0
  var peers = 0
  var seeds = 0
  /// The latest time that was heard of; `nil` before the first.
  private var latest: UInt32?
  /// Where the sweep goes on, from the last slot to the first: slots that are still to be seen, a family in the last
  /// of them, and how many of its peers are still to be seen.
  var sweepSlots = 0
  var sweepV6 = false
  var sweepPeers = Int.max

  init(key: TableKey, limits: SwarmLimits, classes: BlockClasses, sightings: Int) {
    self.key = key
    self.limits = limits
    clock = SwarmClock(lifetime: limits.peerLifetime)
    blocks = BlockStore(classes: classes)
    self.sightings = SightingFilter(perGeneration: sightings)
  }

  deinit {
    var (slots, index, blocks, sightings) = (slots, index, blocks, sightings)
    slots.free()
    index.free()
    blocks.free()
    sightings.free()
  }

  /// Bytes in use, pages begun included.
  var byteCount: Int { slots.touched + index.byteCount + blocks.byteCount + sightings.byteCount }

  func slot(_ number: Int) -> SwarmSlot {
    precondition(number >= 0 && number < torrents)
    return unsafe SwarmSlot(slots.at(number * SwarmSlot.size))
  }

  /// The time, which never goes back. If nobody has come for longer than a lifetime, nothing that is kept of the
  /// peers' times can be trusted, but that they are all gone is certain.
  mutating func advance(_ now: UInt32) -> UInt32 {
    guard let latest else {
      self.latest = now
      return now
    }
    let passed = Int32(bitPattern: now &- latest)
    guard passed > 0 else { return latest }
    self.latest = now
    if UInt32(passed) > limits.peerLifetime {
      forgetAll(keepingTorrents: UInt32(passed) <= limits.torrentLifetime)
    }
    return now
  }

  /// The time for somebody who only looks.
  func current(_ now: UInt32) -> UInt32 {
    guard let latest, Int32(bitPattern: now &- latest) < 0 else { return now }
    return latest
  }

  private mutating func forgetAll(keepingTorrents: Bool) {
    for number in (0..<torrents).reversed() {
      let slot = slot(number)
      empty(slot)
      if !keepingTorrents || slot.downloaded == 0 { leave(number) }
    }
    (sweepSlots, sweepV6, sweepPeers) = (0, false, .max)
  }

  /// Forgets everything.
  mutating func removeAll() { forgetAll(keepingTorrents: false) }

  /// Enters a torrent that is not there. O(1).
  mutating func enter(_ words: HashWords, _ hash: UInt64) -> SwarmSlot? {
    guard torrents < CellArray.mostSlots else { return nil }
    slots.grow(to: (torrents + 1) * SwarmSlot.size)
    enterIndex(torrents, hash)
    torrents += 1
    let slot = slot(torrents - 1)
    slot.occupy(words)
    return slot
  }

  /// Lets go of a torrent without peers; the last one takes its place.
  mutating func leave(_ number: Int) {
    let hole = slot(number)
    precondition(!hole.hasBlocks && hole.inlineCount == 0)
    leaveIndex(number, hole.words.hash(key))
    let last = torrents - 1
    if number != last {
      slot(last).copy(to: hole)
      if hole.hasBlocks {
        for isV6 in [false, true] { block(hole, isV6: isV6)?.owner = owner(number, isV6: isV6) }
      }
    }
    torrents = last
    index.pending = min(index.pending, last)
    if index.pending == 0 { index.old.free() }
    slots.trim(to: torrents * SwarmSlot.size)
  }

  // MARK: Blocks

  private func owner(_ number: Int, isV6: Bool) -> UInt32 { UInt32(number) << 1 | (isV6 ? 1 : 0) }

  private func number(_ slot: SwarmSlot) -> Int { unsafe (slot.base - slots.at(0)) / SwarmSlot.size }

  func block(_ slot: SwarmSlot, isV6: Bool) -> PeerBlock? {
    slot.block(isV6: isV6).map { blocks.block($0, isV6: isV6) }
  }

  /// Puts in a peer that is not there, in a slot with blocks; its position. `expected` is how many of its family
  /// there will be soon.
  @discardableResult
  mutating func insert(_ peer: SwarmPeer, into slot: SwarmSlot, expected: Int = 1) -> Int? {
    let isV6 = peer.address.isV6
    if let block = block(slot, isV6: isV6) {
      if block.count == block.capacity { replaceBlock(slot, isV6: isV6, room: block.count + 1) }
    } else {
      slot.setBlock(
        blocks.allocate(expected, isV6: isV6, owner: owner(number(slot), isV6: isV6)), isV6: isV6)
    }
    return block(slot, isV6: isV6)?.insert(peer.address, peer.note, key)
  }

  /// Moves inline peers into blocks, so that there is room for more.
  mutating func spill(_ slot: SwarmSlot, expected: Int = 1) {
    unsafe withUnsafeTemporaryAllocation(of: SwarmPeer.self, capacity: 3) { peers in
      let count = slot.inlineCount
      for index in 0..<count { unsafe peers.initializeElement(at: index, to: slot.inline(index)) }
      slot.beginBlocks()
      for index in 0..<count { unsafe insert(peers[index], into: slot, expected: max(count + 1, expected)) }
    }
  }

  /// Has the peers of a family move to a block with room for `room`.
  mutating func replaceBlock(_ slot: SwarmSlot, isV6: Bool, room: Int) {
    guard let name = slot.block(isV6: isV6) else { return }
    let new = blocks.allocate(room, isV6: isV6, owner: owner(number(slot), isV6: isV6))
    blocks.block(new, isV6: isV6).fill(from: blocks.block(name, isV6: isV6), key)
    slot.setBlock(new, isV6: isV6)
    release(name)
  }

  mutating func freeBlock(_ slot: SwarmSlot, isV6: Bool) {
    guard let name = slot.block(isV6: isV6) else { return }
    slot.setBlock(nil, isV6: isV6)
    release(name)
  }

  private mutating func release(_ name: BlockStore.Name) {
    guard let moved = blocks.release(name) else { return }
    slot(Int(moved >> 1)).setBlock(name, isV6: moved & 1 == 1)
  }

  /// Forgets the peers of a torrent.
  mutating func empty(_ slot: SwarmSlot) {
    let counts = counts(slot)
    peers -= counts.seeds + counts.leeches
    seeds -= counts.seeds
    if slot.hasBlocks {
      for isV6 in [false, true] { freeBlock(slot, isV6: isV6) }
      slot.endBlocks()
    } else {
      while slot.inlineCount > 0 { slot.removeInline(0) }
    }
  }

  // MARK: Counts

  func counts(_ slot: SwarmSlot) -> SwarmCounts {
    var counts = SwarmCounts(downloaded: Int(slot.downloaded), downloaders: 0)
    var paused = 0
    if slot.hasBlocks {
      for isV6 in [false, true] {
        guard let block = block(slot, isV6: isV6) else { continue }
        counts.seeds += block.seeds
        counts.leeches += block.count - block.seeds
        paused += block.paused
      }
    } else {
      for index in 0..<slot.inlineCount {
        let note = slot.inline(index).note
        if note.isSeed { counts.seeds += 1 } else { counts.leeches += 1 }
        if !note.isSeed, note.isPaused { paused += 1 }
      }
    }
    counts.downloaders = counts.leeches - paused
    return counts
  }

  /// Peers of a slot, of both families and kinds.
  func population(_ slot: SwarmSlot) -> Int {
    guard slot.hasBlocks else { return slot.inlineCount }
    return (block(slot, isV6: false)?.count ?? 0) + (block(slot, isV6: true)?.count ?? 0)
  }

  func scrape(_ words: HashWords, _ hash: UInt64) -> SwarmCounts? {
    find(words, hash).map { counts(slot($0)) }
  }
}
