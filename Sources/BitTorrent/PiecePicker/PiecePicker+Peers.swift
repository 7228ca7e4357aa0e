import Bytes

extension PiecePicker {
  /// A peer connected that has `bitfield`; a seed O(1), else O(what it has).
  mutating func join(_ peer: PeerSlot, has bitfield: Bitfield) {
    precondition(bitfield.count == geometry.pieceCount)
    while peers.count <= peer.index { peers.append(Peer()) }
    precondition(!peers[peer.index].isJoined)
    peers[peer.index] = Peer()
    peers[peer.index].isJoined = true
    peers[peer.index].isSeed = bitfield.isFull
    if bitfield.isFull { seeds += 1 } else { forEachPiece(of: bitfield) { $0.gained($1) } }
  }

  /// A peer left that had `bitfield` to the last; its requests are released. O(what it has and holds).
  mutating func leave(_ peer: PeerSlot, has bitfield: Bitfield) {
    precondition(peers[peer.index].isJoined)
    dropAll(of: peer)
    parole(peer, false)
    if peers[peer.index].isSeed { seeds -= 1 } else { forEachPiece(of: bitfield) { $0.lost($1) } }
    peers[peer.index] = Peer()
  }

  /// `peer` announced `piece`, which it did not have before. O(1).
  mutating func peerGained(_ piece: Int, _ peer: PeerSlot) {
    guard !peers[peer.index].isSeed else { return }
    order.gained(piece)
  }

  /// `peer` lost `piece`, which it had (BEP 54); what it was asked for of that piece is released. O(1) and
  /// its requests; O(pieces) if it had joined as a seed.
  mutating func peerLost(_ piece: Int, _ peer: PeerSlot) {
    if peers[peer.index].isSeed {
      peers[peer.index].isSeed = false
      seeds -= 1
      for other in 0..<geometry.pieceCount { order.gained(other) }
    }
    order.lost(piece)
    let slot = slots[piece]
    guard slot >= 0 else { return }
    if opened[Int(slot)].owner == peer.rawValue { disown(Int(slot)) }
    var request = peers[peer.index].head
    while request >= 0 {
      let next = requests[Int(request)].next
      let flat = Int(requests[Int(request)].block)
      if flat / blockStride == slot { release(request) }
      request = next
    }
  }

  /// Puts `peer` on parole, or ends that. It sent a part of a piece that failed, as others did, and nobody knows
  /// whose fault that was: whole pieces that it sends alone will tell. O(1).
  mutating func parole(_ peer: PeerSlot, _ isOnParole: Bool) {
    guard peers[peer.index].isOnParole != isOnParole else { return }
    peers[peer.index].isOnParole = isOnParole
    paroled += isOnParole ? 1 : -1
  }

  /// Whether `peer` is on parole.
  func isOnParole(_ peer: PeerSlot) -> Bool { peers[peer.index].isOnParole }

  /// What `peer` delivers, measured; to be told about once a second, also while nothing comes. O(1).
  ///
  /// - Parameters:
  ///   - peer: a peer that joined.
  ///   - rate: bytes a second; 0 or less if nothing was ever measured.
  ///   - isSnubbed: whether it let requests lie for long, so that others should be asked as
  ///     well; a piece that it had for itself is anybody's then.
  mutating func measured(_ peer: PeerSlot, rate: Double, isSnubbed: Bool = false) {
    peers[peer.index].blockSeconds = rate > 0 ? Double(Block.size) / rate : 1
    peers[peer.index].isMeasured = rate > 0
    peers[peer.index].isSnubbed = isSnubbed
    credit = min(Self.mostCredit, credit + Self.creditPerMeasure)
    let owned = Int(peers[peer.index].owned)
    if isSnubbed, owned >= 0 { disown(owned) }
  }

  private mutating func forEachPiece(of bitfield: Bitfield, _ change: (inout RarityOrder, Int) -> Void) {
    for index in 0..<bitfield.wordCount {
      var bits = bitfield.word(index)
      while bits != 0 {
        change(&order, index * 64 + bits.leadingZeroBitCount)
        bits &= ~(1 << UInt64(63 - bits.leadingZeroBitCount))
      }
    }
  }
}
