import Bytes
import Testing

@testable import BitTorrent

/// A bit field of `count` pieces with those of `pieces` set.
func bits(_ count: Int, _ pieces: some Sequence<Int>) -> Bitfield {
  var field = Bitfield(count: count)
  for piece in pieces { field[piece] = true }
  return field
}

/// A picker of `pieces` pieces with `blocks` blocks each.
func picker(
  _ pieces: Int, blocks: Int = 4, seed: UInt64 = 1, options: PickerOptions = PickerOptions()
) -> PiecePicker {
  PiecePicker(
    geometry: PieceGeometry(length: pieces * blocks * Block.size, pieceLength: blocks * Block.size),
    have: Bitfield(count: pieces), random: SeededGenerator(seed: seed), options: options)
}

extension PiecePicker {
  mutating func picked(_ count: Int, _ peer: PeerSlot, _ has: Bitfield, allowedFast: [Int32]? = nil)
    -> [Block]
  {
    var blocks: [Block] = []
    pick(count, for: peer, has: has, allowedFast: allowedFast, into: &blocks)
    return blocks
  }

  mutating func take(_ block: Block, _ peer: PeerSlot) -> (BlockReceipt, [PeerSlot]) {
    var others: [PeerSlot] = []
    return (received(block, from: peer, others: &others), others)
  }
}

let (alice, bob, carol, dave) = (PeerSlot(0), PeerSlot(1), PeerSlot(2), PeerSlot(3))
let fast = 100e6
let slow = 10e3

@Suite struct PiecePickerTests {
  private let rarestAtOnce = {
    var options = PickerOptions()
    options.randomFirstPieces = 0
    return options
  }()

  @Test(arguments: 1...20)
  func `the rarest piece comes first`(seed: UInt64) {
    var picker = picker(6, seed: seed, options: rarestAtOnce)
    let all = bits(6, 0..<6)
    picker.join(alice, has: all)
    picker.join(bob, has: bits(6, [0, 1, 2, 3, 5]))
    picker.join(carol, has: bits(6, [0, 1, 2, 3, 4]))
    picker.join(dave, has: bits(6, [0, 1]))
    let order = picker.picked(24, alice, all).map(\.piece)
    #expect(Set(order[..<8]) == [4, 5] && order[0] == order[3] && order[8] != order[3])
    #expect(picker.checkInvariants() == [])
  }

  @Test func `ties are broken at random and the first pieces are not the rarest`() {
    var chosen: Set<Int32> = []
    var first: Set<Int32> = []
    for seed in 0..<200 as Range<UInt64> {
      var one = picker(8, seed: seed, options: rarestAtOnce)
      one.join(alice, has: bits(8, 0..<8))
      one.join(bob, has: bits(8, 4..<8))
      chosen.insert(one.picked(1, alice, bits(8, 0..<8))[0].piece)
      var other = picker(8, seed: seed)
      other.join(alice, has: bits(8, 0..<8))
      other.join(bob, has: bits(8, 4..<8))
      first.insert(other.picked(1, alice, bits(8, 0..<8))[0].piece)
    }
    #expect(chosen == [0, 1, 2, 3])
    #expect(first == Set(0..<8))
  }

  @Test func `partial pieces are finished before others are begun`() {
    var picker = picker(10)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    picker.join(bob, has: all)
    let first = picker.picked(3, alice, all)
    let second = picker.picked(2, bob, all)
    #expect(first.map(\.index) == [0, 1, 2])
    #expect(second[0] == Block(piece: first[0].piece, index: 3))
    #expect(second[1].piece != first[0].piece)
    #expect(picker.openCount == 2)
  }

  @Test func `a fast peer has a piece for itself and slow ones share another`() {
    var picker = picker(10, blocks: 64)
    let all = bits(10, 0..<10)
    for peer in [alice, bob, carol] { picker.join(peer, has: all) }
    picker.measured(alice, rate: fast)
    picker.measured(bob, rate: slow)
    picker.measured(carol, rate: slow)
    let own = picker.picked(1, alice, all)[0].piece
    let common = picker.picked(1, bob, all)[0].piece
    #expect(common != own)
    expect(picker.picked(1, carol, all)[0].piece, is: common)
    expect(picker.picked(8, alice, all).allSatisfy { $0.piece == common } == false)
    #expect(picker.openCount == 2)
  }

  @Test func `no more pieces are opened than there are buffers for`() {
    var options = PickerOptions()
    options.maximumOpenPieces = 2
    var picker = picker(10, blocks: 2, options: options)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    let blocks = picker.picked(100, alice, all)
    #expect(blocks.count == 4 && picker.openCount == 2)
    for block in blocks { _ = picker.take(block, alice) }
    #expect(picker.verifyingCount == 2)
    // Buffers are in use until the pieces are written.
    expect(picker.picked(100, alice, all).isEmpty)
    picker.pieceVerified(Int(blocks[0].piece))
    expect(picker.picked(100, alice, all).count, is: 2)
    #expect(picker.checkInvariants() == [])
  }

  @Test func `owned pieces are shared when no other may be opened`() {
    var options = PickerOptions()
    options.maximumOpenPieces = 1
    var picker = picker(10, blocks: 64, options: options)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    picker.join(bob, has: all)
    picker.measured(alice, rate: fast)
    let own = picker.picked(1, alice, all)[0].piece
    expect(picker.picked(4, bob, all).map(\.piece), is: [own, own, own, own])
    expect(picker.picked(1, alice, all), is: [Block(piece: own, index: 5)])
  }

  @Test func `padding is never requested and does not interest`() {
    let geometry = PieceGeometry(
      pieceCount: 3, pieceLength: 32_768, size: { _ in 32_768 }, padding: { [32_768, 20_000, 0][$0] })
    var picker = PiecePicker(
      geometry: geometry, have: Bitfield(count: 3), random: SeededGenerator(seed: 1))
    let all = bits(3, 0..<3)
    picker.join(alice, has: all)
    expect(
      Set(picker.picked(100, alice, all)) == [
        Block(piece: 1, index: 0), Block(piece: 2, index: 0), Block(piece: 2, index: 1),
      ])
    #expect(picker.missing == bits(3, [1, 2]))
    picker.pieceVerified(0)
    #expect(picker.have[0])
    #expect(picker.checkInvariants() == [])
  }

  @Test func `while choked only allowed pieces are asked for, as far as the peer has them`() {
    var picker = picker(6, blocks: 2)
    let most = bits(6, 0..<5)
    picker.join(alice, has: most)
    expect(picker.picked(100, alice, most, allowedFast: []).isEmpty)
    expect(picker.picked(100, alice, most, allowedFast: [5, -1, 6, 1_000_000]).isEmpty)
    expect(Set(picker.picked(100, alice, most, allowedFast: [3, 5, 1]).map(\.piece)), is: [1, 3])
    #expect(picker.checkInvariants() == [])
  }

  @Test func `a suggested piece is begun first among the most urgent`() {
    var picker = picker(9, options: rarestAtOnce)
    let all = bits(9, 0..<9)
    var cancels: [Assignment] = []
    picker.want(2, .high, cancels: &cancels)
    picker.want(3, .high, cancels: &cancels)
    picker.join(alice, has: all)
    picker.join(bob, has: bits(9, [3, 7]))
    var blocks: [Block] = []
    picker.pick(4, for: alice, has: all, suggested: [7, 99, -4, 3], into: &blocks)
    #expect(blocks.map(\.piece) == [3, 3, 3, 3])
    blocks = []
    picker.pick(8, for: alice, has: all, suggested: [7], into: &blocks)
    #expect(blocks.map(\.piece) == [2, 2, 2, 2, 7, 7, 7, 7])
  }

  @Test func `priorities come before rarity and skipped pieces are not requested`() {
    var picker = picker(5, blocks: 1, options: rarestAtOnce)
    let all = bits(5, 0..<5)
    var cancels: [Assignment] = []
    picker.want(0, .skip, cancels: &cancels)
    picker.want(1, .low, cancels: &cancels)
    picker.want(4, .high, cancels: &cancels)
    picker.join(alice, has: all)
    picker.join(bob, has: bits(5, [4, 2]))
    expect(picker.picked(9, alice, all).map(\.piece), is: [4, 3, 2, 1])
    picker.want(4, .skip, cancels: &cancels)
    #expect(cancels == [Assignment(peer: alice, block: Block(piece: 4, index: 0))])
    expect(picker.take(Block(piece: 4, index: 0), alice).0, is: .unrequested)
    #expect(picker.checkInvariants() == [])
  }

  @Test func `what came is needed once, what nobody asked for is named`() {
    var picker = picker(1, blocks: 2)
    let all = bits(1, [0])
    picker.join(alice, has: all)
    picker.join(bob, has: all)
    let blocks = picker.picked(2, alice, all)
    expect(picker.take(blocks[0], bob).0, is: .unrequested)
    expect(picker.take(Block(piece: 0, index: 2), alice).0, is: .unrequested)
    expect(picker.take(Block(piece: -1, index: 0), alice).0, is: .unrequested)
    expect(picker.take(Block(piece: 7, index: -1), alice).0, is: .unrequested)
    expect(picker.take(blocks[0], alice).0, is: .needed)
    expect(picker.take(blocks[0], alice).0, is: .duplicate)
    expect(picker.take(blocks[1], alice).0, is: .completesPiece)
    expect(picker.take(blocks[1], alice).0, is: .duplicate)
    picker.pieceVerified(0)
    expect(picker.take(blocks[1], alice).0, is: .duplicate)
    #expect(picker.isDone && picker.checkInvariants() == [])
  }

  @Test func `a block that was released is taken when it comes late after all`() {
    var picker = picker(2, blocks: 2)
    let all = bits(2, 0..<2)
    picker.join(alice, has: all)
    let block = picker.picked(1, alice, all)[0]
    expect(picker.released(block, by: alice))
    expect(!picker.released(block, by: alice))
    #expect(picker.openCount == 0)
    var others: [PeerSlot] = []
    expect(picker.received(block, from: alice, others: &others), is: .unrequested)
    expect(picker.received(block, from: alice, wasAsked: true, others: &others), is: .needed)
    #expect(picker.openCount == 1 && others.isEmpty)
    #expect(picker.checkInvariants() == [])
  }

  @Test func `in the endgame blocks of slower peers are asked of faster ones, and cancelled`() {
    var picker = picker(1, blocks: 8)
    let all = bits(1, [0])
    for peer in [alice, bob, carol, dave] { picker.join(peer, has: all) }
    picker.measured(alice, rate: slow)
    picker.measured(bob, rate: fast)
    picker.measured(carol, rate: fast)
    picker.measured(dave, rate: slow)
    let blocks = picker.picked(8, alice, all)
    #expect(picker.isEndgame)
    // The newest request of the slow peer first, each block once more, never of a peer as slow.
    expect(picker.picked(3, bob, all), is: [blocks[7], blocks[6], blocks[5]])
    expect(picker.picked(99, carol, all), is: blocks[0..<5].reversed())
    expect(picker.picked(99, bob, all).isEmpty)
    expect(picker.picked(99, dave, all).isEmpty)
    let (receipt, others) = picker.take(blocks[7], bob)
    #expect(receipt == .needed && others == [alice])
    #expect(picker.outstanding(alice) == 7 && picker.outstanding(bob) == 2)
    #expect(picker.checkInvariants() == [])
  }

  @Test func `peers of one speed do not duplicate each other's last blocks`() {
    var picker = picker(1, blocks: 8)
    let all = bits(1, [0])
    picker.join(alice, has: all)
    picker.join(bob, has: all)
    picker.measured(alice, rate: fast)
    picker.measured(bob, rate: fast)
    _ = picker.picked(2, alice, all)
    _ = picker.picked(6, bob, all)
    // Bob needs three times as long for his last as Alice for one more.
    expect(picker.picked(99, alice, all).isEmpty)
    #expect(picker.isEndgame)
  }

  @Test func `blocks are taken over only as far as they come sooner`() {
    var picker = picker(1, blocks: 10)
    let all = bits(1, [0])
    for peer in [alice, bob] {
      picker.join(peer, has: all)
      picker.measured(peer, rate: fast)
    }
    let blocks = picker.picked(10, alice, all)
    // Four times as soon: the tenth against Bob's first, the ninth against his second.
    expect(picker.picked(99, bob, all), is: [blocks[9], blocks[8]])
  }

  @Test func `a snubbed peer's blocks are asked of anybody, of two others at most`() {
    var picker = picker(1, blocks: 1)
    let all = bits(1, [0])
    for peer in [alice, bob, carol, dave] {
      picker.join(peer, has: all)
      picker.measured(peer, rate: slow)
    }
    let block = picker.picked(1, alice, all)[0]
    expect(picker.picked(1, bob, all).isEmpty)
    picker.measured(alice, rate: slow, isSnubbed: true)
    expect(picker.picked(1, alice, all).isEmpty)
    expect(picker.picked(1, bob, all), is: [block])
    expect(picker.picked(1, carol, all).isEmpty)
    picker.measured(bob, rate: slow, isSnubbed: true)
    expect(picker.picked(1, carol, all), is: [block])
    picker.measured(carol, rate: slow, isSnubbed: true)
    expect(picker.picked(1, dave, all).isEmpty)
    #expect(Set(picker.requesters(of: block)) == [alice, bob, carol])
    let (receipt, others) = picker.take(block, bob)
    #expect(receipt == .completesPiece && Set(others) == [alice, carol])
  }

  @Test func `a lost piece is not asked of its loser, and a seed that lost one is counted by piece`() {
    var picker = picker(3, blocks: 2)
    let all = bits(3, 0..<3)
    picker.join(alice, has: all)
    #expect(picker.seeds == 1 && picker.availability(1) == 1)
    let block = picker.picked(1, alice, all)[0]
    picker.peerLost(Int(block.piece), alice)
    #expect(picker.seeds == 0 && picker.availability(Int(block.piece)) == 0)
    #expect(picker.outstanding(alice) == 0)
    var rest = all
    rest[Int(block.piece)] = false
    expect(Set(picker.picked(9, alice, rest).map(\.piece)), is: Set(0..<3).subtracting([block.piece]))
    picker.peerGained(Int(block.piece), alice)
    picker.leave(alice, has: all)
    #expect((0..<3).map { picker.availability($0) } == [0, 0, 0])
    #expect(picker.openCount == 0 && picker.checkInvariants() == [])
  }

  @Test func `a piece that failed is fetched by one peer alone`() {
    var picker = picker(4, blocks: 4)
    let all = bits(4, 0..<4)
    for peer in [alice, bob] { picker.join(peer, has: all) }
    let mixed = picker.picked(2, alice, all) + picker.picked(2, bob, all)
    let piece = Int(mixed[0].piece)
    for (block, peer) in zip(mixed, [alice, alice, bob, bob]) { _ = picker.take(block, peer) }
    picker.pieceFailed(piece)
    #expect(picker.isDoubtful(piece) && picker.openCount == 0)
    var cancels: [Assignment] = []
    picker.want(piece, .high, cancels: &cancels)
    expect(picker.picked(1, alice, all)[0].piece == piece)
    expect(picker.picked(9, bob, all).prefix(4).allSatisfy { $0.piece != piece })
    expect(picker.picked(3, alice, all).map(\.piece), is: [Int32](repeating: Int32(piece), count: 3))
    #expect(picker.checkInvariants() == [])
  }

  @Test func `only the blocks known to be wrong are fetched again`() {
    var picker = picker(1, blocks: 4)
    let all = bits(1, [0])
    picker.join(alice, has: all)
    for block in picker.picked(4, alice, all) { _ = picker.take(block, alice) }
    picker.pieceFailed(0, badBlocks: [2, 2, -1, 99])
    #expect(picker.verifyingCount == 0 && picker.openCount == 1)
    #expect(picker.checkInvariants() == [])
    expect(picker.picked(9, alice, all), is: [Block(piece: 0, index: 2)])
    expect(picker.take(Block(piece: 0, index: 2), alice).0, is: .completesPiece)
    picker.pieceVerified(0)
    #expect(picker.isDone && !picker.isDoubtful(0) && picker.checkInvariants() == [])
  }

  @Test func `a choke frees everything at once`() {
    var picker = picker(10, blocks: 4)
    let all = bits(10, 0..<10)
    picker.join(alice, has: all)
    picker.measured(alice, rate: fast)
    let blocks = picker.picked(10, alice, all)
    _ = picker.take(blocks[0], alice)
    picker.dropAll(of: alice)
    #expect(picker.outstanding(alice) == 0 && picker.openCount == 1)
    #expect(picker.checkInvariants() == [])
    expect(picker.picked(3, alice, all).map(\.piece), is: [Int32](repeating: blocks[0].piece, count: 3))
  }

  @Test func `a discarded piece and a lost one can be had again`() {
    var picker = picker(2, blocks: 2)
    let all = bits(2, 0..<2)
    picker.join(alice, has: all)
    let blocks = picker.picked(2, alice, all)
    _ = picker.take(blocks[0], alice)
    var cancels: [Assignment] = []
    picker.discard(Int(blocks[0].piece), cancels: &cancels)
    #expect(cancels == [Assignment(peer: alice, block: blocks[1])])
    picker.pieceVerified(0)
    picker.pieceVerified(1)
    #expect(picker.isDone && picker.outstanding(alice) == 0)
    picker.forget(1)
    expect(!picker.isDone && picker.picked(9, alice, all).map(\.piece) == [1, 1])
    #expect(picker.checkInvariants() == [])
  }

  @Test func `pieces that nobody works on do not hold all buffers for ever`() {
    var options = PickerOptions()
    options.maximumOpenPieces = 2
    var picker = picker(4, blocks: 4, options: options)
    let (ones, others) = (bits(4, 0..<2), bits(4, 2..<4))
    picker.join(alice, has: ones)
    picker.join(bob, has: others)
    let blocks = picker.picked(8, alice, ones)
    for block in blocks[0..<3] + blocks[4..<5] { _ = picker.take(block, alice) }
    #expect(picker.idlePiece == nil)
    picker.leave(alice, has: ones)
    expect(picker.picked(8, bob, others), is: [])
    #expect(picker.idlePiece == Int(blocks[4].piece))
    var cancels: [Assignment] = []
    picker.discard(Int(blocks[4].piece), cancels: &cancels)
    #expect(picker.idlePiece == nil && cancels.isEmpty)
    expect(picker.picked(8, bob, others).count, is: 4)
    #expect(picker.checkInvariants() == [])
  }

  @Test func `a piece that a snubbed peer had for itself is anybody's`() {
    var picker = picker(10, blocks: 8)
    let all = bits(10, 0..<10)
    for peer in [alice, bob] {
      picker.join(peer, has: all)
      picker.measured(peer, rate: fast)
    }
    let piece = picker.picked(2, alice, all)[0].piece
    picker.measured(alice, rate: fast, isSnubbed: true)
    expect(picker.picked(1, bob, all), is: [Block(piece: piece, index: 2)])
  }

  @Test func `a choice costs the same in a large torrent`() {
    var costs: [Int] = []
    for pieces in [100, 10_000, 100_000] {
      var picker = picker(pieces, blocks: 16)
      let all = Bitfield(count: pieces, allSet: true)
      for number in 0..<20 { picker.join(PeerSlot(Int32(number)), has: all) }
      for number in 0..<20 { picker.measured(PeerSlot(Int32(number)), rate: fast) }
      var queue: [(Block, PeerSlot)] = []
      for number in 0..<20 {
        queue += picker.picked(4, PeerSlot(Int32(number)), all).map { ($0, PeerSlot(Int32(number))) }
      }
      let before = picker.steps
      for turn in 0..<800 {
        let (block, peer) = queue[turn]
        if picker.take(block, peer).0 == .completesPiece { picker.pieceVerified(Int(block.piece)) }
        queue += picker.picked(1, peer, all).map { ($0, peer) }
      }
      costs.append(picker.steps - before)
    }
    #expect(costs.allSatisfy { $0 < 800 * 4 }, "\(costs)")
  }

  @Test(arguments: 1...12)
  func `a peer with little to give costs words, not pieces`(seed: UInt64) {
    var picker = picker(20_000, blocks: 1, seed: seed, options: rarestAtOnce)
    let few = bits(20_000, [7, 70, 19_000])
    picker.join(alice, has: few)
    picker.join(bob, has: bits(20_000, 0..<20_000))
    picker.join(carol, has: bits(20_000, [7, 70]))
    picker.join(dave, has: bits(20_000, [7]))
    expect(picker.picked(9, alice, few).map(\.piece), is: [19_000, 70, 7])
    #expect(picker.steps < 4 * (20_000 / 64 + 200))
  }
}
