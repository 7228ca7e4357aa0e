import Bytes
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

// What to ask a peer for, and what happens to requests that are not answered.
extension Torrent {
  /// Tops up what a peer has been asked for, to the depth that its rate and round trip call for.
  /// Under a limit only what that allows, or what the peer's `turn` is for. `isUrgent` asks for pieces with
  /// deadlines only, and somewhat deeper.
  ///
  /// - Returns: false if the peer could do more, but there is nothing to ask it for.
  @discardableResult
  func fillRequests(
    _ peer: PeerConnection, turn: Int? = nil, isUrgent: Bool = false, on loop: isolated Loop
  ) -> Bool {
    let isServed = request(from: peer, turn: turn, isUrgent: isUrgent, on: loop)
    guard picker.lacksRoom, makeRoomForUrgent(on: loop) else { return isServed }
    return request(from: peer, isUrgent: true, on: loop) || isServed
  }

  private func request(
    from peer: PeerConnection, turn: Int? = nil, isUrgent: Bool, on loop: isolated Loop
  ) -> Bool {
    guard peer.phase == .open, peer.isInterested, state == .downloading else { return true }
    if peer.peerIsChoking, peer.allowedFast.isEmpty { return true }
    let depth = peer.web == nil ? peer.window.depth : depth(ofWebSeed: peer)
    let outstanding = picker.outstanding(peer.slot)
    var room = (isUrgent ? depth + depth / 4 + 1 : depth) - outstanding
    // Few large batches: a top-up waits until a quarter of the depth is free.
    guard room > 0, outstanding == 0 || isUrgent || room * 4 >= depth else { return true }
    if let share = peer.rates.shares.requests {
      guard let allowed = turn ?? peer.requestAllowance(share, on: loop) else { return true }
      room = min(room, allowed / Block.size)
    }
    picker.options.maximumOpenPieces = openPieceLimit
    peer.blocksToPick.removeAll(keepingCapacity: true)
    pick(room, for: peer, isUrgent: isUrgent, on: loop)
    reserve(&peer.blocksToPick, for: peer, on: loop)
    guard !peer.blocksToPick.isEmpty else {
      if outstanding == 0, !isUrgent { discardIdlePiece(on: loop) }
      return false
    }
    if outstanding == 0 { peer.lastBlock = loop.now }
    if let share = peer.rates.shares.requests {
      share.spend(peer.blocksToPick.reduce(0) { $0 + geometry.length($1) })
    }
    peer.asked.add(peer.blocksToPick.count, at: loop.now)
    if let web = peer.web {
      web.request(peer.blocksToPick, on: loop)
      return true
    }
    peer.send(on: loop) { buffer in
      buffer.reserveCapacity(buffer.count + peer.blocksToPick.count * BlockRequest.frameByteCount)
      for block in peer.blocksToPick { buffer.append(request: geometry.request(block)) }
    }
    return true
  }

  private func pick(_ room: Int, for peer: PeerConnection, isUrgent: Bool, on loop: isolated Loop) {
    let allowed = peer.peerIsChoking ? peer.allowedFast : nil
    if !isUrgent, peer.web != nil {
      pickRuns(room, for: peer, on: loop)
    } else if !isUrgent {
      picker.pick(
        room, for: peer.slot, has: peer.has, allowedFast: allowed, suggested: peer.suggested, now: loop.now,
        into: &peer.blocksToPick)
    } else {
      picker.pickUrgent(
        room, for: peer.slot, has: peer.has, allowedFast: allowed, now: loop.now, into: &peer.blocksToPick)
    }
  }

  /// Pieces that may be open: those that are, which have their memory, and as many as there is more for.
  private var openPieceLimit: Int {
    let free = (context.pieces.limit - context.pieces.usedBytes) / max(1, info.pieceLength)
    return max(1, picker.openCount + free)
  }

  /// Memory is held by pieces that nobody works on while a peer has nothing to do: one is begun anew
  /// later, so that this peer gets something next time.
  private func discardIdlePiece(on loop: isolated Loop) {
    guard picker.openCount >= picker.options.maximumOpenPieces, let piece = picker.idlePiece else { return }
    cancels.removeAll(keepingCapacity: true)
    picker.discard(piece, cancels: &cancels)
    let received = openPieces[piece]?.senders.count { $0 != nil } ?? 0
    counters.wasted += Int64(received * Block.size)
    close(piece)
  }

  /// Takes memory for the pieces of blocks that are about to be asked for, so that no block comes that
  /// cannot be kept. What there is no memory for is given back.
  private func reserve(_ blocks: inout [Block], for peer: PeerConnection, on loop: isolated Loop) {
    var last: Int32 = -1
    var kept = 0
    for block in blocks {
      if block.piece != last {
        guard let open = openPiece(Int(block.piece)) else {
          picker.released(block, by: peer.slot)
          closeIfIdle(block)
          continue
        }
        asks(peer, for: Int(block.piece), open, on: loop)
        last = block.piece
      }
      blocks[kept] = block
      kept += 1
    }
    blocks.removeLast(blocks.count - kept)
  }

  /// Everyone may have something new to be asked for.
  func fillAll(on loop: isolated Loop) {
    forEachPeer { fillRequests($0, on: loop) }
  }

  /// Memory for a piece is free again: those whose turn it is get something to do, until it is used up. The
  /// clock asks the others. O(1), so that a piece costs the same with many peers.
  func fillSome(on loop: isolated Loop) {
    var failures = 0
    for _ in 0..<min(peers.count, 64) where failures < 8 {
      nextToFill = nextToFill + 1 < peers.count ? nextToFill + 1 : 0
      guard let peer = peers[nextToFill], peer.phase == .open else { continue }
      failures = fillRequests(peer, on: loop) ? 0 : failures + 1
    }
  }

  /// The peer will not send this block.
  func rejected(_ request: BlockRequest, by peer: PeerConnection, on loop: isolated Loop) {
    guard request.piece < info.pieceCount,
      let block = geometry.block(piece: request.piece, begin: request.begin, length: request.length),
      picker.released(block, by: peer.slot)
    else {
      // The answer to a cancel.
      peer.late = max(0, peer.late - 1)
      return
    }
    closeIfIdle(block)
    peer.rates.shares.requests?.refund(request.length)
    _ = peer.asked.answered()
    peer.allowedFast.removeAll { $0 == Int32(request.piece) }
    // A choke rejects all that was asked for (BEP 6). A peer that does so without choking, over and over, does
    // not have what it says.
    guard !peer.peerIsChoking else { return }
    peer.rejects += 1
    if peer.rejects > 1024 { peer.close(.noInterest, on: loop) }
  }

  /// The block, which it was asked for, will not come from the peer; the caller sees to the rest.
  func takeBack(_ block: Block, from peer: PeerConnection) {
    guard picker.released(block, by: peer.slot) else { return }
    peer.rates.shares.requests?.refund(geometry.length(block))
    _ = peer.asked.answered()
  }

  /// What the peer was asked for goes back to everyone.
  func releaseAll(_ peer: PeerConnection, on loop: isolated Loop) {
    let count = picker.outstanding(peer.slot)
    peer.late += count
    peer.rates.shares.requests?.refund(count * Block.size)
    picker.dropAll(of: peer.slot)
    peer.asked.clear()
    closeIdlePieces()
  }

  /// Gives back the memory of a piece of which nothing is here or asked for any more.
  func closeIfIdle(_ block: Block) {
    if picker.slot(of: block) == nil { close(Int(block.piece)) }
  }

  /// The same for all pieces. O(pieces): for choking and leaving peers.
  func closeIdlePieces() {
    for piece in openPieces.indices where openPieces[piece] != nil {
      closeIfIdle(Block(piece: Int32(piece), index: 0))
    }
  }

  /// A peer has sent nothing for too long: its blocks go to others, it is left one to prove itself.
  func snub(_ peer: PeerConnection, on loop: isolated Loop) {
    peer.isSnubbed = true
    peer.window.isSnubbed = true
    peer.lastBlock = loop.now
    releaseAll(peer, on: loop)
    fillAll(on: loop)
  }

  // MARK: Interest

  func updateInterest(_ peer: PeerConnection, on loop: isolated Loop) {
    peer.setInterested(state == .downloading && peer.interest.isInterested, on: loop)
  }

  /// The peer's first description of what it has.
  func describes(_ peer: PeerConnection, _ field: Bitfield, on loop: isolated Loop) {
    picker.leave(peer.slot, has: peer.has)
    peer.has = field
    picker.join(peer.slot, has: field)
    peer.interest = InterestCount(has: field, missing: picker.missing)
    if closeIfUseless(peer, on: loop) { return }
    updateInterest(peer, on: loop)
    askHashes(peer, on: loop)
  }

  func gained(_ peer: PeerConnection, _ piece: Int, on loop: isolated Loop) {
    picker.peerGained(piece, peer.slot)
    peer.interest.peerGained(piece, missing: picker.missing)
    if closeIfUseless(peer, on: loop) { return }
    if suggestions.gained(piece, peer.slot) { suggest(to: peer, on: loop) }
    askHashes(peer, on: loop)
    if !peer.isInterested {
      updateInterest(peer, on: loop)
    }
    if peer.isInterested, picker.outstanding(peer.slot) == 0 { fillRequests(peer, on: loop) }
  }

  func lost(_ peer: PeerConnection, _ piece: Int, on loop: isolated Loop) {
    picker.peerLost(piece, peer.slot)
    peer.interest.peerLost(piece, missing: picker.missing)
    updateInterest(peer, on: loop)
  }

  /// Two peers that want nothing have nothing to say to each other.
  func closeIfUseless(_ peer: PeerConnection, on loop: isolated Loop) -> Bool {
    guard peer.isUploadOnly, state == .seeding else { return false }
    peer.close(.bothComplete, on: loop)
    return true
  }
}
