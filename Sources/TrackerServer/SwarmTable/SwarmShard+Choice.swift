extension SwarmShard {
  /// Appends up to `wanted` peers to the reply, each that may be returned as likely as the others; never
  /// the asker, which may stand somewhere in its family's block, and leeches only for one that needs no seeds.
  func choose(
    from slot: SwarmSlot, for asker: PeerAddress, at position: Int?, leechesOnly: Bool,
    _ families: PeerFamilies, _ wanted: Int, _ dice: inout Dice, into reply: inout SwarmReply
  ) {
    guard wanted > 0 else { return }
    guard slot.hasBlocks else {
      chooseInline(slot, asker, leechesOnly, families, wanted, &dice, &reply)
      return
    }
    let v4 = Candidates(
      families == .v6 ? nil : block(slot, isV6: false), skipping: asker.isV6 ? nil : position,
      leechesOnly: leechesOnly)
    let v6 = Candidates(
      families == .v4 ? nil : block(slot, isV6: true), skipping: asker.isV6 ? position : nil,
      leechesOnly: leechesOnly)
    let total = v4.count + v6.count
    guard total > wanted else {
      v4.append(v4.count, &dice, to: &reply)
      v6.append(v6.count, &dice, to: &reply)
      return
    }
    // Each family gets its share; what is left of a peer goes to one of them by its odds.
    let (share, odds) = (wanted * v4.count).quotientAndRemainder(dividingBy: total)
    let fromV4 = share + (dice.below(total) < odds ? 1 : 0)
    v4.append(fromV4, &dice, to: &reply)
    v6.append(wanted - fromV4, &dice, to: &reply)
  }

  private func chooseInline(
    _ slot: SwarmSlot, _ asker: PeerAddress, _ leechesOnly: Bool, _ families: PeerFamilies, _ wanted: Int,
    _ dice: inout Dice, _ reply: inout SwarmReply
  ) {
    let count = slot.inlineCount
    func mayBeGiven(_ index: Int) -> Bool {
      let peer = slot.inline(index)
      return peer.address != asker && !(leechesOnly && peer.note.isSeed)
        && families.contains(isV6: peer.address.isV6)
    }
    var open = 0
    for index in 0..<count where mayBeGiven(index) { open += 1 }
    var left = min(wanted, open)
    // Each of those that are left is taken by the odds that it must be.
    for index in 0..<count where left > 0 && mayBeGiven(index) {
      if open == left || dice.below(open) < left {
        let isV6 = slot.inline(index).address.isV6
        unsafe slot.withAddress(index) { unsafe reply.append($0, isV6: isV6) }
        left -= 1
      }
      open -= 1
    }
  }
}

/// The peers of a block that may be returned: a range, but for the asker.
private struct Candidates {
  let block: PeerBlock?
  /// Positions; without the asker's they are a ring of `count`.
  let range: Range<Int>
  let skipped: Int?

  init(_ block: PeerBlock?, skipping position: Int?, leechesOnly: Bool) {
    self.block = block
    range = block.map { (leechesOnly ? $0.seeds : 0)..<$0.count } ?? 0..<0
    skipped = position.flatMap { [range] in range.contains($0) ? $0 : nil }
  }

  var count: Int { range.count - (skipped == nil ? 0 : 1) }

  /// Appends a random window of `wanted` peers: at most four copies.
  func append(_ wanted: Int, _ dice: inout Dice, to reply: inout SwarmReply) {
    guard wanted > 0 else { return }
    let start = dice.below(count)
    copy(start..<min(start + wanted, count), &reply)
    if start + wanted > count { copy(0..<start + wanted - count, &reply) }
  }

  /// Copies a stretch of the ring, around the asker if it lies in it.
  private func copy(_ stretch: Range<Int>, _ reply: inout SwarmReply) {
    let from = range.lowerBound + stretch.lowerBound
    let to = range.lowerBound + stretch.upperBound
    guard let skipped, skipped < to else { return copy(positions: from..<to, &reply) }
    if skipped > from {
      copy(positions: from..<skipped, &reply)
      copy(positions: skipped + 1..<to + 1, &reply)
    } else {
      copy(positions: from + 1..<to + 1, &reply)
    }
  }

  private func copy(positions: Range<Int>, _ reply: inout SwarmReply) {
    guard let block, !positions.isEmpty else { return }
    unsafe block.withAddresses(positions) { unsafe reply.append($0, isV6: block.isV6) }
  }
}
