extension SwarmShard {
  /// Appends up to `wanted` peers to the reply, each that may be returned as likely as the others; never
  /// the asker, and leeches only for one that needs no seeds.
  func choose(
    from slot: SwarmSlot, for asker: PeerAddress, leechesOnly: Bool, _ families: PeerFamilies, _ wanted: Int,
    _ dice: inout Dice, into reply: inout SwarmReply
  ) {
    guard wanted > 0 else { return }
    guard slot.state == .blocks else {
      chooseInline(slot.inline, asker, leechesOnly, families, wanted, &dice, &reply)
      return
    }
    let v4 = Candidates(
      families == .v6 ? nil : slot.block(isV6: false), asker: asker, leechesOnly: leechesOnly, key)
    let v6 = Candidates(
      families == .v4 ? nil : slot.block(isV6: true), asker: asker, leechesOnly: leechesOnly, key)
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
    _ peers: InlinePeers, _ asker: PeerAddress, _ leechesOnly: Bool, _ families: PeerFamilies, _ wanted: Int,
    _ dice: inout Dice, _ reply: inout SwarmReply
  ) {
    var chosen = peers
    chosen.remove {
      $0.address == asker || leechesOnly && $0.note.isSeed || !families.contains(isV6: $0.address.isV6)
    }
    if wanted < chosen.count, dice.below(2) == 1 { chosen.first = chosen.second }
    if wanted < chosen.count { chosen.second = nil }
    for peer in chosen {
      unsafe withUnsafeTemporaryAllocation(byteCount: PeerAddress.sizeV6, alignment: 8) { bytes in
        guard let base = bytes.baseAddress else { return }
        unsafe peer.address.store(to: base)
        unsafe reply.append(
          UnsafeRawBufferPointer(start: base, count: peer.address.size), isV6: peer.address.isV6)
      }
    }
  }
}

/// The peers of a block that may be returned: a range, but for the asker.
private struct Candidates {
  let block: PeerBlock?
  /// Positions; without the asker's they are a ring of `count`.
  let range: Range<Int>
  let skipped: Int?

  init(_ block: PeerBlock?, asker: PeerAddress, leechesOnly: Bool, _ key: TableKey) {
    self.block = block
    range = block.map { (leechesOnly ? $0.seeds : 0)..<$0.count } ?? 0..<0
    let position = block.flatMap { $0.isV6 == asker.isV6 ? $0.position(asker, key) : nil }
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
