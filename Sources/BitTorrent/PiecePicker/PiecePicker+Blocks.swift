import Bytes

/// What became of a block that came in.
enum BlockReceipt: Sendable, Equatable {
  /// New: put it into its piece's buffer.
  case needed
  /// New, and the last one of its piece, which now waits for `pieceVerified` or `pieceFailed`.
  case completesPiece
  /// Here already: someone else was faster, or a cancel came too late.
  case duplicate
  /// Nobody asked this peer for it, or its piece is wanted no longer: drop it.
  case unrequested
}

extension PiecePicker {
  /// `peer` sent all of `block`. O(requesters).
  ///
  /// - Parameters:
  ///   - block: any numbers; those that name no block are `.unrequested`.
  ///   - peer: who sent it.
  ///   - wasAsked: whether the caller knows that it asked for it at some time, although it has since been
  ///     released (a time-out, a choke that crossed it): then the block is taken if it is still missing.
  ///   - others: where the other peers that were asked are appended: each should get a cancel.
  /// - Returns: what to do with it.
  mutating func received(
    _ block: Block, from peer: PeerSlot, wasAsked: Bool = false, others: inout [PeerSlot]
  ) -> BlockReceipt {
    guard let slot = slot(of: block) ?? reopened(for: block, wasAsked) else {
      return isOurs(block) ? .duplicate : .unrequested
    }
    let flat = chainIndex(slot, block.index)
    guard chains[flat] != Self.isReceived else { return .duplicate }
    guard wasAsked || isRequested(flat, peer) else { return .unrequested }
    if chains[flat] == Self.noRequest {
      freeBlocks[slot * wordStride + Int(block.index) / 64] &= ~(1 << UInt64(block.index % 64))
      opened[slot].free -= 1
      if opened[slot].free == 0 { unlist(slot) }
    }
    var request = chains[flat]
    while request >= 0 {
      let (other, sibling) = (requests[Int(request)].peer, requests[Int(request)].sibling)
      if other != peer.rawValue { others.append(PeerSlot(other)) }
      unlink(request)
      request = sibling
    }
    chains[flat] = Self.isReceived
    credit = min(Self.mostCredit, credit + Self.creditPerBlock)
    opened[slot].received += 1
    guard opened[slot].isVerifying else { return .needed }
    verifyingCount += 1
    return .completesPiece
  }

  /// `peer` will not send `block`: it rejected it, or let it lie too long. `false` if it was not asked for it.
  /// O(requesters).
  @discardableResult
  mutating func released(_ block: Block, by peer: PeerSlot) -> Bool {
    guard let slot = slot(of: block) else { return false }
    var request = chains[chainIndex(slot, block.index)]
    while request >= 0 {
      if requests[Int(request)].peer == peer.rawValue {
        release(request)
        return true
      }
      request = requests[Int(request)].sibling
    }
    return false
  }

  /// Blocks of an open piece turned out wrong before it was verified as a whole (BEP 52): they are anybody's
  /// to fetch, and the others stay. A piece of which nothing is left is closed. Those that are not here are
  /// passed over.
  mutating func blocksFailed(_ piece: Int, _ blocks: [Int]) {
    let slot = Int(slots[piece])
    guard slot >= 0 else { return }
    for block in blocks where block >= 0 && slots[piece] >= 0 && block < Int(opened[slot].blockCount) {
      let flat = chainIndex(slot, Int32(block))
      guard chains[flat] == Self.isReceived else { continue }
      if opened[slot].isVerifying { verifyingCount -= 1 }
      chains[flat] = Self.noRequest
      opened[slot].received -= 1
      free(flat)
    }
  }

  /// `peer` choked us or is leaving: nothing that it was asked for will come. O(its requests).
  mutating func dropAll(of peer: PeerSlot) {
    let own = Int(peers[peer.index].owned)
    if own >= 0 { disown(own) }
    while peers[peer.index].head >= 0 { release(peers[peer.index].head) }
  }

  @inline(__always)
  private func isRequested(_ flat: Int, _ peer: PeerSlot) -> Bool {
    var request = chains[flat]
    while request >= 0 {
      if requests[Int(request)].peer == peer.rawValue { return true }
      request = requests[Int(request)].sibling
    }
    return false
  }

  /// Opens the piece of a late block that was released with all others of its piece.
  private mutating func reopened(for block: Block, _ wasAsked: Bool) -> Int? {
    let piece = Int(block.piece)
    guard wasAsked, piece >= 0, piece < geometry.pieceCount, order.free[piece],
      block.index >= 0, block.index < geometry.blockCount(piece), openCount < options.maximumOpenPieces
    else { return nil }
    return begin(piece)
  }

  @inline(__always)
  private func isOurs(_ block: Block) -> Bool {
    let piece = Int(block.piece)
    return piece >= 0 && piece < geometry.pieceCount && have[piece]
      && block.index >= 0 && block.index < geometry.blockCount(piece)
  }
}

extension PiecePicker {
  /// Links a request of a block of an open piece into its peer's queue and its block's chain.
  mutating func request(_ flat: Int, from peer: PeerSlot) {
    let tail = peers[peer.index].tail
    let sibling = max(chains[flat], -1)
    let entry = Request(
      block: Int32(flat), peer: peer.rawValue, next: -1, previous: tail, sibling: sibling)
    let number: Int32
    if vacantRequest >= 0 {
      number = vacantRequest
      vacantRequest = requests[Int(number)].next
      requests[Int(number)] = entry
    } else {
      number = Int32(requests.count)
      requests.append(entry)
    }
    chains[flat] = number
    if tail >= 0 { requests[Int(tail)].next = number } else { peers[peer.index].head = number }
    peers[peer.index].tail = number
    peers[peer.index].outstanding += 1
  }

  /// Takes a request out of its peer's queue; its block's chain is the caller's to mend.
  mutating func unlink(_ number: Int32) {
    let entry = requests[Int(number)]
    let peer = Int(entry.peer)
    if entry.next >= 0 {
      requests[Int(entry.next)].previous = entry.previous
    } else {
      peers[peer].tail = entry.previous
    }
    if entry.previous >= 0 {
      requests[Int(entry.previous)].next = entry.next
    } else {
      peers[peer].head = entry.next
    }
    peers[peer].outstanding -= 1
    requests[Int(number)].peer = -1
    requests[Int(number)].next = vacantRequest
    vacantRequest = number
  }

  /// Undoes a request; a block that nobody is asked for any more is free again.
  mutating func release(_ number: Int32) {
    let flat = Int(requests[Int(number)].block)
    let sibling = requests[Int(number)].sibling
    if chains[flat] == number {
      chains[flat] = sibling
    } else {
      var request = chains[flat]
      while requests[Int(request)].sibling != number { request = requests[Int(request)].sibling }
      requests[Int(request)].sibling = sibling
    }
    unlink(number)
    if chains[flat] == Self.noRequest { free(flat) }
  }

  /// Marks a block as asked of nobody; a piece of which nothing is here or under way is closed.
  private mutating func free(_ flat: Int) {
    let slot = flat / blockStride
    let index = flat - slot * blockStride
    freeBlocks[slot * wordStride + index / 64] |= 1 << UInt64(index % 64)
    opened[slot].firstWord = min(opened[slot].firstWord, Int32(index / 64))
    opened[slot].free += 1
    if opened[slot].free == opened[slot].blockCount {
      let piece = Int(opened[slot].piece)
      close(slot)
      order.insert(piece)
    } else if opened[slot].place < 0 {
      list(slot)
    }
  }
}
