import Bytes
import EventLoop
import Testing

@testable import BitTorrent

/// Priorities, sequential mode and deadlines.
@Suite struct PiecePickerOrderTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)

  /// Takes and verifies pieces from one seed, a block at a time, in the order in which they come.
  private func order(_ picker: inout PiecePicker, _ peer: PeerSlot = alice, limit: Int = .max) -> [Int] {
    let all = Bitfield(count: picker.geometry.pieceCount, allSet: true)
    var done: [Int] = []
    while done.count < limit, let block = picker.picked(1, peer, all).first {
      guard picker.take(block, peer).0 == .completesPiece else { continue }
      picker.pieceVerified(Int(block.piece))
      done.append(Int(block.piece))
    }
    return done
  }

  private func sequential(_ pieces: Int, blocks: Int = 4) -> PiecePicker {
    var options = PickerOptions()
    options.isSequential = true
    return picker(pieces, blocks: blocks, options: options)
  }

  private func hurry(_ picker: inout PiecePicker, _ deadlines: [(Int, Double)]) {
    picker.setDeadlines(deadlines.map { Deadline(time: start + $0.1, piece: Int32($0.0)) })
  }

  @Test func `high comes before normal, normal before low, unwanted never`() {
    for seed in 0..<20 as Range<UInt64> {
      var picker = picker(12, seed: seed)
      picker.join(alice, has: bits(12, 0..<12))
      var cancels: [Assignment] = []
      let levels: [PiecePriority] = [.low, .high, .normal, .skip]
      for piece in 0..<12 { picker.want(piece, levels[piece % 4], cancels: &cancels) }
      let order = order(&picker)
      #expect(order.map { $0 % 4 } == [1, 1, 1, 2, 2, 2, 0, 0, 0])
      #expect(picker.isDone && picker.checkInvariants() == [])
    }
  }

  @Test func `what becomes urgent is begun before what is begun goes on`() {
    var picker = picker(10)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    let begun = picker.picked(1, alice, all)[0].piece
    let chosen = Int32((Int(begun) + 3) % 10)
    var cancels: [Assignment] = []
    picker.want(Int(chosen), .high, cancels: &cancels)
    expect(picker.picked(4, alice, all).map(\.piece), is: [chosen, chosen, chosen, chosen])
    expect(picker.picked(3, alice, all).map(\.piece), is: [begun, begun, begun])
  }

  @Test func `in sequence each piece comes after the one before, priorities first`() {
    var picker = sequential(200)
    picker.join(alice, has: bits(200, 0..<200))
    picker.join(bob, has: bits(200, 100..<200))
    var cancels: [Assignment] = []
    for piece in 40..<45 { picker.want(piece, .high, cancels: &cancels) }
    for piece in 3..<6 { picker.want(piece, .low, cancels: &cancels) }
    for piece in 7..<9 { picker.want(piece, .skip, cancels: &cancels) }
    let expected =
      Array(40..<45) + (0..<200).filter { !(40..<45 ~= $0 || 3..<9 ~= $0) || $0 == 6 } + [3, 4, 5]
    #expect(order(&picker) == expected)
    #expect(picker.checkInvariants() == [])
  }

  @Test func `in sequence a choice looks at few pieces`() {
    var picker = sequential(20_000, blocks: 1)
    picker.join(alice, has: bits(20_000, 0..<20_000))
    let before = picker.steps
    #expect(order(&picker).count == 20_000)
    #expect(picker.steps - before < 10 * 20_000)
  }

  @Test func `in sequence peers work on neighbouring pieces`() {
    var picker = sequential(50)
    let all = bits(50, 0..<50)
    for peer in [alice, bob, carol] {
      picker.join(peer, has: all)
      picker.measured(peer, rate: fast)
    }
    let pieces = [alice, bob, carol].map { picker.picked(1, $0, all)[0].piece }
    #expect(pieces == [0, 1, 2])
  }

  @Test func `deadlines come first, the nearest before the others`() {
    var picker = picker(30)
    picker.join(alice, has: bits(30, 0..<30))
    hurry(&picker, [(20, 9), (7, 3), (25, 5), (7, 4)])
    expect(order(&picker, limit: 3), is: [7, 25, 20])
    #expect(picker.urgent.isEmpty && picker.checkInvariants() == [])
  }

  @Test func `a new deadline goes before the piece that a peer has for itself`() {
    var picker = picker(30)
    let all = bits(30, 0..<30)
    picker.join(alice, has: all)
    picker.measured(alice, rate: fast)
    let own = picker.picked(1, alice, all)[0].piece
    let seek = (Int(own) + 11) % 30
    hurry(&picker, [(seek, 0)])
    expect(
      picker.picked(6, alice, all).map { Int($0.piece) }, is: [seek, seek, seek, seek, Int(own), Int(own)])
  }

  @Test func `a peer that would be late leaves a deadline to one that is much faster`() {
    var picker = picker(10)
    let all = bits(10, 0..<10)
    for peer in [alice, bob] { picker.join(peer, has: all) }
    picker.measured(alice, rate: fast)
    picker.measured(bob, rate: slow)
    _ = picker.picked(1, alice, all)
    hurry(&picker, [(9, 0.5)])
    var blocks: [Block] = []
    // A block takes bob 1.6 seconds.
    picker.pick(3, for: bob, has: all, now: start, into: &blocks)
    #expect(blocks.count == 3 && blocks.allSatisfy { $0.piece != 9 })
    // With time enough, or alone, it does its share.
    hurry(&picker, [(9, 60)])
    blocks = []
    picker.pick(1, for: bob, has: all, now: start, into: &blocks)
    #expect(blocks.map(\.piece) == [9])
    hurry(&picker, [(8, 0.5)])
    picker.dropAll(of: alice)
    blocks = []
    picker.pick(1, for: bob, has: all, now: start, into: &blocks)
    #expect(blocks.map(\.piece) == [8])
    #expect(picker.checkInvariants() == [])
  }

  @Test func `a block that will miss its deadline is asked of a faster peer as well, of one and not of more`()
  {
    var picker = picker(10)
    let all = bits(10, 0..<10)
    for peer in [alice, bob, carol] { picker.join(peer, has: all) }
    picker.measured(bob, rate: slow)
    hurry(&picker, [(4, 2)])
    var blocks: [Block] = []
    picker.pick(4, for: bob, has: all, now: start, into: &blocks)
    #expect(blocks.map(\.piece) == [4, 4, 4, 4])
    picker.measured(alice, rate: fast)
    picker.measured(carol, rate: fast)
    blocks = []
    picker.pick(4, for: alice, has: all, now: start, into: &blocks)
    // The first one bob will deliver in time.
    #expect(
      blocks.prefix(3).map(\.index).sorted() == [1, 2, 3] && blocks.prefix(3).allSatisfy { $0.piece == 4 })
    #expect(blocks[3].piece != 4)
    #expect(picker.requesters(of: blocks[0]).count == 2)
    blocks = []
    picker.pick(4, for: carol, has: all, now: start, into: &blocks)
    #expect(blocks.allSatisfy { $0.piece != 4 })
    #expect(picker.checkInvariants() == [])
  }

  @Test func `without a deadline in danger nothing is asked twice`() {
    var picker = picker(10)
    let all = bits(10, 0..<10)
    for peer in [alice, bob] { picker.join(peer, has: all) }
    picker.measured(bob, rate: slow)
    hurry(&picker, [(4, 20)])
    var blocks: [Block] = []
    picker.pick(4, for: bob, has: all, now: start, into: &blocks)
    picker.measured(alice, rate: fast)
    blocks = []
    picker.pick(8, for: alice, has: all, now: start, into: &blocks)
    #expect(blocks.allSatisfy { $0.piece != 4 })
  }

  @Test func `for a near deadline a piece yields its buffer, for a far one it does not`() {
    var options = PickerOptions()
    options.maximumOpenPieces = 2
    var picker = picker(10, options: options)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    let first = picker.picked(8, alice, all)
    _ = picker.take(first[0], alice)
    let free = (0..<10).filter { picker.slots[$0] < 0 }[0]
    hurry(&picker, [(free, 30)])
    var blocks: [Block] = []
    picker.pick(4, for: alice, has: all, now: start, into: &blocks)
    #expect(blocks.isEmpty && picker.pieceToYield == nil)
    hurry(&picker, [(free, 0)])
    picker.pick(4, for: alice, has: all, now: start, into: &blocks)
    // The one of which nothing has come.
    let yielded = first.map(\.piece).first { $0 != first[0].piece }.map(Int.init)
    #expect(blocks.isEmpty && picker.pieceToYield == yielded)
    var cancels: [Assignment] = []
    if let yielded { picker.discard(yielded, cancels: &cancels) }
    #expect(cancels.count == 4)
    picker.pick(4, for: alice, has: all, now: start, into: &blocks)
    #expect(blocks.map { Int($0.piece) } == [free, free, free, free])
    #expect(picker.pieceToYield == nil && picker.checkInvariants() == [])
  }

  @Test func `of very many deadlines the nearest are kept`() {
    var picker = picker(2000, blocks: 1)
    hurry(&picker, (0..<2000).reversed().map { ($0, Double($0)) })
    #expect(picker.urgent.map(\.piece) == (0..<Int32(PiecePicker.maximumDeadlines)).map { $0 })
    #expect(picker.checkInvariants() == [])
  }

  @Test func `what is not urgent is taken back, the newest first`() {
    var picker = picker(10)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    hurry(&picker, [(3, 0)])
    var blocks: [Block] = []
    picker.pick(12, for: alice, has: all, now: start, into: &blocks)
    #expect(blocks.prefix(4).allSatisfy { $0.piece == 3 } && blocks[11].piece != 3)
    var cancels: [Assignment] = []
    picker.withdraw(from: alice, leaving: 6, cancels: &cancels)
    #expect(cancels.map(\.block) == blocks[6...].reversed())
    #expect(picker.checkInvariants() == [])
    picker.withdraw(from: alice, leaving: 0, cancels: &cancels)
    #expect(picker.outstanding(alice) == 4 && picker.openCount == 1)
    #expect(picker.checkInvariants() == [])
  }
}
