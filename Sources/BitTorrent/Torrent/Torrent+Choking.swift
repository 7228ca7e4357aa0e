import EventLoop

// Whom to upload to: the rounds of the choker, and what happens between them.
extension Torrent {
  /// Peers to upload to at once, by what the link has shown that it carries.
  private var uploadSlots: Int { UploadSlots.count(rate: bestUpRate) }

  /// The choker's round, if it is time for one.
  func rechokeIfDue(on loop: isolated Loop) {
    bestUpRate = max(bestUpRate * 0.99, up.rate(now: loop.now))
    if loop.now.seconds(since: lastRechoke) >= Choker.round { rechoke(on: loop) }
  }

  /// Decides anew who is unchoked.
  func rechoke(on loop: isolated Loop) {
    let now = loop.now
    lastRechoke = now
    chokerPeers.removeAll(keepingCapacity: true)
    forEachPeer { chokerPeers.append($0.chokerView(now: now)) }
    let decisions = choker.rechoke(
      peers: chokerPeers, now: now, slots: uploadSlots, isSeeding: state == .seeding)
    for slot in decisions.choke { peers[slot.index]?.setChoking(true, on: loop) }
    for slot in decisions.unchoke { peers[slot.index]?.setChoking(false, on: loop) }
  }

  /// A peer's interest has changed: a free slot is given at once, a freed one is passed on.
  func interestChanged(_ peer: PeerConnection, on loop: isolated Loop) {
    if peer.peerIsInterested {
      let view = peer.chokerView(now: loop.now)
      if choker.becameInterested(view, now: loop.now, slots: uploadSlots) { peer.setChoking(false, on: loop) }
    } else {
      choker.lostInterest(peer.slot)
      if !peer.isChoking { rechoke(on: loop) }
    }
  }
}

extension PeerConnection {
  /// What the choker judges by.
  func chokerView(now: Instant) -> ChokerPeer {
    ChokerPeer(
      slot: slot, isInterested: peerIsInterested, isSnubbed: isSnubbed, downloadRate: down.rate(now: now),
      uploadRate: up.rate(now: now), uploaded: uploaded)
  }
}
