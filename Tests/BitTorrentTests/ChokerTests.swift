import EventLoop
import Testing

@testable import BitTorrent

@Suite struct ChokerTests {
  /// A choker and peers that it is told about.
  struct World {
    var choker: Choker
    var peers: [ChokerPeer] = []
    var time = 0.0

    init(_ count: Int, seed: UInt64 = 1) {
      choker = Choker(pieceLength: 100_000, random: SeededGenerator(seed: seed))
      for number in 0..<count { add(number) }
    }

    mutating func add(_ number: Int) {
      choker.joined(PeerSlot(Int32(number)), now: at(time))
      peers.append(ChokerPeer(slot: PeerSlot(Int32(number)), isInterested: true))
    }

    var unchoked: [Int] { peers.indices.filter { choker.isUnchoked(peers[$0].slot) } }

    /// One round; what was decided must fit what was before.
    mutating func round(slots: Int, isSeeding: Bool = false) -> Choker.Decisions {
      let before = Set(unchoked)
      let decisions = choker.rechoke(peers: peers, now: at(time), slots: slots, isSeeding: isSeeding)
      #expect(decisions.choke.allSatisfy { before.contains($0.index) })
      #expect(decisions.unchoke.allSatisfy { !before.contains($0.index) })
      let after = before.subtracting(decisions.choke.map(\.index)).union(decisions.unchoke.map(\.index))
      #expect(Set(unchoked) == after)
      #expect(unchoked.count <= slots)
      #expect(unchoked.count == min(slots, peers.filter(\.isInterested).count))
      time += Choker.round
      return decisions
    }
  }

  @Test func `those who send most are unchoked, and one by chance`() {
    var world = World(20)
    for number in 0..<20 { world.peers[number].downloadRate = Double(number) }
    _ = world.round(slots: 4)
    #expect(Set(world.unchoked).isSuperset(of: [17, 18, 19]))
    #expect(world.unchoked.count == 4)
  }

  @Test func `the optimistic slot stays for thirty seconds and reaches everybody`() {
    var world = World(12, seed: 5)
    for number in 0..<3 { world.peers[number].downloadRate = 1_000 }
    var lucky: [Int] = []
    for _ in 0..<300 {
      _ = world.round(slots: 4)
      lucky += world.unchoked.filter { $0 >= 3 }
    }
    #expect(lucky.count == 300)
    #expect(stride(from: 0, to: 300, by: 3).allSatisfy { Set(lucky[$0..<$0 + 3]).count == 1 })
    #expect(Set(lucky) == Set(3..<12))
  }

  @Test func `new peers are three times as likely`() {
    var hits = 0
    for seed in 0..<2_000 as Range<UInt64> {
      var world = World(3, seed: seed)
      world.time = 1_000
      world.add(3)
      _ = world.round(slots: 1)
      hits += world.choker.isUnchoked(PeerSlot(3)) ? 1 : 0
    }
    // Expected 1,000: half, against three old peers.
    #expect((900...1_100).contains(hits), "\(hits)")
  }

  @Test func `of two that are drawn the one with fewer pieces gets the slot`() {
    var hits = 0
    for seed in 0..<2_000 as Range<UInt64> {
      var world = World(4, seed: seed)
      for number in 0..<3 { world.peers[number].pieces = 10 }
      _ = world.round(slots: 1)
      hits += world.choker.isUnchoked(PeerSlot(3)) ? 1 : 0
    }
    // It is one of two in 7 of 16 draws.
    #expect((795...955).contains(hits), "\(hits)")
  }

  @Test func `one slot in three is for those who give nothing`() {
    var world = World(20)
    for number in 0..<10 { world.peers[number].downloadRate = 1_000 + Double(number) }
    _ = world.round(slots: 6)
    #expect(Set(world.unchoked).isSuperset(of: [6, 7, 8, 9]) && world.unchoked.count == 6)
    world.peers[0].downloadRate = 5_000
    _ = world.round(slots: 6)
    #expect(Set(world.unchoked).isSuperset(of: [0, 7, 8, 9]))
  }

  @Test func `a snubbed peer loses its regular slot`() {
    var world = World(10)
    for number in 0..<10 { world.peers[number].downloadRate = Double(10 - number) }
    _ = world.round(slots: 4)
    #expect(world.choker.isUnchoked(PeerSlot(0)))
    world.peers[0].isSnubbed = true
    _ = world.round(slots: 4)
    #expect(!world.choker.isUnchoked(PeerSlot(0)))
    #expect(Set(world.unchoked).isSuperset(of: [1, 2, 3]))
  }

  @Test func `who is not interested takes no slot`() {
    var world = World(6)
    for number in 0..<6 { world.peers[number].downloadRate = Double(10 - number) }
    _ = world.round(slots: 4)
    world.peers[0].isInterested = false
    let decisions = world.round(slots: 4)
    #expect(decisions.choke == [PeerSlot(0)])
    #expect(decisions.unchoke.count == 1)
  }

  @Test(arguments: [false, true])
  func `with few peers all are unchoked and nothing changes`(isSeeding: Bool) {
    var world = World(5)
    expect(world.round(slots: 8, isSeeding: isSeeding).unchoke.count, is: 5)
    for round in 0..<30 {
      for number in 0..<5 { world.peers[number].uploaded += Int64(round * number) * 1_000_000 }
      expect(world.round(slots: 8, isSeeding: isSeeding), is: Choker.Decisions())
    }
  }

  @Test func `a new interest is served at once if a slot is free`() {
    var world = World(4)
    for number in 0..<4 { world.peers[number].isInterested = false }
    for number in 0..<3 {
      expect(world.choker.becameInterested(world.peers[number], now: at(1), slots: 3))
    }
    #expect(!world.choker.canUnchokeNow(slots: 3))
    expect(!world.choker.becameInterested(world.peers[3], now: at(1), slots: 3))
    world.choker.lostInterest(PeerSlot(0))
    expect(world.choker.becameInterested(world.peers[3], now: at(2), slots: 3))
    // The first is still unchoked: nothing has to be said to it.
    expect(!world.choker.becameInterested(world.peers[0], now: at(3), slots: 9))
    world.choker.left(PeerSlot(1))
    #expect(!world.choker.isUnchoked(PeerSlot(1)) && world.choker.canUnchokeNow(slots: 4))
  }

  @Test func `a seed gives everybody a turn of as much`() {
    var world = World(20)
    for _ in 0..<400 {
      _ = world.round(slots: 4, isSeeding: true)
      for number in world.unchoked { world.peers[number].uploaded += 1_000_000 }
    }
    let served = world.peers.map(\.uploaded)
    #expect(served.reduce(0, +) == 1_600_000_000)
    #expect(served.allSatisfy { (70_000_000...90_000_000).contains($0) }, "\(served)")
  }

  @Test func `a slow taker is rotated out after a minute, an idle one sooner`() {
    var world = World(3)
    _ = world.round(slots: 2, isSeeding: true)
    let first = world.unchoked
    for _ in 0..<2 {
      world.peers[first[0]].uploaded += 1_000
      _ = world.round(slots: 2, isSeeding: true)
    }
    // Twenty seconds have passed: the idle one makes room.
    #expect(world.choker.isUnchoked(PeerSlot(Int32(first[0]))))
    #expect(!world.choker.isUnchoked(PeerSlot(Int32(first[1]))))
    for _ in 0..<5 {
      world.peers[first[0]].uploaded += 1_000
      world.peers[2].uploaded += 1_000
      _ = world.round(slots: 2, isSeeding: true)
    }
    #expect(!world.choker.isUnchoked(PeerSlot(Int32(first[0]))))
  }

  @Test(arguments: 0..<20)
  func `slots are filled and never exceeded, whatever happens`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var world = World(random.number(below: 30), seed: seed)
    for _ in 0..<200 {
      for index in world.peers.indices {
        world.peers[index].isInterested = random.number(below: 4) > 0
        world.peers[index].isSnubbed = random.number(below: 5) == 0
        world.peers[index].downloadRate = Double(random.number(below: 3) * random.number(below: 1_000))
        world.peers[index].uploaded += Int64(random.number(below: 3) * random.number(below: 3_000_000))
      }
      _ = world.round(slots: random.number(below: 12), isSeeding: random.number(below: 2) == 0)
    }
  }

  @Test func `a slot lies idle once all has arrived and nothing more is asked for`() {
    var use = SlotUse()
    let start = Instant(nanoseconds: 1_000_000_000)
    #expect(!use.isIdle(patience: 0.4, now: start))
    use.note(isServed: true, now: start)
    #expect(!use.isIdle(patience: 0.4, now: start + 0.3))
    use.note(isServed: true, now: start + 0.5)
    #expect(use.isIdle(patience: 0.4, now: start + 0.5))
    use.note(isServed: false, now: start + 1)
    #expect(!use.isIdle(patience: 0.4, now: start + 1.5), "a block is on its way")
    use.note(isServed: true, now: start + 5)
    #expect(!use.isIdle(patience: 0.4, now: start + 5.3), "it has just arrived")
    use.serves()
    #expect(!use.isIdle(patience: 0.4, now: start + 6), "it was sent something in between")
  }

  @Test(arguments: [(0.0, 1.0), (1_000, 10), (16_384, 4.3), (65_536, 1.3), (1_048_576, 0.45625)])
  func `a slow link's slots may be quiet for longer`(rate: Double, seconds: Double) {
    #expect(UploadSlots.patience(rate: rate) == seconds)
  }

  @Test(arguments: [(0.0, 4), (1, 2), (131_072, 2), (2_500_000, 8), (104_857_600, 56), (1e30, 10_000)])
  func `faster links have more slots`(rate: Double, slots: Int) {
    #expect(UploadSlots.count(rate: rate) == slots)
  }
}
