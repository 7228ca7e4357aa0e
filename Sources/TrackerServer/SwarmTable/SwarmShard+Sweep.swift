extension SwarmShard {
  /// Forgets what is older than its lifetime, from where the last call stopped. Looks at about `budget`
  /// slots and peers; true once it has been through the whole shard. `isRoomy` says that torrents
  /// without peers may be remembered for their counts.
  mutating func sweep(budget: Int, isRoomy: Bool, now: UInt32) -> Bool {
    var left = budget
    while swept < capacity {
      guard left > 0 else { return false }
      left -= 1
      if sweepSlot >= capacity { sweepSlot = 0 }
      let slot = slot(sweepSlot)
      switch slot.state {
      case .free: break
      case .inline:
        let lifetime = limits.peerLifetime
        removeInline(slot) { $0.note.age(now: now) > lifetime }
      case .blocks:
        guard sweepBlocks(slot, &left, now) else { return false }
        tidy(slot)
      }
      if slot.state == .inline, slot.inline.count == 0 {
        let isWorthKeeping = slot.downloaded > 0 && now &- slot.lastSeen <= limits.torrentLifetime
        if !(isWorthKeeping && isRoomy) {
          leave(sweepSlot)
          // Another torrent may have moved into the slot.
          swept += slot.state == .free ? 1 : 0
          sweepSlot += slot.state == .free ? 1 : 0
          continue
        }
      }
      sweepSlot += 1
      swept += 1
    }
    (sweepSlot, swept) = (0, 0)
    return true
  }

  /// Goes through the peers of a slot from the back; false if the budget ended before they did.
  private mutating func sweepBlocks(_ slot: SwarmSlot, _ left: inout Int, _ now: UInt32) -> Bool {
    while true {
      if let block = slot.block(isV6: sweepV6) {
        var position = min(sweepPeers, block.count)
        while position > 0 {
          guard left > 0 else {
            sweepPeers = position
            return false
          }
          left -= 1
          position -= 1
          let note = block.note(position)
          guard note.age(now: now) > limits.peerLifetime else { continue }
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
  private func tidy(_ slot: SwarmSlot) {
    if population(slot) <= 2 {
      var peers = InlinePeers()
      var fits = true
      for isV6 in [false, true] {
        guard let block = slot.block(isV6: isV6) else { continue }
        for position in 0..<block.count {
          let peer = InlinePeers.Peer(address: block.address(position), note: block.note(position))
          fits = peers.add(peer) && fits
        }
      }
      if fits {
        slot.freeBlocks()
        slot.state = .inline
        slot.inline = peers
        return
      }
    }
    for isV6 in [false, true] {
      guard let block = slot.block(isV6: isV6) else { continue }
      if block.count == 0 {
        block.free()
        slot.setBlock(nil, isV6: isV6)
      } else {
        slot.setBlock(block.trimmed(key), isV6: isV6)
      }
    }
  }
}
