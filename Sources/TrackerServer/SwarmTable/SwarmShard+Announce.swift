import TrackerProtocol

extension SwarmShard {
  /// What the table has room for.
  struct Room {
    enum Torrents {
      case open
      /// Those that come a second time.
      case narrow
      case none
    }

    var torrents: Torrents
    var peer: Bool
  }

  /// Enters or takes out the asker, then fills `reply`. O(1), plus a copy of the peers returned.
  mutating func announce(
    _ words: HashWords, _ hash: UInt64, _ asker: PeerAddress, _ announce: SwarmAnnounce, room: Room,
    now: UInt32, dice: inout Dice, into reply: inout SwarmReply
  ) throws(SwarmRefusal) {
    reply.reset()
    let now = advance(now)
    var found = find(words, hash).map { slot($0) }
    if announce.event == .stopped {
      guard let slot = found else { return }
      take(asker, from: slot)
      slot.touch(now)
      reply.counts = counts(slot)
      return
    }
    if found == nil { found = try admit(words, hash, room, now) }
    guard let slot = found else {
      reply.counts = SwarmCounts(
        seeds: announce.isSeed ? 1 : 0, leeches: announce.isSeed ? 0 : 1,
        downloaders: announce.isSeed || announce.event == .paused ? 0 : 1)
      reply.isProvisional = true
      return
    }
    slot.touch(now)
    let position = put(asker, announce, into: slot, room, now)
    reply.counts = counts(slot)
    let leechesOnly = announce.isSeed || announce.event == .paused
    choose(
      from: slot, for: asker, at: position, leechesOnly: leechesOnly, announce.families, announce.wanted,
      &dice, into: &reply)
  }

  /// A slot for a torrent that is new; `nil` if it must come again first.
  private mutating func admit(
    _ words: HashWords, _ hash: UInt64, _ room: Room, _ now: UInt32
  ) throws(SwarmRefusal) -> SwarmSlot? {
    if room.torrents != .open {
      guard sightings.sees(hash, now: now) else { return nil }
      guard room.torrents == .narrow else { throw .tooManyTorrents }
    }
    guard let slot = enter(words, hash) else { throw .tooManyTorrents }
    return slot
  }

  /// Where a peer stands, in the slot or in its family's block.
  func locate(_ address: PeerAddress, in slot: SwarmSlot) -> (position: Int, note: PeerNote)? {
    guard slot.hasBlocks else {
      for index in 0..<slot.inlineCount {
        let peer = slot.inline(index)
        if peer.address == address { return (index, peer.note) }
      }
      return nil
    }
    guard let block = block(slot, isV6: address.isV6), let position = block.position(address, key) else {
      return nil
    }
    return (position, block.note(position))
  }

  /// Takes a peer out, if it is there.
  private mutating func take(_ address: PeerAddress, from slot: SwarmSlot) {
    guard let (position, note) = locate(address, in: slot) else { return }
    forget(note)
    if slot.hasBlocks {
      block(slot, isV6: address.isV6)?.remove(position, key)
    } else {
      slot.removeInline(position)
    }
  }

  /// Enters or renews a peer, if there is room for it; where it stands in its block, if it is in one.
  private mutating func put(
    _ address: PeerAddress, _ announce: SwarmAnnounce, into slot: SwarmSlot, _ room: Room, _ now: UInt32
  ) -> Int? {
    let old = locate(address, in: slot)
    let wasSeed = old?.note.isSeed == true
    let hadCompleted = old?.note.hasCompleted == true
    // A peer that says so again and again, or that was a seed before, completes nothing.
    let completes = announce.event == .completed && announce.isSeed && !wasSeed && !hadCompleted
    let note = PeerNote(
      tick: clock.tick(now), isSeed: announce.isSeed, isPaused: announce.event == .paused,
      hasCompleted: hadCompleted || completes)
    var position: Int?
    if let old {
      forget(old.note)
      remember(note)
      if slot.hasBlocks {
        position = block(slot, isV6: address.isV6)?.update(old.position, note, key)
      } else {
        slot.setInline(old.position, note)
      }
    } else {
      guard room.peer, population(slot) < limits.peersPerTorrent else { return nil }
      position = add(SwarmPeer(address: address, note: note), to: slot, now)
    }
    if completes, slot.downloaded < .max { slot.downloaded += 1 }
    return position
  }

  /// Enters a peer that is not there; where it stands in its block, if it is in one.
  private mutating func add(_ peer: SwarmPeer, to slot: SwarmSlot, _ now: UInt32) -> Int? {
    remember(peer.note)
    if !slot.hasBlocks {
      if slot.addInline(peer) { return nil }
      // Peers that are forgotten anyway need not push others into blocks.
      let clock = clock
      removeInline(slot) { clock.isOver($0.note, now: now) }
      if slot.addInline(peer) { return nil }
      spill(slot)
    }
    return insert(peer, into: slot)
  }

  mutating func removeInline(_ slot: SwarmSlot, where isGone: (SwarmPeer) -> Bool) {
    for index in (0..<slot.inlineCount).reversed() {
      let peer = slot.inline(index)
      guard isGone(peer) else { continue }
      forget(peer.note)
      slot.removeInline(index)
    }
  }

  mutating func remember(_ note: PeerNote) {
    peers += 1
    if note.isSeed { seeds += 1 }
  }

  mutating func forget(_ note: PeerNote) {
    peers -= 1
    if note.isSeed { seeds -= 1 }
  }
}
