import Bytes

extension PiecePicker {
  private static let endlessly = Double.infinity
  /// Requests of one holder that are looked at for one block.
  private static let walk = 256

  /// Requests blocks that others hold once more, from a peer for which no free block is left.
  ///
  /// A block is given if its holder is expected to need several times as long for it as this peer: those of
  /// snubbed and of the slowest peers first, the newest request of a peer first, because that is what it
  /// would send last and a cancel comes in time. Bounded per block by `PickerOptions.maximumRequesters`.
  mutating func duplicate(
    _ count: Int, for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?, into blocks: inout [Block]
  ) -> Int {
    guard !peers[peer.index].isSnubbed else { return 0 }
    // Buffers may be the only thing that lacks; but if one is about to be given back, wait for it.
    let isStarved = openCount >= options.maximumOpenPieces && verifyingCount == 0 && !order.isEmpty
    let isLast = isEndgame || isStarved
    guard isLast || !peers[peer.index].isOnParole else { return 0 }
    var taken = 0
    while taken < count {
      let mine = Double(peers[peer.index].outstanding + 1) * peers[peer.index].blockSeconds
      let bound =
        isLast
        ? mine * options.endgameAdvantage
        : max(mine * options.stealingAdvantage, options.stealingAdvantage)
      guard let flat = slowestBlock(beyond: bound, for: peer, has: has, allowedFast: allowedFast)
      else { break }
      request(flat, from: peer)
      let slot = flat / blockStride
      blocks.append(Block(piece: opened[slot].piece, index: Int32(flat - slot * blockStride)))
      taken += 1
    }
    return taken
  }

  /// The block that will come last and is expected later than `bound` seconds from now. O(peers), and
  /// requests of slow ones; with many peers that have nothing to do, that for each of them would cost more
  /// than all blocks. So blocks that come in pay for it, and time.
  private mutating func slowestBlock(
    beyond bound: Double, for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?
  ) -> Int? {
    guard credit > 0 else { return nil }
    let start = walked
    defer { credit -= walked - start }
    var best: Int?
    var latest = bound
    for holder in peers.indices {
      walked += 1
      let seconds = self.seconds(toServe: peers[holder].outstanding, holder)
      guard seconds > latest, holder != peer.index else { continue }
      var position = peers[holder].outstanding
      let end = position - Self.walk
      var request = peers[holder].tail
      while request >= 0, position > end {
        walked += 1
        let seconds = self.seconds(toServe: position, holder)
        guard seconds > latest else { break }
        let flat = Int(requests[Int(request)].block)
        if serves(flat, peer, has, allowedFast) {
          best = flat
          latest = seconds
          break
        }
        position -= 1
        request = requests[Int(request)].previous
      }
      if latest == Self.endlessly { break }
    }
    return best
  }

  @inline(__always)
  private func seconds(toServe position: Int, _ holder: Int) -> Double {
    if position == 0 { return 0 }
    return peers[holder].isSnubbed ? Self.endlessly : Double(position) * peers[holder].blockSeconds
  }

  /// Whether `peer` has the requested block and may be asked for it too.
  @inline(__always)
  func serves(_ flat: Int, _ peer: PeerSlot, _ has: Bitfield, _ allowedFast: [Int32]?) -> Bool {
    let piece = opened[flat / blockStride].piece
    guard has[Int(piece)], allowedFast?.contains(piece) ?? true else { return false }
    var requesters = 0
    var areSnubbed = true
    var request = chains[flat]
    while request >= 0 {
      let other = requests[Int(request)].peer
      guard other != peer.rawValue else { return false }
      requesters += 1
      areSnubbed = areSnubbed && peers[Int(other)].isSnubbed
      request = requests[Int(request)].sibling
    }
    return requesters < options.maximumRequesters + (areSnubbed ? 1 : 0)
  }
}
