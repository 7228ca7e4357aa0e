import Bytes
import EventLoop

@testable import BitTorrent

// What to ask for, and what comes of it: `Torrent+Requests`, `Torrent+Blocks` and `Torrent+Pieces`.
extension SimulatedPeer {
  func fillRequests(_ peer: SimulatedConnection) {
    guard peer.isOpen, peer.isInterested, !isSeeding else { return }
    if peer.peerIsChoking, peer.allowedFast.isEmpty { return }
    let depth = peer.window.depth
    let outstanding = picker.outstanding(peer.slot)
    let room = depth - outstanding
    guard room > 0, outstanding == 0 || room * 4 >= depth else { return }
    picker.options.maximumOpenPieces = max(1, (64 << 20) / swarm.geometry.pieceLength)
    blocksToPick.removeAll(keepingCapacity: true)
    picker.pick(
      room, for: peer.slot, has: peer.has, allowedFast: peer.peerIsChoking ? peer.allowedFast : nil,
      suggested: peer.suggested, into: &blocksToPick)
    guard !blocksToPick.isEmpty else { return }
    if outstanding == 0 { peer.lastBlock = now }
    peer.asked.add(blocksToPick.count, at: now)
    for block in blocksToPick { send(.request, to: peer, piece: block.piece, index: block.index) }
  }

  func fillAll() { forEachPeer { fillRequests($0) } }

  func rejected(_ block: Block, by peer: SimulatedConnection) {
    guard picker.released(block, by: peer.slot) else { return }
    _ = peer.asked.answered()
    peer.allowedFast.removeAll { $0 == block.piece }
  }

  func releaseAll(_ peer: SimulatedConnection) {
    peer.late += picker.outstanding(peer.slot)
    picker.dropAll(of: peer.slot)
    peer.asked.clear()
  }

  func snub(_ peer: SimulatedConnection) {
    peer.isSnubbed = true
    peer.window.isSnubbed = true
    peer.lastBlock = now
    releaseAll(peer)
    fillAll()
  }

  // MARK: Blocks

  func arrived(_ block: Block, from peer: SimulatedConnection) {
    peer.downloaded += Int64(Block.size)
    peer.down.add(Block.size, now: now)
    received += 1
    guard picker.slot(of: block) != nil else {
      duplicates += 1
      peer.late = max(0, peer.late - 1)
      fillRequests(peer)
      return
    }
    peer.lastBlock = now
    others.removeAll(keepingCapacity: true)
    let receipt = picker.received(block, from: peer.slot, wasAsked: peer.late > 0, others: &others)
    peer.late = max(0, peer.late - 1)
    switch receipt {
    case .needed, .completesPiece:
      peer.isSnubbed = false
      peer.window.isSnubbed = false
      peer.window.received(Block.size, requested: peer.asked.answered() ?? now, now: now)
      if swarm.hasLiars, let other = peer.other {
        senders[Int(block.piece), default: [:]][block.index] = other.owner.number
      }
      for slot in others {
        connections[slot.index].map { send(.cancel, to: $0, piece: block.piece, index: block.index) }
      }
      if receipt == .completesPiece {
        piecesInDisk += 1
        swarm.plan(.written, after: Swarm.writeSeconds, number, piece: block.piece)
      }
    case .duplicate, .unrequested: duplicates += 1
    }
    fillRequests(peer)
  }

  // MARK: Pieces

  func written(_ piece: Int) {
    piecesInDisk -= 1
    if passes(piece) {
      picker.pieceVerified(piece)
      epoch.add(piece)
      if have.count - picker.have.ones == 1 { almost = swarm.seconds }
      forEachPeer { peer in
        if peer.isInterested, peer.has[piece] { updateInterest(peer) }
      }
    } else {
      failedPieces += 1
      picker.pieceFailed(piece)
    }
    fillAll()
    epochIfDue()
  }

  /// Whether the piece is what it should be; who lied is banned as `Torrent+Disputes` does.
  private func passes(_ piece: Int) -> Bool {
    guard swarm.hasLiars else { return true }
    let authors = Set((senders.removeValue(forKey: piece) ?? [:]).values)
    let isRight = !authors.contains { swarm.peers[$0].member.character == .liar }
    if isRight {
      for author in (suspects.removeValue(forKey: piece) ?? []).sorted()
      where swarm.peers[author].member.character == .liar {
        ban(author)
      }
    } else if authors.count == 1 {
      authors.forEach(ban)
    } else {
      suspects[piece, default: []].formUnion(authors)
    }
    return isRight
  }

  private func ban(_ author: Int) {
    banned.insert(author)
    forEachPeer { peer in if peer.other?.owner.number == author { close(peer) } }
  }

  func epochIfDue() {
    let pieces = epoch.begin(now: now, atOnce: picker.isDone && piecesInDisk == 0)
    guard !pieces.isEmpty else {
      if let delay = epoch.delay(now: now) { swarm.plan(.epoch, after: delay, number) }
      return
    }
    syncing = pieces
    swarm.plan(.synced, after: Swarm.syncSeconds, number)
  }

  func synced() {
    epoch.end(now: now)
    for piece in syncing { have[piece] = true }
    forEachPeer { peer in
      for piece in syncing where !peer.has[piece] || peer.has.isFull {
        send(.have, to: peer, piece: Int32(piece))
      }
    }
    syncing = []
    completeIfDone()
    epochIfDue()
  }

  private func completeIfDone() {
    guard !isSeeding, picker.isDone, piecesInDisk == 0, epoch.isIdle else { return }
    isSeeding = true
    finished = swarm.seconds
    swarm.finished(self)
    forEachPeer { peer in
      setInterested(false, peer)
      if peer.has.isFull { close(peer) }
    }
    rechoke()
    if member.stay == .untilComplete { leave() }
  }

  // MARK: Time

  /// As `Torrent.tick`, twice a second.
  func tick() {
    guard isPresent else { return }
    swarm.plan(.tick, after: 0.5, number)
    for case let peer? in connections where peer.isOpen {
      if picker.outstanding(peer.slot) > 0, now.seconds(since: peer.lastBlock) > peer.patience {
        snub(peer)
      } else if peer.isInterested, picker.outstanding(peer.slot) == 0 {
        fillRequests(peer)
      }
    }
    forEachPeer { if !$0.isChoking { $0.slotUse.note(isServed: $0.isServed, now: now) } }
    guard now.seconds(since: lastSecond) >= 1 else { return }
    lastSecond = now
    rechokeIfDue()
    connectMore()
    var deliverers = 0
    forEachPeer { deliverers += $0.isInterested && !$0.peerIsChoking ? 1 : 0 }
    forEachPeer { peer in
      peer.window.isOneOfSeveral = deliverers >= 4
      picker.measured(peer.slot, rate: peer.down.rate(now: now), isSnubbed: peer.isSnubbed)
    }
    if let interval = swarm.scenario.announceInterval, swarm.seconds - lastAnnounce > interval {
      swarm.announce(self)
      connectMore()
    }
    if !isSeeding, connectionCount < 5, swarm.seconds - lastAnnounce > 60 { swarm.announce(self) }
  }
}
