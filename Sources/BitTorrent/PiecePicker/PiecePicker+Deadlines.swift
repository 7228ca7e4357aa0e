import Bytes
import EventLoop

/// When a piece should be here at the latest: somebody waits for it, or soon will.
struct Deadline: Sendable, Hashable {
  /// The time; it may be past.
  var time: Instant
  /// The piece.
  var piece: Int32
}

extension PiecePicker {
  /// Deadlines that are kept; of more, the nearest.
  static let maximumDeadlines = 512

  /// Sets the deadlines, in place of those before. Pieces that are not missing are passed over; of several for
  /// one piece the nearest counts. O(deadlines × log + open pieces).
  ///
  /// They are asked for before everything else, the nearest first, from whoever asks for work: but not from a
  /// peer that would be late if a much faster one that has the piece is at work. A block that will come too
  /// late is asked for once more, from a peer that is expected to have it in half of the time; a few at once.
  mutating func setDeadlines(_ deadlines: some Sequence<Deadline>) {
    lacksRoom = false
    for slot in opened.indices { opened[slot].deadline = .max }
    urgent.removeAll(keepingCapacity: true)
    for deadline in deadlines where missing[Int(deadline.piece)] { urgent.append(deadline) }
    urgent.sort { ($0.piece, $0.time.nanoseconds) < ($1.piece, $1.time.nanoseconds) }
    var kept = 0
    for index in urgent.indices where kept == 0 || urgent[kept - 1].piece != urgent[index].piece {
      urgent[kept] = urgent[index]
      kept += 1
    }
    urgent.removeLast(urgent.count - kept)
    urgent.sort { ($0.time.nanoseconds, $0.piece) < ($1.time.nanoseconds, $1.piece) }
    if urgent.count > Self.maximumDeadlines { urgent.removeLast(urgent.count - Self.maximumDeadlines) }
    for deadline in urgent where slots[Int(deadline.piece)] >= 0 {
      opened[Int(slots[Int(deadline.piece)])].deadline = deadline.time.nanoseconds
    }
  }

  /// `piece` is here, or not wanted any more. O(deadlines), nothing if there are none.
  mutating func dropDeadline(_ piece: Int) {
    guard let index = urgent.firstIndex(where: { Int($0.piece) == piece }) else { return }
    urgent.remove(at: index)
    lacksRoom = lacksRoom && !urgent.isEmpty
    if slots[piece] >= 0 { opened[Int(slots[piece])].deadline = .max }
  }

  /// The deadline of a piece as it is kept with open ones.
  func deadline(_ piece: Int) -> UInt64 {
    guard !urgent.isEmpty else { return .max }
    return urgent.first { Int($0.piece) == piece }?.time.nanoseconds ?? .max
  }

  /// Chooses blocks of pieces with deadlines only; how many were appended. What `pick` begins with. O(deadlines
  /// + peers) beside the blocks; where blocks would be late, O(requests of all peers) for each that is rescued.
  @discardableResult
  mutating func pickUrgent(
    _ count: Int, for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?, now: Instant,
    into blocks: inout [Block]
  ) -> Int {
    lacksRoom = false
    var left = count
    var rivals: Rivals?
    var index = 0
    while left > 0, index < urgent.count {
      walked += 1
      let deadline = urgent[index]
      index += 1
      guard has[Int(deadline.piece)], allowedFast?.contains(deadline.piece) ?? true else { continue }
      let mine = expected(peer)
      let isLate = mine > deadline.time.seconds(since: now)
      if isLate {
        let others = rivals ?? Rivals(self, besides: peer)
        rivals = others
        if others.areFaster(than: mine, at: Int(deadline.piece), self) { continue }
      }
      guard let slot = urgentSlot(Int(deadline.piece), for: peer, isLate: isLate) else {
        let isNear = deadline.time.seconds(since: now) < options.yieldSeconds
        if slots[Int(deadline.piece)] < 0, isNear { lacksRoom = true }
        continue
      }
      left -= take(left, of: slot, for: peer, into: &blocks)
    }
    if left > 0 {
      left -= rescue(
        min(left, options.maximumRescues), for: peer, has: has, allowedFast: allowedFast, now: now,
        into: &blocks)
    }
    return count - left
  }

  /// Seconds until the next block that `peer` is asked for would be here.
  @inline(__always)
  private func expected(_ peer: PeerSlot) -> Double {
    let state = peers[peer.index]
    return state.isSnubbed ? .infinity : Double(state.outstanding + 1) * state.blockSeconds
  }

  /// The piece, opened now if it is not, if it has free blocks for `peer`.
  private mutating func urgentSlot(_ piece: Int, for peer: PeerSlot, isLate: Bool) -> Int? {
    if slots[piece] < 0 {
      guard openCount < max(options.maximumOpenPieces, 1) else { return nil }
      let slot = begin(piece)
      if doubtful[piece] { own(slot, peer) }
      return slot
    }
    let slot = Int(slots[piece])
    guard opened[slot].place >= 0 else { return nil }
    let owner = opened[slot].owner
    if owner >= 0, owner != peer.rawValue {
      // A doubtful piece is its owner's as long as it comes in time.
      if doubtful[piece], !isLate { return nil }
      disown(slot)
    } else if owner < 0, doubtful[piece] {
      own(slot, peer)
    }
    return slot
  }

  /// Takes back what `peer` was asked for last of pieces without deadlines, until `count` requests are left:
  /// what is urgent would else come after all that. O(its requests).
  ///
  /// - Parameters:
  ///   - peer: a peer that joined.
  ///   - count: requests that it keeps.
  ///   - cancels: where the requests are appended.
  mutating func withdraw(from peer: PeerSlot, leaving count: Int, cancels: inout [Assignment]) {
    var request = peers[peer.index].tail
    while request >= 0, peers[peer.index].outstanding > count {
      let entry = requests[Int(request)]
      let slot = Int(entry.block) / blockStride
      if opened[slot].deadline == .max {
        let block = Block(piece: opened[slot].piece, index: entry.block - Int32(slot * blockStride))
        cancels.append(Assignment(peer: peer, block: block))
        release(request)
      }
      request = entry.previous
    }
  }

  /// An open piece to give up for one with a deadline, if there was no buffer for it: the one with the least to
  /// lose among those without. O(open pieces).
  var pieceToYield: Int? {
    guard lacksRoom else { return nil }
    var best: OpenPiece?
    for piece in opened where piece.piece >= 0 && piece.deadline == .max && !piece.isVerifying {
      if best.map({ piece.received < $0.received }) ?? true { best = piece }
    }
    return best.map { Int($0.piece) }
  }
}

/// The peers that may serve a block sooner than the one that asks for work.
private struct Rivals {
  /// Seconds that the fastest of those at work needs for one more block: of all, and of the seeds.
  private var all = Double.infinity
  private var seeds = Double.infinity
  private var joined = 0

  init(_ picker: PiecePicker, besides peer: PeerSlot) {
    for (index, other) in picker.peers.enumerated() where other.isJoined {
      joined += 1
      // Who is asked for nothing may choke us, or lack everything.
      guard index != peer.index, other.isMeasured, !other.isSnubbed, other.outstanding > 0 else { continue }
      let seconds = Double(other.outstanding + 1) * other.blockSeconds
      all = min(all, seconds)
      if other.isSeed { seeds = min(seeds, seconds) }
    }
  }

  /// Whether one that has the piece is several times as fast.
  func areFaster(than seconds: Double, at piece: Int, _ picker: PiecePicker) -> Bool {
    let best = picker.availability(piece) == joined ? all : seeds
    return best * picker.options.endgameAdvantage < seconds
  }
}

extension PiecePicker {
  /// Requests of one holder that are looked at.
  private static let walk = 256

  /// Asks `peer` for blocks with deadlines that their holders will deliver too late.
  private mutating func rescue(
    _ count: Int, for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?, now: Instant,
    into blocks: inout [Block]
  ) -> Int {
    guard !peers[peer.index].isSnubbed, urgent.contains(where: { slots[Int($0.piece)] >= 0 }) else {
      return 0
    }
    var taken = 0
    while taken < count, let flat = latestBlock(for: peer, has: has, allowedFast: allowedFast, now: now) {
      request(flat, from: peer)
      let slot = flat / blockStride
      blocks.append(Block(piece: opened[slot].piece, index: Int32(flat - slot * blockStride)))
      taken += 1
    }
    return taken
  }

  /// The block with the nearest deadline that its holder will miss and `peer` would have much sooner.
  private mutating func latestBlock(
    for peer: PeerSlot, has: Bitfield, allowedFast: [Int32]?, now: Instant
  ) -> Int? {
    let bound = expected(peer) * options.rescueAdvantage
    var best: Int?
    var nearest = UInt64.max
    for holder in peers.indices where holder != peer.index && peers[holder].outstanding > 0 {
      var position = peers[holder].outstanding
      let end = position - Self.walk
      var request = peers[holder].tail
      while request >= 0, position > end {
        walked += 1
        let entry = requests[Int(request)]
        let seconds =
          peers[holder].isSnubbed ? Double.infinity : Double(position) * peers[holder].blockSeconds
        guard seconds > bound else { break }
        let flat = Int(entry.block)
        let deadline = opened[flat / blockStride].deadline
        if deadline < nearest, seconds > Instant(nanoseconds: deadline).seconds(since: now),
          serves(flat, peer, has, allowedFast)
        {
          best = flat
          nearest = deadline
        }
        position -= 1
        request = entry.previous
      }
    }
    return best
  }
}
