import TrackerProtocol

extension SwarmShard {
  /// Whether the table has room for one more of each.
  struct Room {
    var torrent: Bool
    var peer: Bool
  }

  /// Enters or takes out the asker, then fills `reply`. O(1), plus a copy of the peers returned.
  mutating func announce(
    _ words: HashWords, _ hash: UInt64, _ asker: PeerAddress, _ announce: SwarmAnnounce, room: Room,
    now: UInt32, dice: inout Dice, into reply: inout SwarmReply
  ) throws(SwarmRefusal) {
    reply.reset()
    let (index, isFound) = find(words, hash)
    if announce.event == .stopped {
      guard isFound else { return }
      let slot = slot(index)
      take(asker, from: slot, now)
      reply.counts = counts(slot)
      return
    }
    guard isFound || room.torrent else { throw .tooManyTorrents }
    let slot = isFound ? slot(index) : enter(words, hash)
    slot.lastSeen = now
    let note = PeerNote(now: now, isSeed: announce.isSeed, isPaused: announce.event == .paused)
    let wasSeed = put(asker, note, into: slot, room, now)
    // A peer that says so again and again, or that was a seed before, completes nothing.
    if announce.event == .completed, announce.isSeed, !wasSeed, slot.downloaded < .max {
      slot.downloaded += 1
    }
    reply.counts = counts(slot)
    let leechesOnly = announce.isSeed || note.isPaused
    choose(
      from: slot, for: asker, leechesOnly: leechesOnly, announce.families, announce.wanted, &dice,
      into: &reply)
  }

  /// Takes a peer out, if it is there.
  private mutating func take(_ address: PeerAddress, from slot: SwarmSlot, _ now: UInt32) {
    if slot.state == .inline {
      removeInline(slot) { $0.address == address }
    } else if let block = slot.block(isV6: address.isV6), let position = block.position(address, key) {
      forget(block.note(position))
      block.remove(position, key)
    }
  }

  /// Enters or renews a peer; whether it was there as a seed.
  private mutating func put(
    _ address: PeerAddress, _ note: PeerNote, into slot: SwarmSlot, _ room: Room, _ now: UInt32
  ) -> Bool {
    if slot.state == .inline {
      let lifetime = limits.peerLifetime
      let old = slot.inline.first { $0.address == address }
      let isNew = old == nil
      let wasSeed = old?.note.isSeed == true
      // Peers that are forgotten anyway need not push others into blocks.
      removeInline(slot) { $0.address == address || $0.note.age(now: now) > lifetime }
      var peers = slot.inline
      guard !isNew || room.peer && peers.count < limits.peersPerTorrent else { return false }
      remember(note)
      if peers.add(InlinePeers.Peer(address: address, note: note)) {
        slot.inline = peers
      } else {
        slot.spill(key)
        slot.insert(address, note, key)
      }
      return wasSeed
    }
    if let block = slot.block(isV6: address.isV6), let position = block.position(address, key) {
      let old = block.note(position)
      forget(old)
      remember(note)
      _ = block.update(position, note, key)
      return old.isSeed
    }
    guard room.peer, population(slot) < limits.peersPerTorrent else { return false }
    remember(note)
    slot.insert(address, note, key)
    return false
  }

  mutating func removeInline(_ slot: SwarmSlot, where isGone: (InlinePeers.Peer) -> Bool) {
    var peers = slot.inline
    for peer in peers where isGone(peer) { forget(peer.note) }
    peers.remove(where: isGone)
    slot.inline = peers
  }

  /// Peers of a slot, of both families and kinds.
  func population(_ slot: SwarmSlot) -> Int {
    guard slot.state == .blocks else { return slot.inline.count }
    return (slot.block(isV6: false)?.count ?? 0) + (slot.block(isV6: true)?.count ?? 0)
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
