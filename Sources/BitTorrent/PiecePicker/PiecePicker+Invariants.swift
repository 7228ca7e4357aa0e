import Bytes
import EventLoop

extension PiecePicker {
  /// What is wrong inside, in words; empty if nothing. O(everything): for tests, after each step.
  func checkInvariants() -> [String] {
    order.checkInvariants() + pieceFaults() + blockFaults() + queueFaults() + deadlineFaults()
  }

  private func pieceFaults() -> [String] {
    var faults: [String] = []
    for piece in 0..<geometry.pieceCount {
      let isWanted = priority(piece) != .skip && geometry.blockCount(piece) > 0
      if missing[piece] != (isWanted && !have[piece]) { faults.append("missing is wrong for \(piece)") }
      let isOpen = slots[piece] >= 0
      if isOpen && order.free[piece] { faults.append("piece \(piece) is open and free") }
      if (isOpen || order.free[piece]) != missing[piece] { faults.append("piece \(piece) has no state") }
      if isOpen && opened[Int(slots[piece])].piece != piece { faults.append("\(piece) is in a wrong slot") }
      if doubtful[piece] && have[piece] { faults.append("piece \(piece) is ours and doubtful") }
    }
    if slots.filter({ $0 >= 0 }).count != openCount { faults.append("openCount is wrong") }
    if opened.filter({ $0.piece >= 0 && $0.isVerifying }).count != verifyingCount {
      faults.append("verifyingCount is wrong")
    }
    if opened.count != openCount + vacantOpen.count { faults.append("slots were lost") }
    if peers.filter(\.isSeed).count != seeds { faults.append("seeds is wrong") }
    return faults
  }

  private func blockFaults() -> [String] {
    var faults: [String] = []
    for (slot, piece) in opened.enumerated() where piece.piece >= 0 {
      let range = 0..<piece.blockCount
      let chain = range.map { chains[chainIndex(slot, $0)] }
      let bits = range.map { freeBlocks[slot * wordStride + Int($0) / 64] >> UInt64($0 % 64) & 1 == 1 }
      if bits != chain.map({ $0 == Self.noRequest }) { faults.append("piece \(piece.piece): free bits") }
      if bits.filter({ $0 }).count != piece.free { faults.append("piece \(piece.piece): free count") }
      if chain.filter({ $0 == Self.isReceived }).count != piece.received {
        faults.append("piece \(piece.piece): received count")
      }
      if let first = bits.firstIndex(of: true), first / 64 < piece.firstWord {
        faults.append("piece \(piece.piece): a free block before the first word")
      }
      if piece.free == piece.blockCount { faults.append("piece \(piece.piece) is open for nothing") }
      faults += listFaults(slot, piece)
    }
    let listed = shared.count + owned.count
    if opened.filter({ $0.place >= 0 }).count != listed { faults.append("lists hold pieces twice") }
    return faults
  }

  private func deadlineFaults() -> [String] {
    var faults: [String] = []
    let order = urgent.map { ($0.time.nanoseconds, $0.piece) }
    if !zip(order, order.dropFirst()).allSatisfy({ $0 < $1 }) { faults.append("deadlines are not sorted") }
    if Set(urgent.map(\.piece)).count != urgent.count { faults.append("a piece has two deadlines") }
    for deadline in urgent where !missing[Int(deadline.piece)] {
      faults.append("piece \(deadline.piece) has a deadline and is not missing")
    }
    for piece in opened where piece.piece >= 0 && piece.deadline != deadline(Int(piece.piece)) {
      faults.append("piece \(piece.piece) is open with a wrong deadline")
    }
    return faults
  }

  private func listFaults(_ slot: Int, _ piece: OpenPiece) -> [String] {
    guard piece.free > 0 else {
      return piece.place < 0 && piece.owner < 0 ? [] : ["piece \(piece.piece) is listed without free blocks"]
    }
    let list = piece.owner >= 0 ? owned : shared
    guard piece.place >= 0, piece.place < list.count, list[Int(piece.place)] == slot else {
      return ["piece \(piece.piece) is not in its list"]
    }
    guard piece.owner < 0 || peers[Int(piece.owner)].owned == slot else {
      return ["piece \(piece.piece): its owner does not know"]
    }
    return []
  }

  private func queueFaults() -> [String] {
    var faults: [String] = []
    var queued = 0
    for (peer, state) in peers.enumerated() {
      var (count, previous, request) = (0, Int32(-1), state.head)
      while request >= 0 {
        let entry = requests[Int(request)]
        if entry.previous != previous || entry.peer != peer { faults.append("peer \(peer): broken queue") }
        var (chained, seen) = (chains[Int(entry.block)], 0)
        while chained >= 0 {
          if requests[Int(chained)].peer == peer { seen += 1 }
          chained = requests[Int(chained)].sibling
        }
        if seen != 1 { faults.append("peer \(peer) is asked \(seen) times for one block") }
        (count, previous, request) = (count + 1, request, entry.next)
      }
      if state.tail != previous { faults.append("peer \(peer): wrong tail") }
      if count != state.outstanding { faults.append("peer \(peer): wrong count of requests") }
      if !state.isJoined && count > 0 { faults.append("peer \(peer) is gone and has requests") }
      if state.owned >= 0 && opened[Int(state.owned)].owner != peer {
        faults.append("peer \(peer): not its own")
      }
      queued += count
    }
    var (vacant, request) = (0, vacantRequest)
    while request >= 0 { (vacant, request) = (vacant + 1, requests[Int(request)].next) }
    if queued + vacant != requests.count { faults.append("requests were lost") }
    return faults
  }
}
