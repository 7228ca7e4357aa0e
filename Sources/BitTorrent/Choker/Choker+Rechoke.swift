import EventLoop

extension Choker {
  /// One round: who is unchoked for the next ten seconds. O(peers × log peers).
  ///
  /// - Parameters:
  ///   - peers: all connected peers.
  ///   - now: the present.
  ///   - slots: how many to unchoke; see `UploadSlots`.
  ///   - isSeeding: whether we have all that we want.
  /// - Returns: whom to choke and unchoke; who is in neither list stays as it is.
  mutating func rechoke(peers: [ChokerPeer], now: Instant, slots: Int, isSeeding: Bool) -> Decisions {
    for peer in peers { records[peer.slot.index].isInterested = peer.isInterested }
    let interested = peers.filter(\.isInterested)
    let chosen =
      isSeeding
      ? turns(interested, now: now, slots: slots) : reciprocation(interested, now: now, slots: slots)
    var isChosen = [Bool](repeating: false, count: records.count)
    for peer in chosen { isChosen[peer.slot.index] = true }
    var decisions = Decisions()
    for peer in peers where records[peer.slot.index].isUnchoked && !isChosen[peer.slot.index] {
      decisions.choke.append(peer.slot)
      records[peer.slot.index].isUnchoked = false
      records[peer.slot.index].changed = now
      records[peer.slot.index].optimistic = nil
    }
    for peer in chosen where !records[peer.slot.index].isUnchoked {
      decisions.unchoke.append(peer.slot)
      unchoke(peer, now: now)
    }
    return decisions
  }

  /// Tit-for-tat: those who send most, then optimistic slots for the rest.
  private mutating func reciprocation(_ interested: [ChokerPeer], now: Instant, slots: Int) -> [ChokerPeer] {
    let optimisticSlots = max(slots / Self.slotsPerOptimistic, 1)
    let givers = interested.filter { $0.downloadRate > 0 && !$0.isSnubbed }
    var chosen = [ChokerPeer](
      givers.sorted { isBetter($0, $1) }.prefix(max(slots - optimisticSlots, 0)))
    for peer in chosen { records[peer.slot.index].optimistic = nil }
    var isRegular = [Bool](repeating: false, count: records.count)
    for peer in chosen { isRegular[peer.slot.index] = true }
    var waiting: [ChokerPeer] = []
    var expired: [ChokerPeer] = []
    var places = slots - chosen.count
    for peer in interested where !isRegular[peer.slot.index] {
      let record = records[peer.slot.index]
      guard record.isUnchoked else {
        waiting.append(peer)
        continue
      }
      if let since = record.optimistic, now.seconds(since: since) < Self.optimisticSeconds, places > 0 {
        chosen.append(peer)
        places -= 1
      } else {
        expired.append(peer)
      }
    }
    // The snubbed wait for what nobody else wants.
    for isSnubbed in [false, true] {
      places -= draw(waiting.filter { $0.isSnubbed == isSnubbed }, places, now, into: &chosen)
      places -= draw(expired.filter { $0.isSnubbed == isSnubbed }, places, now, into: &chosen)
    }
    return chosen
  }

  private func isBetter(_ one: ChokerPeer, _ other: ChokerPeer) -> Bool {
    if one.downloadRate != other.downloadRate { return one.downloadRate > other.downloadRate }
    let (isFirst, isSecond) = (isUnchoked(one.slot), isUnchoked(other.slot))
    return isFirst != isSecond ? isFirst : one.slot.rawValue < other.slot.rawValue
  }

  /// Draws up to `places` of `candidates` for an optimistic slot; how many. Of two that are drawn, new peers
  /// being likelier, the one with fewer pieces gets it: it has more use for it, and who has got less so far
  /// catches up.
  private mutating func draw(
    _ candidates: [ChokerPeer], _ places: Int, _ now: Instant, into chosen: inout [ChokerPeer]
  ) -> Int {
    var rest = candidates
    var drawn = 0
    while drawn < places, !rest.isEmpty {
      let weights = rest.map { peer in
        now.seconds(since: records[peer.slot.index].joined) < Self.newPeerSeconds ? Self.newPeerWeight : 1
      }
      let (one, other) = (drawOne(weights), drawOne(weights))
      let index = rest[other].pieces < rest[one].pieces ? other : one
      records[rest[index].slot.index].optimistic = now
      chosen.append(rest.remove(at: index))
      drawn += 1
    }
    return drawn
  }

  private mutating func drawOne(_ weights: [Int]) -> Int {
    var number = generator.number(below: weights.reduce(0, +))
    var index = 0
    while number >= weights[index] {
      number -= weights[index]
      index += 1
    }
    return index
  }

  /// Seeding: whoever has a turn keeps it to its end, then come those who wait, the longest first, then
  /// those who had a turn, the fastest first.
  private func turns(_ interested: [ChokerPeer], now: Instant, slots: Int) -> [ChokerPeer] {
    let serving = interested.filter { isUnchoked($0.slot) && !hadTurn($0, now) }
    let waiting = interested.filter { !isUnchoked($0.slot) }
    let done = interested.filter { isUnchoked($0.slot) && hadTurn($0, now) }
    let order =
      serving.sorted { isFaster($0, $1) }
      + waiting.sorted { one, other in
        let (first, second) = (records[one.slot.index].changed, records[other.slot.index].changed)
        return first != second ? first < second : isFaster(one, other)
      }
      + done.sorted { isFaster($0, $1) }
    return [ChokerPeer](order.prefix(max(slots, 0)))
  }

  private func hadTurn(_ peer: ChokerPeer, _ now: Instant) -> Bool {
    let record = records[peer.slot.index]
    let seconds = now.seconds(since: record.changed)
    let bytes = peer.uploaded - record.uploadedBefore
    return bytes >= quota || seconds >= Self.turnSeconds || (bytes == 0 && seconds >= Self.idleSeconds)
  }

  private func isFaster(_ one: ChokerPeer, _ other: ChokerPeer) -> Bool {
    one.uploadRate != other.uploadRate
      ? one.uploadRate > other.uploadRate : one.slot.rawValue < other.slot.rawValue
  }
}
