import Bytes
import EventLoop

extension PiecePicker {
  /// Chooses up to `count` blocks to request from `peer` now, and counts them as requested from it.
  ///
  /// Fewer come if the peer has no more to give, or nothing that another peer would not deliver as soon;
  /// then it is worth asking again after the next change, and once a second. O(1) a block, amortised; where
  /// nothing is found, O(open pieces + peers + pieces / 64).
  ///
  /// - Parameters:
  ///   - count: at most as many; what `RequestWindow` leaves.
  ///   - peer: a peer that joined.
  ///   - has: the pieces that it has.
  ///   - allowedFast: while it chokes us, the only pieces to ask for (BEP 6); `nil` if it does not.
  ///   - suggested: pieces that it would like to be asked for (BEP 6): taken first, if as urgent as any.
  ///   - now: the time, for deadlines.
  ///   - blocks: where the blocks are appended, those of one piece in order.
  /// - Returns: how many were appended.
  @discardableResult
  mutating func pick(
    _ count: Int, for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]? = nil, suggested: [Int32] = [],
    now: Instant = Instant(nanoseconds: 0), into blocks: inout [Block]
  ) -> Int {
    precondition(has.count == geometry.pieceCount && peers[peer.index].isJoined)
    var left = count
    if !urgent.isEmpty {
      left -= pickUrgent(left, for: peer, has: has, allowedFast: allowedFast, now: now, into: &blocks)
    }
    while left > 0 {
      guard let slot = openSlot(for: peer, has: has, allowedFast: allowedFast, suggested: suggested)
      else { break }
      left -= take(left, of: slot, for: peer, into: &blocks)
    }
    if left > 0 { left -= duplicate(left, for: peer, has: has, allowedFast: allowedFast, into: &blocks) }
    return count - left
  }

  /// An open piece, perhaps opened just now, with a free block for `peer`.
  private mutating func openSlot(
    for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?, suggested: [Int32]
  ) -> Int? {
    let mine = Int(peers[peer.index].owned)
    if mine >= 0, serves(mine, has, allowedFast) { return mine }
    if peers[peer.index].isOnParole { return slotAlone(for: peer, has: has, allowedFast: allowedFast) }
    if !suggested.isEmpty, !options.isSequential,
      let slot = suggestedSlot(suggested, for: peer, has, allowedFast)
    {
      return slot
    }
    let shared = bestShared(has, allowedFast)
    let rival = shared.map { priority(Int(opened[$0].piece)) } ?? .skip
    // A piece that is begun comes before all that are no more urgent.
    if openCount < max(options.maximumOpenPieces, 1), rival < order.highestPriority,
      let piece = freePiece(has, allowedFast, above: rival)
    {
      let slot = begin(piece)
      if doubtful[piece] || isFast(peer, slot) { own(slot, peer) }
      return slot
    }
    if let slot = shared {
      if doubtful[Int(opened[slot].piece)] { own(slot, peer) }
      return slot
    }
    guard let slot = slowestOwned(has, allowedFast) else { return nil }
    // From here on it is shared; but a doubtful piece stays its owner's, as far as that goes.
    if !isForOne(slot) { disown(slot) }
    return slot
  }

  /// For a peer on parole: a piece that is not begun yet, else one that nobody works on.
  private mutating func slotAlone(for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?) -> Int? {
    var found: Int?
    if openCount < max(options.maximumOpenPieces, 1), let piece = freePiece(has, allowedFast, above: .skip) {
      found = begin(piece)
    } else {
      for candidate in shared where found == nil {
        let slot = Int(candidate)
        walked += 1
        guard opened[slot].free + opened[slot].received == opened[slot].blockCount else { continue }
        if serves(slot, has, allowedFast) { found = slot }
      }
    }
    if let found { own(found, peer) }
    return found
  }

  /// Whether one peer alone should send all of an owned piece.
  @inline(__always)
  private func isForOne(_ slot: Int) -> Bool {
    doubtful[Int(opened[slot].piece)] || peers[Int(opened[slot].owner)].isOnParole
  }

  /// The first of the suggested pieces that is as urgent as any and that has free blocks.
  private mutating func suggestedSlot(
    _ suggested: [Int32], for peer: PeerSlot, _ has: Bitfield, _ allowedFast: [Int32]?
  ) -> Int? {
    for number in suggested {
      let piece = Int(number)
      walked += 1
      guard piece >= 0, piece < geometry.pieceCount, has[piece], allowedFast?.contains(number) ?? true
      else { continue }
      let slot = Int(slots[piece])
      if slot >= 0, opened[slot].place >= 0, opened[slot].owner < 0, !doubtful[piece] { return slot }
      guard order.free[piece], priority(piece) >= order.highestPriority,
        openCount < max(options.maximumOpenPieces, 1)
      else { continue }
      let begun = begin(piece)
      if doubtful[piece] || isFast(peer, begun) { own(begun, peer) }
      return begun
    }
    return nil
  }

  /// Whether `peer` is known to deliver a whole piece soon.
  @inline(__always)
  private func isFast(_ peer: PeerSlot, _ slot: Int) -> Bool {
    let state = peers[peer.index]
    let seconds = Double(opened[slot].blockCount) * state.blockSeconds
    return state.isMeasured && !state.isSnubbed && seconds <= options.wholePieceSeconds
  }

  @inline(__always)
  private func serves(_ slot: Int, _ has: Bitfield, _ allowedFast: [Int32]?) -> Bool {
    let piece = opened[slot].piece
    return has[Int(piece)] && allowedFast?.contains(piece) ?? true
  }

  /// Of the open pieces that nobody owns, the most urgent, then the one with the fewest blocks to go, or the
  /// first.
  private mutating func bestShared(_ has: Bitfield, _ allowedFast: [Int32]?) -> Int? {
    var best: Int?
    for candidate in shared {
      let slot = Int(candidate)
      walked += 1
      // What has a deadline was offered to the peer before, and left to a faster one.
      guard opened[slot].deadline == .max, serves(slot, has, allowedFast) else { continue }
      guard let other = best else {
        best = slot
        continue
      }
      let (urgency, rival) = (priority(Int(opened[slot].piece)), priority(Int(opened[other].piece)))
      let isBefore =
        options.isSequential
        ? opened[slot].piece < opened[other].piece : opened[slot].free < opened[other].free
      if urgency > rival || (urgency == rival && isBefore) { best = slot }
    }
    return best
  }

  /// Of the open pieces that other peers own, the one whose owner needs longest for what is free of it.
  private mutating func slowestOwned(_ has: Bitfield, _ allowedFast: [Int32]?) -> Int? {
    var best: Int?
    var longest = -1.0
    for candidate in owned {
      let slot = Int(candidate)
      walked += 1
      guard opened[slot].deadline == .max, serves(slot, has, allowedFast) else { continue }
      let owner = peers[Int(opened[slot].owner)]
      // Those for one peer last, so that it delivers all of each.
      let seconds = isForOne(slot) ? 0 : Double(opened[slot].free) * owner.blockSeconds
      guard seconds > longest else { continue }
      longest = seconds
      best = slot
    }
    return best
  }

  private mutating func freePiece(
    _ has: Bitfield, _ allowedFast: [Int32]?, above floor: PiecePriority
  ) -> Int? {
    guard !order.isEmpty else { return nil }
    if let allowedFast {
      let piece = order.choose(among: allowedFast, from: has, isSequential: options.isSequential)
      return piece.flatMap { priority($0) > floor ? $0 : nil }
    }
    if options.isSequential { return order.first(from: has, above: floor) }
    let isRandom = have.ones < options.randomFirstPieces
    return order.choose(from: has, above: floor, isRandom: isRandom, using: &generator)
  }

  /// Requests the first free blocks of an open piece, at least one.
  mutating func take(
    _ count: Int, of slot: Int, for peer: PeerSlot, into blocks: inout [Block]
  ) -> Int {
    var left = count
    var word = Int(opened[slot].firstWord)
    while left > 0, word < wordStride {
      let index = slot * wordStride + word
      while left > 0, freeBlocks[index] != 0 {
        let bit = freeBlocks[index].trailingZeroBitCount
        freeBlocks[index] &= freeBlocks[index] - 1
        let block = Block(piece: opened[slot].piece, index: Int32(word * 64 + bit))
        request(chainIndex(slot, block.index), from: peer)
        blocks.append(block)
        left -= 1
      }
      if freeBlocks[index] == 0 { word += 1 }
    }
    opened[slot].firstWord = Int32(word)
    opened[slot].free -= Int32(count - left)
    if opened[slot].free == 0 { unlist(slot) }
    return count - left
  }
}
