extension SwarmShard {
  /// Forgets what is older than its lifetime, from where the last call stopped. Looks at about `budget`
  /// slots and peers; true once it has been through the whole shard. `isRoomy` says that torrents
  /// without peers may be remembered for their counts.
  ///
  /// From the last slot to the first: the slot that takes the place of one that leaves has been seen.
  mutating func sweep(budget: Int, isRoomy: Bool, now: UInt32) -> Bool {
    let now = advance(now)
    var left = budget
    migrateIndex(budget)
    if sweepSlots == 0 || sweepSlots > torrents {
      (sweepSlots, sweepV6, sweepPeers) = (torrents, false, .max)
    }
    while sweepSlots > 0 {
      guard left > 0 else { return false }
      left -= 1
      let number = sweepSlots - 1
      let slot = slot(number)
      if slot.hasBlocks {
        guard sweepBlocks(slot, &left, now) else { return false }
        tidy(slot)
      } else {
        let clock = clock
        removeInline(slot) { clock.isOver($0.note, now: now) }
      }
      if !slot.hasBlocks, slot.inlineCount == 0 {
        let isWorthKeeping = slot.downloaded > 0 && slot.idle(now) <= limits.torrentLifetime
        if !(isWorthKeeping && isRoomy) { leave(number) }
      }
      sweepSlots = number
    }
    shrinkIndex()
    return true
  }

  /// Goes through the peers of a slot from the back; false if the budget ended before they did.
  private mutating func sweepBlocks(_ slot: SwarmSlot, _ left: inout Int, _ now: UInt32) -> Bool {
    while true {
      if let block = block(slot, isV6: sweepV6) {
        var position = min(sweepPeers, block.count)
        while position > 0 {
          guard left > 0 else {
            sweepPeers = position
            return false
          }
          left -= 1
          position -= 1
          let note = block.note(position)
          guard clock.isOver(note, now: now) else { continue }
          forget(note)
          block.remove(position, key)
        }
      }
      sweepPeers = .max
      sweepV6.toggle()
      if !sweepV6 { return true }
    }
  }

  /// Gives back the memory that a swarm no longer needs.
  private mutating func tidy(_ slot: SwarmSlot) {
    let v4 = block(slot, isV6: false)
    let v6 = block(slot, isV6: true)
    let (countV4, countV6) = (v4?.count ?? 0, v6?.count ?? 0)
    if countV6 == 0 && countV4 <= 2 || countV4 + countV6 <= 1 || countV4 == 1 && countV6 == 1 {
      // One less than fits: who comes next does not push them out again at once.
      let peers = [v4, v6].flatMap { block in
        (0..<(block?.count ?? 0)).compactMap { position in
          block.map { SwarmPeer(address: $0.address(position), note: $0.note(position)) }
        }
      }
      for isV6 in [false, true] { freeBlock(slot, isV6: isV6) }
      slot.endBlocks()
      for peer in peers { _ = slot.addInline(peer) }
      return
    }
    for (isV6, block) in [(false, v4), (true, v6)] {
      guard let block else { continue }
      if block.count == 0 {
        freeBlock(slot, isV6: isV6)
      } else if block.count < block.capacity / 2 {
        let room = block.count + block.count / 8
        let kind = UInt8(blocks.classes.fitting(room, isV6: isV6))
        if slot.block(isV6: isV6)?.kind != kind { replaceBlock(slot, isV6: isV6, room: room) }
      }
    }
  }
}
