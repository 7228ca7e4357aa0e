import EventLoop

@testable import BitTorrent

// What is asked of us, and the link: `PeerConnection+Uploading` and `+Sending`. What waits for one peer
// leaves in order; peers that wait share the link block by block.
extension SimulatedPeer {
  /// Blocks of one connection that may be on their way: what TCP's window and the routers hold.
  private static let windowBlocks = 8

  func requested(_ block: Block, by peer: SimulatedConnection) {
    let isAllowed = !peer.isChoking || peer.uploadAllowed.contains(block.piece)
    guard isAllowed, have[Int(block.piece)] else {
      send(.reject, to: peer, piece: block.piece, index: block.index)
      return
    }
    if suggestions.asked(Int(block.piece), peer.slot) { suggest(to: peer) }
    peer.uploads.append(block)
    commit(peer)
  }

  func cancelled(_ block: Block, by peer: SimulatedConnection) {
    guard let index = peer.uploads.firstIndex(of: block) else { return }
    peer.uploads.remove(at: index)
    send(.reject, to: peer, piece: block.piece, index: block.index)
  }

  func dropUploads(of peer: SimulatedConnection) {
    let dropped = peer.uploads.filter { !peer.uploadAllowed.contains($0.piece) }
    peer.uploads.removeAll { !peer.uploadAllowed.contains($0.piece) }
    for block in dropped { send(.reject, to: peer, piece: block.piece, index: block.index) }
  }

  /// Blocks are read and stand in line with the messages, as far as the watermark lets them.
  private func commit(_ peer: SimulatedConnection) {
    let most = SendWatermark.bytes(rate: peer.up.rate(now: now)) / Block.size
    var count = 0
    while count < peer.uploads.count, peer.committed < most {
      let block = peer.uploads[count]
      peer.outbox.append(.init(kind: .block, piece: block.piece, index: block.index))
      peer.committed += 1
      count += 1
    }
    guard count > 0 else { return }
    peer.uploads.removeFirst(count)
    let bytes = count * Block.size
    peer.uploaded += Int64(bytes)
    uploaded += bytes
    up.add(bytes, now: now)
    peer.up.add(bytes, now: now)
    peer.slotUse.serves()
    queue(peer)
  }

  /// Sends a message, ahead of blocks that stand in line, but for the batch that is being written: half of
  /// one, on average.
  func send(_ kind: SimulatedEvent.Kind, to peer: SimulatedConnection, piece: Int32 = 0, index: Int32 = 0) {
    let item = SimulatedConnection.Outgoing(kind: kind, piece: piece, index: index)
    if !peer.hasOutgoing {
      dispatch(item, on: peer)
    } else if item.isInOrder || peer.inOrder > 0 {
      if item.isInOrder { peer.inOrder += 1 }
      peer.outbox.append(item)
    } else {
      let batch = max(64 << 10, Int(peer.up.rate(now: now) / 10)) / Block.size
      var place = min(peer.outboxFirst + (batch + 1) / 2, peer.outbox.count)
      while place < peer.outbox.count, peer.outbox[place].kind != .block { place += 1 }
      peer.outbox.insert(item, at: place)
    }
  }

  private func dispatch(_ item: SimulatedConnection.Outgoing, on peer: SimulatedConnection) {
    guard let other = peer.other else { return }
    let arrival = max((now + peer.delay).nanoseconds, peer.lastArrival)
    peer.lastArrival = arrival
    swarm.plan(item.kind, at: arrival, other.number, piece: item.piece, index: item.index)
  }

  // MARK: The link

  private func queue(_ peer: SimulatedConnection) {
    guard !peer.isQueued, peer.inFlight < Self.windowBlocks, peer.committed > 0 else { return }
    peer.isQueued = true
    ring.append(peer)
    sendNext()
  }

  private func sendNext() {
    while sending == nil, ringFirst < ring.count {
      let peer = ring[ringFirst]
      ringFirst += 1
      if ringFirst > 64, ringFirst * 2 > ring.count {
        ring.removeFirst(ringFirst)
        ringFirst = 0
      }
      guard peer.isOpen, isPresent else { continue }
      sending = peer
      swarm.plan(.sent, after: Double(Block.size) / member.up, number)
    }
  }

  /// The block at the head of the line has left: through the other's link, behind what comes from others.
  func sent() {
    guard let peer = sending else { return }
    sending = nil
    if peer.isOpen, let other = peer.other {
      let item = peer.takeOutgoing()
      peer.committed -= 1
      sentPieces[Int(item.piece)] += 1
      peer.inFlight += 1
      let receiver = other.owner
      var reach = (now + peer.delay).nanoseconds
      if swarm.scenario.loss > 0, swarm.random.fraction() < swarm.scenario.loss {
        reach += UInt64(max(0.2, 4 * peer.delay) * 1e9)
      }
      let begin = max(reach, receiver.downFree, peer.lastArrival)
      let arrival = begin + UInt64(Double(Block.size) / receiver.member.down * 1e9)
      receiver.downFree = max(reach, receiver.downFree) + (arrival - begin)
      peer.lastArrival = arrival
      swarm.plan(.block, at: arrival, other.number, piece: item.piece, index: item.index)
      while peer.hasOutgoing, peer.outbox[peer.outboxFirst].kind != .block {
        dispatch(peer.takeOutgoing(), on: peer)
      }
      peer.isQueued = false
      commit(peer)
      queue(peer)
      leaveIfServed()
    }
    sendNext()
  }

  /// A block of ours has arrived.
  func acknowledged(_ peer: SimulatedConnection) {
    peer.inFlight -= 1
    if peer.isOpen { queue(peer) }
  }

  private func leaveIfServed() {
    blocksSent += 1
    guard case .untilUploaded(let copies) = member.stay else { return }
    if Double(blocksSent * Block.size) >= copies * swarm.scenario.size { leave() }
  }
}
