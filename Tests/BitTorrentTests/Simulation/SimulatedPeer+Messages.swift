import Bytes
import EventLoop

@testable import BitTorrent

// What each message does: `PeerConnection+Messages`, `Torrent+Requests` and `Torrent+Choking`.
extension SimulatedPeer {
  func handle(_ event: SimulatedEvent, _ peer: SimulatedConnection) {
    let block = Block(piece: event.piece, index: event.index)
    switch event.kind {
    case .described: describes(peer)
    case .have: gained(peer, Int(event.piece))
    case .choke:
      peer.peerIsChoking = true
      peer.suggested.removeAll(keepingCapacity: true)
    case .unchoke:
      peer.peerIsChoking = false
      peer.lastBlock = now
      fillRequests(peer)
    case .interested: interested(peer, true)
    case .notInterested: interested(peer, false)
    case .request: requested(block, by: peer)
    case .cancel: cancelled(block, by: peer)
    case .reject: rejected(block, by: peer)
    case .allowedFast:
      peer.allowedFast.append(event.piece)
      if peer.peerIsChoking { fillRequests(peer) }
    case .suggest: suggested(Int(event.piece), by: peer)
    case .block: arrived(block, from: peer)
    case .closed: closed(peer)
    default: break
    }
  }

  func sendOpening(_ peer: SimulatedConnection) {
    send(.described, to: peer)
    guard member.uploads else { return }
    // BEP 6's set depends on the peer's address: at random, but always the same for one peer.
    var generator = SeededGenerator(seed: UInt64(peer.other?.owner.number ?? 0))
    let count = min(Swarm.allowedFastCount, have.count)
    while peer.uploadAllowed.count < count {
      let piece = Int32(generator.number(below: have.count))
      if !peer.uploadAllowed.contains(piece) { peer.uploadAllowed.append(piece) }
    }
    peer.uploadAllowed.removeAll { picker.availability(Int($0)) * 2 < connectionCount }
    for piece in peer.uploadAllowed where have[Int(piece)] { send(.allowedFast, to: peer, piece: piece) }
  }

  // MARK: What peers have

  private func describes(_ peer: SimulatedConnection) {
    // What it had when it greeted, and what it got since: its haves of that time are on their way too.
    let field = peer.other?.owner.have ?? peer.has
    picker.leave(peer.slot, has: peer.has)
    peer.has = field
    picker.join(peer.slot, has: field)
    if closeIfUseless(peer) { return }
    updateInterest(peer)
  }

  private func gained(_ peer: SimulatedConnection, _ piece: Int) {
    guard !peer.has[piece] else { return }
    peer.has[piece] = true
    picker.peerGained(piece, peer.slot)
    if closeIfUseless(peer) { return }
    if suggestions.gained(piece, peer.slot) { suggest(to: peer) }
    if !peer.isInterested { updateInterest(peer) }
    if peer.isInterested, picker.outstanding(peer.slot) == 0 { fillRequests(peer) }
  }

  func closeIfUseless(_ peer: SimulatedConnection) -> Bool {
    guard peer.has.isFull, isSeeding else { return false }
    close(peer)
    return true
  }

  func updateInterest(_ peer: SimulatedConnection) {
    setInterested(!isSeeding && InterestCount(has: peer.has, missing: picker.missing).isInterested, peer)
  }

  func setInterested(_ interested: Bool, _ peer: SimulatedConnection) {
    guard interested != peer.isInterested else { return }
    peer.isInterested = interested
    send(interested ? .interested : .notInterested, to: peer)
    if interested { peer.lastBlock = now }
  }

  // MARK: Choking

  /// Free riders give nobody a slot.
  var uploadSlots: Int {
    !member.uploads ? 0 : UploadSlots.count(rate: bestUpRate) + 2 * idleSlots
  }

  /// As `Torrent.rechokeIfDue`, once a second.
  func rechokeIfDue() {
    bestUpRate = max(bestUpRate * 0.99, up.rate(now: now))
    idleSlots = 0
    var somebodyWaits = false
    let patience = UploadSlots.patience(rate: bestUpRate)
    forEachPeer { peer in
      if peer.isChoking {
        somebodyWaits = somebodyWaits || peer.peerIsInterested
      } else if peer.slotUse.isIdle(patience: patience, now: now) {
        idleSlots += 1
      }
    }
    let hasMore = uploadSlots > lastSlots
    lastSlots = uploadSlots
    let isDue = now.seconds(since: lastRechoke) >= Choker.round
    if isDue || ((hasMore || idleSlots > 0) && somebodyWaits) { rechoke() }
  }

  func rechoke() {
    lastRechoke = now
    chokerPeers.removeAll(keepingCapacity: true)
    forEachPeer { chokerPeers.append($0.chokerView(now: now)) }
    let decisions = choker.rechoke(peers: chokerPeers, now: now, slots: uploadSlots, isSeeding: isSeeding)
    for slot in decisions.choke { connections[slot.index].map { setChoking(true, $0) } }
    for slot in decisions.unchoke { connections[slot.index].map { setChoking(false, $0) } }
  }

  private func interested(_ peer: SimulatedConnection, _ interested: Bool) {
    guard interested != peer.peerIsInterested else { return }
    peer.peerIsInterested = interested
    if interested {
      let view = peer.chokerView(now: now)
      if choker.becameInterested(view, now: now, slots: uploadSlots) { setChoking(false, peer) }
    } else {
      choker.lostInterest(peer.slot)
      if !peer.isChoking { rechoke() }
    }
  }

  private func setChoking(_ choking: Bool, _ peer: SimulatedConnection) {
    guard choking != peer.isChoking else { return }
    peer.isChoking = choking
    peer.slotUse = SlotUse()
    // Suggestions first, so that the first requests follow them.
    if choking { suggestions.withdrawn(peer.slot) } else { suggest(to: peer) }
    send(choking ? .choke : .unchoke, to: peer)
    if choking { dropUploads(of: peer) }
  }

  // MARK: Suggestions

  func suggest(to peer: SimulatedConnection) {
    guard isSeeding, !peer.isChoking else { return }
    while let piece = suggestions.next(
      for: peer.slot, has: peer.has, availability: { picker.availability($0) })
    {
      send(.suggest, to: peer, piece: Int32(piece))
    }
  }

  private func suggested(_ piece: Int, by peer: SimulatedConnection) {
    guard !picker.have[piece] else { return }
    if peer.suggested.count >= 16 { peer.suggested.removeFirst() }
    peer.suggested.append(Int32(piece))
  }
}
