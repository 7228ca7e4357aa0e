import Bytes
import EventLoop
import Testing

@testable import BitTorrent

/// A picker beside a naive model of what it should know, driven at random and compared after each step.
struct PickerModel {
  struct Peer {
    var has: Bitfield
    var interest: InterestCount
    var isSnubbed = false
    /// Everything that it was ever asked for, cancels and releases included.
    var asked: Set<Block> = []
  }

  let seed: UInt64
  let geometry: PieceGeometry
  var picker: PiecePicker
  var random: SeededGenerator
  var peers: [Int: Peer] = [:]
  var have: Set<Int> = []
  var priorities: [Int: PiecePriority] = [:]
  var requests: [Block: Set<Int>] = [:]
  var arrived: Set<Block> = []
  /// Missing pieces with deadlines.
  var deadlines: [Int: Instant] = [:]
  var now = Instant(nanoseconds: 1_000_000_000_000)

  init(seed: UInt64) {
    self.seed = seed
    random = SeededGenerator(seed: seed)
    let pieces = 1 + random.number(below: 12)
    let blocks = [1, 2, 3, 4, 5, 7, 66][random.number(below: 7)]
    let padding = (0..<pieces).map {
      [Int](arrayLiteral: 0, 0, 1, 20_000, blocks * Block.size)[($0 + blocks) % 5]
    }
    let isPadded = random.number(below: 3) == 0
    let length = blocks * Block.size
    let tail = 1 + random.number(below: length)
    geometry = PieceGeometry(
      pieceCount: pieces, pieceLength: length, size: { $0 == pieces - 1 ? tail : length },
      padding: { isPadded ? padding[$0] : 0 })
    var options = PickerOptions()
    options.maximumOpenPieces = 1 + random.number(below: 6)
    options.randomFirstPieces = random.number(below: 3) * 2
    options.maximumRequesters = 1 + random.number(below: 3)
    options.wholePieceSeconds = Double(random.number(below: 10))
    options.isSequential = random.number(below: 3) == 0
    var field = Bitfield(count: pieces)
    for piece in 0..<pieces where random.number(below: 6) == 0 {
      field[piece] = true
      have.insert(piece)
    }
    for piece in 0..<pieces { priorities[piece] = .normal }
    picker = PiecePicker(
      geometry: geometry, have: field, random: SeededGenerator(seed: seed ^ 0xABCD), options: options)
  }

  // MARK: What the model knows

  func isMissing(_ piece: Int) -> Bool {
    !have.contains(piece) && priorities[piece] != .skip && geometry.blockCount(piece) > 0
  }

  func blocks(_ piece: Int) -> [Block] {
    (0..<geometry.blockCount(piece)).map { Block(piece: Int32(piece), index: Int32($0)) }
  }

  func isOpen(_ piece: Int) -> Bool {
    blocks(piece).contains { arrived.contains($0) || requests[$0, default: []].isEmpty == false }
  }

  func isFree(_ block: Block) -> Bool { !arrived.contains(block) && requests[block, default: []].isEmpty }

  func availability(_ piece: Int) -> Int { peers.values.filter { $0.has[piece] }.count }

  /// Smaller is better.
  func rank(_ piece: Int) -> (Int, Int) {
    (-Int(priorities[piece, default: .normal].rawValue), availability(piece))
  }

  // MARK: One step

  mutating func step() {
    now = now + Double(random.number(below: 3)) / 4
    switch random.number(below: 42) {
    case 0...1: join()
    case 2: leave()
    case 3...4: have(isGained: true)
    case 5: have(isGained: false)
    case 6: measure()
    case 7: release()
    case 8: choke()
    case 9: prioritise()
    case 10: lose()
    case 11: garbage()
    case 12: finish()
    case 13: if random.number(below: 4) == 0 { spoil() } else { finish() }
    case 14...25: pick()
    case 40...41: hurry()
    default: deliver()
    }
    compare()
  }

  private mutating func anyone() -> Int? {
    let all = peers.keys.sorted()
    return all.isEmpty ? nil : all[random.number(below: all.count)]
  }

  private mutating func join() {
    guard let number = (0..<6).first(where: { peers[$0] == nil }) else { return }
    var has = Bitfield(count: geometry.pieceCount, allSet: random.number(below: 3) == 0)
    for piece in 0..<geometry.pieceCount where random.number(below: 2) == 0 { has[piece] = true }
    picker.join(PeerSlot(Int32(number)), has: has)
    peers[number] = Peer(has: has, interest: InterestCount(has: has, missing: picker.missing))
  }

  private mutating func leave() {
    guard let number = anyone(), let peer = peers.removeValue(forKey: number) else { return }
    picker.leave(PeerSlot(Int32(number)), has: peer.has)
    forgetRequests { _, holder in holder == number }
  }

  private mutating func forgetRequests(_ isGone: (Block, Int) -> Bool) {
    for (block, holders) in requests where holders.contains(where: { isGone(block, $0) }) {
      requests[block] = holders.filter { !isGone(block, $0) }
    }
  }

  private mutating func have(isGained: Bool) {
    guard let number = anyone(), var peer = peers[number] else { return }
    let piece = random.number(below: geometry.pieceCount)
    guard peer.has[piece] != isGained else { return }
    peer.has[piece] = isGained
    if isGained {
      picker.peerGained(piece, PeerSlot(Int32(number)))
      peer.interest.peerGained(piece, missing: picker.missing)
    } else {
      picker.peerLost(piece, PeerSlot(Int32(number)))
      peer.interest.peerLost(piece, missing: picker.missing)
    }
    peers[number] = peer
    if !isGained { forgetRequests { $0.piece == piece && $1 == number } }
  }

  private mutating func measure() {
    guard let number = anyone() else { return }
    let isSnubbed = random.number(below: 4) == 0
    peers[number]?.isSnubbed = isSnubbed
    let rate = [0, 1e3, 20e3, 1e6, 1e9][random.number(below: 5)]
    picker.measured(PeerSlot(Int32(number)), rate: rate, isSnubbed: isSnubbed)
    picker.parole(PeerSlot(Int32(number)), random.number(below: 8) == 0)
  }

  private mutating func release() {
    guard let number = anyone(), let peer = peers[number] else { return }
    let held = requests.filter { $0.value.contains(number) }.keys.sorted(by: Self.isBefore)
    let candidates = held + peer.asked.sorted(by: Self.isBefore).prefix(1)
    guard !candidates.isEmpty else { return }
    let block = candidates[random.number(below: candidates.count)]
    expect(picker.released(block, by: PeerSlot(Int32(number))), is: held.contains(block))
    requests[block]?.remove(number)
  }

  private mutating func choke() {
    guard let number = anyone() else { return }
    picker.dropAll(of: PeerSlot(Int32(number)))
    forgetRequests { $1 == number }
  }

  private mutating func prioritise() {
    let piece = random.number(below: geometry.pieceCount)
    let priority = PiecePriority.allCases[random.number(below: 4)]
    let wasMissing = isMissing(piece)
    var cancels: [Assignment] = []
    if random.number(below: 4) == 0, isOpen(piece) {
      picker.discard(piece, cancels: &cancels)
      drop(piece, cancels)
      return
    }
    picker.want(piece, priority, cancels: &cancels)
    priorities[piece] = priority
    if priority == .skip {
      drop(piece, cancels)
      deadlines[piece] = nil
    } else {
      #expect(cancels.isEmpty)
    }
    tell(piece, wasMissing)
  }

  private mutating func hurry() {
    deadlines = [:]
    var given: [Deadline] = []
    for _ in 0..<random.number(below: 5) {
      let piece = random.number(below: geometry.pieceCount)
      let time = now + (Double(random.number(below: 40)) / 4 - 2)
      given.append(Deadline(time: time, piece: Int32(piece)))
      if isMissing(piece) { deadlines[piece] = deadlines[piece].map { Swift.min($0, time) } ?? time }
    }
    picker.setDeadlines(given)
    guard random.number(below: 2) == 0, let number = anyone() else { return }
    let left = random.number(below: 6)
    var cancels: [Assignment] = []
    picker.withdraw(from: PeerSlot(Int32(number)), leaving: left, cancels: &cancels)
    for cancel in cancels {
      #expect(cancel.peer.index == number && deadlines[Int(cancel.block.piece)] == nil)
      #expect(requests[cancel.block]?.remove(number) != nil)
    }
    let kept = requests.filter { $0.value.contains(number) }.keys
    #expect(kept.count <= left || kept.allSatisfy { deadlines[Int($0.piece)] != nil })
  }

  private mutating func drop(_ piece: Int, _ cancels: [Assignment]) {
    let expected = blocks(piece).flatMap { block in
      requests[block, default: []].map { Assignment(peer: PeerSlot(Int32($0)), block: block) }
    }
    #expect(Set(cancels) == Set(expected) && cancels.count == expected.count)
    for block in blocks(piece) {
      requests[block] = nil
      arrived.remove(block)
    }
  }

  private mutating func tell(_ piece: Int, _ wasMissing: Bool) {
    guard isMissing(piece) != wasMissing else { return }
    for number in peers.keys.sorted() {
      guard var peer = peers[number] else { continue }
      let was = peer.interest.isInterested
      let flipped =
        wasMissing
        ? peer.interest.settled(piece, has: peer.has) : peer.interest.missed(piece, has: peer.has)
      #expect(flipped == (was != peer.interest.isInterested))
      peers[number] = peer
    }
  }

  private mutating func lose() {
    guard let piece = have.sorted().randomElement(using: &random) else { return }
    picker.forget(piece)
    have.remove(piece)
    tell(piece, false)
  }

  private mutating func garbage() {
    guard let number = anyone() else { return }
    let block = Block(
      piece: Int32(random.number(below: geometry.pieceCount + 2) - 1),
      index: Int32(random.number(below: 140) - 1))
    guard requests[block, default: []].contains(number) == false else { return }
    let isReal =
      block.piece >= 0 && block.piece < geometry.pieceCount && block.index >= 0
      && block.index < geometry.blockCount(Int(block.piece))
    let isHere = isReal && (arrived.contains(block) || have.contains(Int(block.piece)))
    expect(picker.take(block, PeerSlot(Int32(number))).0, is: isHere ? .duplicate : .unrequested)
  }

  private mutating func finish() {
    let whole = (0..<geometry.pieceCount).filter { piece in
      isMissing(piece) && blocks(piece).allSatisfy { arrived.contains($0) }
    }
    guard let piece = whole.randomElement(using: &random) else { return }
    switch random.number(below: 4) {
    case 0:
      picker.pieceFailed(piece)
      for block in blocks(piece) { arrived.remove(block) }
    case 1:
      let bad = (0..<geometry.blockCount(piece)).filter { _ in random.number(below: 2) == 0 }
      picker.pieceFailed(piece, badBlocks: bad)
      for index in bad.isEmpty ? Array(0..<geometry.blockCount(piece)) : bad {
        arrived.remove(Block(piece: Int32(piece), index: Int32(index)))
      }
    default:
      picker.pieceVerified(piece)
      for block in blocks(piece) { arrived.remove(block) }
      have.insert(piece)
      deadlines[piece] = nil
      tell(piece, true)
    }
  }

  /// Some blocks that are here turn out wrong, whether their piece is whole or not.
  private mutating func spoil() {
    guard let block = arrived.sorted(by: Self.isBefore).randomElement(using: &random) else { return }
    let piece = Int(block.piece)
    let bad = (0..<geometry.blockCount(piece)).filter { _ in random.number(below: 3) == 0 }
    picker.blocksFailed(piece, bad + [Int(block.index), -1, 1000])
    for index in bad + [Int(block.index)] {
      arrived.remove(Block(piece: block.piece, index: Int32(index)))
    }
  }

  private mutating func deliver() {
    guard let number = anyone(), let peer = peers[number] else { return }
    let wasAsked = random.number(below: 8) == 0
    let held = requests.filter { $0.value.contains(number) }.keys.sorted(by: Self.isBefore)
    let candidates = wasAsked ? peer.asked.sorted(by: Self.isBefore) : held
    guard let block = candidates.randomElement(using: &random) else { return }
    let piece = Int(block.piece)
    let isHere = arrived.contains(block) || have.contains(piece)
    let opens = !isOpen(piece)
    let hasRoom = picker.openCount < picker.options.maximumOpenPieces
    var others: [PeerSlot] = []
    let receipt = picker.received(block, from: PeerSlot(Int32(number)), wasAsked: wasAsked, others: &others)
    guard !isHere else { return #expect(receipt == .duplicate && others.isEmpty) }
    guard isMissing(piece), !opens || hasRoom else {
      return #expect(receipt == .unrequested && others.isEmpty)
    }
    #expect(Set(others.map(\.index)) == requests[block, default: []].subtracting([number]))
    requests[block] = nil
    arrived.insert(block)
    let isWhole = blocks(piece).allSatisfy { arrived.contains($0) }
    #expect(receipt == (isWhole ? .completesPiece : .needed))
  }

  static func isBefore(_ one: Block, _ other: Block) -> Bool {
    (one.piece, one.index) < (other.piece, other.index)
  }
}

extension PickerModel {
  // MARK: Choosing

  mutating func pick() {
    guard let number = anyone(), let peer = peers[number] else { return }
    let count = 1 + random.number(below: 12)
    let isChoked = random.number(below: 5) == 0
    let allowed = isChoked ? (0..<3).map { _ in Int32(random.number(below: geometry.pieceCount + 1)) } : nil
    let hints = random.number(below: 5) == 0 ? [Int32(random.number(below: geometry.pieceCount + 2)) - 1] : []
    let shared = picker.opened.filter { $0.piece >= 0 && $0.owner < 0 }.map { Int($0.piece) }
    let isFreeChoice = hints.isEmpty && allowed == nil && deadlines.isEmpty
    var blocks: [Block] = []
    let given = picker.pick(
      count, for: PeerSlot(Int32(number)), has: peer.has, allowedFast: allowed, suggested: hints, now: now,
      into: &blocks)
    #expect(given == blocks.count && given <= count)
    func mayServe(_ piece: Int) -> Bool {
      isMissing(piece) && peer.has[piece] && allowed?.contains(Int32(piece)) ?? true
    }
    for block in blocks {
      let piece = Int(block.piece)
      #expect(mayServe(piece) && !arrived.contains(block) && block.index < geometry.blockCount(piece))
      let holders = requests[block, default: []]
      #expect(!holders.contains(number))
      if !holders.isEmpty {
        if deadlines[piece] == nil { checkExhausted(number, mayServe) }
        checkDuplicate(holders, peer)
      } else if !isOpen(piece) {
        // A suggested piece comes before those that others have begun, as any does for who is on parole.
        let isAlone = picker.isOnParole(PeerSlot(Int32(number)))
        let before = isAlone || hints.contains(Int32(piece)) ? [] : shared
        checkOpening(piece, before, isFreeChoice: isFreeChoice, mayServe)
      } else {
        #expect(self.blocks(piece).first { isFree($0) } == block)
      }
      requests[block, default: []].insert(number)
      peers[number]?.asked.insert(block)
    }
    if given < count { checkExhausted(number, mayServe) }
  }

  /// No block that nobody holds is left for the peer.
  private func checkExhausted(_ number: Int, _ mayServe: (Int) -> Bool) {
    let isOnParole = picker.isOnParole(PeerSlot(Int32(number)))
    // A piece with a deadline may be left to a faster peer.
    for piece in 0..<geometry.pieceCount where mayServe(piece) && deadlines[piece] == nil {
      if isOpen(piece) {
        // On parole it keeps away from what others work on.
        let isInWork = isOnParole && blocks(piece).contains { requests[$0]?.isEmpty == false }
        #expect(isInWork || !blocks(piece).contains { isFree($0) })
      } else {
        #expect((0..<geometry.pieceCount).filter { isOpen($0) }.count >= picker.options.maximumOpenPieces)
      }
    }
  }

  private func checkDuplicate(_ holders: Set<Int>, _ peer: Peer) {
    #expect(!peer.isSnubbed)
    let areSnubbed = holders.allSatisfy { peers[$0]?.isSnubbed ?? false }
    #expect(holders.count < picker.options.maximumRequesters + (areSnubbed ? 1 : 0))
  }

  private func checkOpening(
    _ piece: Int, _ shared: [Int], isFreeChoice: Bool, _ mayServe: (Int) -> Bool
  ) {
    #expect((0..<geometry.pieceCount).filter { isOpen($0) }.count < picker.options.maximumOpenPieces)
    guard deadlines[piece] == nil else { return }
    for other in shared
    where mayServe(other) && isOpen(other) && rank(other).0 <= rank(piece).0 && deadlines[other] == nil {
      #expect(!blocks(other).contains { isFree($0) })
    }
    for other in 0..<geometry.pieceCount where mayServe(other) && !isOpen(other) {
      let (mine, theirs) = (rank(piece), rank(other))
      #expect(mine.0 <= theirs.0 || deadlines[other] != nil)
      guard isFreeChoice, mine.0 == theirs.0 else { continue }
      if picker.options.isSequential {
        #expect(piece <= other)
      } else if have.count >= picker.options.randomFirstPieces {
        #expect(mine.1 <= theirs.1)
      }
    }
  }

  // MARK: Comparing

  /// One expectation for all, because each costs much more than what it compares.
  func compare() {
    var faults = picker.checkInvariants()
    func check(_ isRight: Bool, _ what: String) {
      if !isRight { faults.append(what) }
    }
    for piece in 0..<geometry.pieceCount {
      check(picker.have[piece] == have.contains(piece), "have \(piece)")
      check(picker.missing[piece] == isMissing(piece), "missing \(piece)")
      check(picker.availability(piece) == availability(piece), "availability of \(piece)")
      check((picker.slots[piece] >= 0) == isOpen(piece), "open \(piece)")
      guard isOpen(piece) || picker.slots[piece] >= 0 else { continue }
      for block in blocks(piece) {
        let held = Set(picker.requesters(of: block).map(\.index))
        check(held == requests[block, default: []], "requesters of \(block)")
      }
    }
    for (number, peer) in peers {
      let held = requests.values.reduce(0) { $0 + ($1.contains(number) ? 1 : 0) }
      check(picker.outstanding(PeerSlot(Int32(number))) == held, "outstanding of \(number)")
      check(
        peer.interest.isInterested == InterestCount(has: peer.has, missing: picker.missing).isInterested,
        "interest in \(number)")
      check(peer.interest == InterestCount(has: peer.has, missing: picker.missing), "count for \(number)")
    }
    let open = (0..<geometry.pieceCount).filter { isMissing($0) && isOpen($0) }
    check(open.count == picker.openCount, "openCount")
    let urgent = Dictionary(picker.urgent.map { (Int($0.piece), $0.time) }) { one, _ in one }
    check(urgent == deadlines, "deadlines")
    let hasFree =
      open.contains { blocks($0).contains { isFree($0) } }
      || (0..<geometry.pieceCount).contains { isMissing($0) && !isOpen($0) && availability($0) > 0 }
    check(picker.isEndgame == !hasFree, "isEndgame")
    #expect(faults == [], "seed \(seed)")
  }
}

@Suite struct PiecePickerModelTests {
  @Test(arguments: 0..<60)
  func `it does what a naive model does`(seed: UInt64) {
    var model = PickerModel(seed: seed)
    for _ in 0..<250 { model.step() }
  }
}
