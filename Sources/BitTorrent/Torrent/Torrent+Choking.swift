import Bytes
import EventLoop
import PeerProtocol

// Whom to upload to: the rounds of the choker, and what happens between them.
extension Torrent {
  /// Peers to upload to at once, by what the link has shown that it carries. A slot whose peer takes nothing
  /// costs nothing: for each there are two more, so that a crowd that only claims to be interested does not
  /// keep others waiting for its turns to end.
  private var uploadSlots: Int { UploadSlots.count(rate: bestUpRate) + 2 * idleSlots }

  /// Once a second: the choker's round, if it is time for one; sooner if somebody waits while slots lie idle or
  /// the link turns out to carry more.
  func rechokeIfDue(on loop: isolated Loop) {
    bestUpRate = max(bestUpRate * 0.99, up.rate(now: loop.now))
    countIdleSlots(now: loop.now)
    let hasMore = uploadSlots > lastSlots
    lastSlots = uploadSlots
    let isDue = loop.now.seconds(since: lastRechoke) >= Choker.round
    if isDue || ((hasMore || idleSlots > 0) && somebodyWaits) { rechoke(on: loop) }
  }

  /// Twice a second: notes who has all that it has asked for.
  func noteSlotUse(now: Instant) {
    forEachPeer { peer in
      if !peer.isChoking { peer.slotUse.note(isServed: peer.isServed, now: now) }
    }
  }

  private func countIdleSlots(now: Instant) {
    idleSlots = 0
    somebodyWaits = false
    let patience = UploadSlots.patience(rate: bestUpRate)
    forEachPeer { peer in
      if peer.isChoking {
        somebodyWaits = somebodyWaits || peer.peerIsInterested
      } else if peer.slotUse.isIdle(patience: patience, now: now) {
        idleSlots += 1
      }
    }
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

// As a seed: what to take from us, so that the whole of it is in the swarm soon.
extension Torrent {
  /// Suggests what nobody has, as far as the peer has room for more suggestions.
  func suggest(to peer: PeerConnection, on loop: isolated Loop) {
    guard peer.isFast, state == .seeding, peer.phase == .open else { return }
    while let piece = suggestions.next(
      for: peer.slot, has: peer.has, availability: { picker.availability($0) })
    {
      peer.send(on: loop) { $0.append(suggest: piece) }
    }
  }
}

extension PeerConnection {
  /// What the choker judges by.
  func chokerView(now: Instant) -> ChokerPeer {
    ChokerPeer(
      slot: slot, isInterested: peerIsInterested, isSnubbed: isSnubbed, downloadRate: down.rate(now: now),
      uploadRate: up.rate(now: now), pieces: has.ones, uploaded: uploaded)
  }

  /// Whether it has all that it has asked for; haves and the like on their way do not matter.
  var isServed: Bool {
    uploads.isEmpty && uploads.reading == 0 && sendQueue.isEmpty && stream.unacknowledged < Block.size
  }
}
