import Bytes

extension PiecePicker {
  /// `piece` is whole and right, however it came: it is ours now. Requests for it that are left are
  /// released without a word.
  mutating func pieceVerified(_ piece: Int) {
    guard !have[piece] else { return }
    dropDeadline(piece)
    var cancels: [Assignment] = []
    remove(piece, cancels: &cancels)
    doubtful[piece] = false
    missing[piece] = false
    have[piece] = true
  }

  /// `piece` is whole but wrong: it is fetched again, by one peer alone if possible.
  ///
  /// - Parameters:
  ///   - piece: one that `received` called complete.
  ///   - badBlocks: the blocks that are wrong, if that is known (BEP 52): the others are kept, and so is
  ///     the piece's buffer. `nil`: all are dropped, and the piece is closed, as it is if all are wrong.
  mutating func pieceFailed(_ piece: Int, badBlocks: [Int]? = nil) {
    guard slots[piece] >= 0, opened[Int(slots[piece])].isVerifying else { return }
    let slot = Int(slots[piece])
    doubtful[piece] = true
    let wrong = Set(badBlocks ?? []).filter { $0 >= 0 && $0 < Int(opened[slot].blockCount) }
    guard !wrong.isEmpty, wrong.count < Int(opened[slot].blockCount) else {
      close(slot)
      order.insert(piece)
      return
    }
    verifyingCount -= 1
    for index in wrong {
      chains[chainIndex(slot, Int32(index))] = Self.noRequest
      freeBlocks[slot * wordStride + index / 64] |= 1 << UInt64(index % 64)
      opened[slot].free += 1
      opened[slot].received -= 1
    }
    opened[slot].firstWord = 0
    list(slot)
  }

  /// What was received of an open piece is lost, or no buffer can be had for it: it may be begun anew.
  ///
  /// - Parameters:
  ///   - piece: open, else nothing happens.
  ///   - cancels: where the requests that were out for it are appended.
  mutating func discard(_ piece: Int, cancels: inout [Assignment]) {
    guard slots[piece] >= 0 else { return }
    remove(piece, cancels: &cancels)
    order.insert(piece)
  }

  /// An open piece that nobody is asked for, the one with least to lose; `nil` if there is none, or buffers
  /// are left. O(open pieces).
  ///
  /// All buffers may be held by pieces whose only owners left or choke us, while other peers have other
  /// pieces. So when a peer that could serve is given nothing for a second, `discard` this one.
  var idlePiece: Int? {
    guard openCount >= options.maximumOpenPieces, !order.isEmpty else { return nil }
    var best: OpenPiece?
    for piece in opened where piece.piece >= 0 && !piece.isVerifying {
      guard piece.free + piece.received == piece.blockCount else { continue }
      if best.map({ piece.received < $0.received }) ?? true { best = piece }
    }
    return best.map { Int($0.piece) }
  }

  /// `piece` is ours no longer: its bytes were lost or could not be made durable.
  mutating func forget(_ piece: Int) {
    guard have[piece] else { return }
    have[piece] = false
    guard priority(piece) != .skip, geometry.blockCount(piece) > 0 else { return }
    missing[piece] = true
    order.insert(piece)
  }

  /// Sets how much `piece` is wanted; if it is open and to be skipped, what there is of it is dropped.
  ///
  /// - Parameters:
  ///   - piece: any piece.
  ///   - priority: `.skip` if it is not wanted.
  ///   - cancels: where the requests that were out for it are appended.
  mutating func want(_ piece: Int, _ priority: PiecePriority, cancels: inout [Assignment]) {
    let slot = slots[piece]
    if slot >= 0, priority != .skip {
      order.setPriority(priority, of: piece)
      return
    }
    if priority == .skip { dropDeadline(piece) }
    remove(piece, cancels: &cancels)
    order.setPriority(priority, of: piece)
    let isMissing = priority != .skip && !have[piece] && geometry.blockCount(piece) > 0
    missing[piece] = isMissing
    if isMissing { order.insert(piece) }
  }

  /// Takes a piece out of wherever it is.
  private mutating func remove(_ piece: Int, cancels: inout [Assignment]) {
    if order.free[piece] { order.remove(piece) }
    guard slots[piece] >= 0 else { return }
    let slot = Int(slots[piece])
    for index in 0..<opened[slot].blockCount {
      var request = chains[chainIndex(slot, index)]
      while request >= 0 {
        let entry = requests[Int(request)]
        cancels.append(
          Assignment(peer: PeerSlot(entry.peer), block: Block(piece: Int32(piece), index: index)))
        unlink(request)
        request = entry.sibling
      }
    }
    close(slot)
  }
}

extension PiecePicker {
  /// Opens a free piece, with all its blocks free and nobody's own; the slot.
  mutating func begin(_ piece: Int) -> Int {
    order.remove(piece)
    if vacantOpen.isEmpty {
      vacantOpen.append(Int32(opened.count))
      opened.append(OpenPiece(piece: -1, blockCount: 0, free: 0))
      chains.append(contentsOf: repeatElement(Self.noRequest, count: blockStride))
      freeBlocks.append(contentsOf: repeatElement(0, count: wordStride))
    }
    let slot = Int(vacantOpen.removeLast())
    let count = geometry.blockCount(piece)
    opened[slot] = OpenPiece(piece: Int32(piece), blockCount: Int32(count), free: Int32(count))
    opened[slot].deadline = deadline(piece)
    slots[piece] = Int32(slot)
    for index in 0..<count { chains[chainIndex(slot, Int32(index))] = Self.noRequest }
    for word in 0..<wordStride {
      let bits = min(max(count - word * 64, 0), 64)
      freeBlocks[slot * wordStride + word] = bits == 64 ? .max : 1 << UInt64(bits) - 1
    }
    openCount += 1
    list(slot)
    return slot
  }

  /// Gives an open slot back; requests for its blocks are gone already.
  mutating func close(_ slot: Int) {
    unlist(slot)
    if opened[slot].isVerifying { verifyingCount -= 1 }
    slots[Int(opened[slot].piece)] = -1
    opened[slot] = OpenPiece(piece: -1, blockCount: 0, free: 0)
    vacantOpen.append(Int32(slot))
    openCount -= 1
  }

  /// Puts an open piece that has free blocks and is in neither list into that of pieces that nobody owns.
  mutating func list(_ slot: Int) {
    opened[slot].place = Int32(shared.count)
    shared.append(Int32(slot))
  }

  /// Takes an open piece out of its list, if it is in one, and from its owner.
  mutating func unlist(_ slot: Int) {
    let place = Int(opened[slot].place)
    guard place >= 0 else { return }
    let owner = opened[slot].owner
    if owner >= 0 {
      let last = owned.removeLast()
      if last != slot {
        owned[place] = last
        opened[Int(last)].place = Int32(place)
      }
      peers[Int(owner)].owned = -1
      opened[slot].owner = -1
    } else {
      let last = shared.removeLast()
      if last != slot {
        shared[place] = last
        opened[Int(last)].place = Int32(place)
      }
    }
    opened[slot].place = -1
  }

  /// Gives a piece that nobody owns to `peer` for itself.
  mutating func own(_ slot: Int, _ peer: PeerSlot) {
    guard peers[peer.index].owned < 0 else { return }
    unlist(slot)
    opened[slot].owner = peer.rawValue
    opened[slot].place = Int32(owned.count)
    owned.append(Int32(slot))
    peers[peer.index].owned = Int32(slot)
  }

  /// Lets everybody have the free blocks of a piece that somebody owned.
  mutating func disown(_ slot: Int) {
    guard opened[slot].owner >= 0 else { return }
    unlist(slot)
    list(slot)
  }
}
