import Bytes
import EventLoop
import Testing

@testable import BitTorrent

/// A whole swarm in steps of a twentieth of a second: real pickers, chokers, windows and meters; peers that
/// all know each other, each with a limit on what it sends in one step.
struct TestSwarm {
  /// What one peer knows of its connection to another.
  struct Connection {
    var interest: InterestCount
    var isChoked = true
    var isInterested = false
    var window = RequestWindow()
    var down = RateMeter(now: at(0))
    var up = RateMeter(now: at(0))
    /// What it asked the other for, and when.
    var asked: [(block: Block, time: Double)] = []
    /// What the other asked it for.
    var queue: [Block] = []
  }

  struct Node {
    var picker: PiecePicker
    var choker: Choker
    var connections: [Connection]
    /// Blocks that it sends in one step.
    var capacity: Double
    var credit = 0.0
    var turn = 0
    var finished: Double?
    var duplicates = 0
    var received = 0
  }

  static let step = 0.05
  let geometry: PieceGeometry
  var nodes: [Node] = []
  var time = 0.0

  /// Node 0 has everything.
  init(capacities: [Double], pieces: Int, blocks: Int, seed: UInt64) {
    geometry = PieceGeometry(length: pieces * blocks * Block.size, pieceLength: blocks * Block.size)
    for (number, capacity) in capacities.enumerated() {
      let have = Bitfield(count: pieces, allSet: number == 0)
      nodes.append(
        Node(
          picker: PiecePicker(
            geometry: geometry, have: have, random: SeededGenerator(seed: seed &* 1_000 &+ UInt64(number))),
          choker: Choker(
            pieceLength: blocks * Block.size, random: SeededGenerator(seed: seed &* 77 &+ UInt64(number))),
          connections: [], capacity: capacity))
    }
    for number in nodes.indices {
      for other in nodes.indices {
        let has = nodes[other].picker.have
        nodes[number].connections.append(
          Connection(interest: InterestCount(has: has, missing: nodes[number].picker.missing)))
        guard other != number else { continue }
        nodes[number].picker.join(slot(other), has: has)
        nodes[number].choker.joined(slot(other), now: at(0))
      }
    }
  }

  func slot(_ number: Int) -> PeerSlot { PeerSlot(Int32(number)) }

  var isDone: Bool { nodes.allSatisfy(\.picker.isDone) }

  /// Runs until all have everything or `limit` seconds have passed.
  mutating func run(limit: Double) {
    var steps = 0
    while !isDone, time < limit {
      if steps % 200 == 0 { rechoke() }
      if steps % 20 == 0 { measure() }
      for number in nodes.indices { ask(number) }
      time += Self.step
      for number in nodes.indices { send(number) }
      steps += 1
    }
  }

  private mutating func rechoke() {
    for number in nodes.indices {
      let peers = nodes.indices.filter { $0 != number }.map { other in
        ChokerPeer(
          slot: slot(other), isInterested: nodes[other].connections[number].isInterested,
          downloadRate: nodes[number].connections[other].down.rate(now: at(time)),
          uploadRate: nodes[number].connections[other].up.rate(now: at(time)),
          uploaded: nodes[number].connections[other].up.total)
      }
      let decisions = nodes[number].choker.rechoke(
        peers: peers, now: at(time), slots: 5, isSeeding: nodes[number].picker.isDone)
      for peer in decisions.choke {
        nodes[peer.index].connections[number].isChoked = true
        nodes[peer.index].connections[number].asked = []
        nodes[peer.index].picker.dropAll(of: slot(number))
        nodes[number].connections[peer.index].queue = []
      }
      for peer in decisions.unchoke { nodes[peer.index].connections[number].isChoked = false }
    }
  }

  private mutating func measure() {
    for number in nodes.indices {
      for other in nodes.indices where other != number {
        let rate = nodes[number].connections[other].down.rate(now: at(time))
        nodes[number].picker.measured(slot(other), rate: rate)
      }
    }
  }

  private mutating func ask(_ number: Int) {
    var blocks: [Block] = []
    for other in nodes.indices where other != number {
      let isInterested = nodes[number].connections[other].interest.isInterested
      if isInterested && !nodes[number].connections[other].isInterested {
        let slots = nodes[number].picker.isDone ? 0 : 5
        if nodes[other].choker.becameInterested(
          ChokerPeer(slot: slot(number), isInterested: true), now: at(time), slots: slots)
        {
          nodes[number].connections[other].isChoked = false
        }
      } else if !isInterested && nodes[number].connections[other].isInterested {
        nodes[other].choker.lostInterest(slot(number))
      }
      nodes[number].connections[other].isInterested = isInterested
      guard isInterested, !nodes[number].connections[other].isChoked else { continue }
      let room = nodes[number].connections[other].window.depth - nodes[number].connections[other].asked.count
      guard room > 0 else { continue }
      blocks.removeAll(keepingCapacity: true)
      nodes[number].picker.pick(room, for: slot(other), has: nodes[other].picker.have, into: &blocks)
      nodes[number].connections[other].asked += blocks.map { ($0, time) }
      nodes[other].connections[number].queue += blocks
    }
  }

  /// Sends one block to each peer that waits, in turn, as far as the capacity goes.
  private mutating func send(_ number: Int) {
    nodes[number].credit = min(nodes[number].credit + nodes[number].capacity, nodes[number].capacity + 1)
    var idle = 0
    while nodes[number].credit >= 1, idle < nodes.count {
      let other = nodes[number].turn % nodes.count
      nodes[number].turn += 1
      guard !nodes[number].connections[other].queue.isEmpty else {
        idle += 1
        continue
      }
      idle = 0
      nodes[number].credit -= 1
      let block = nodes[number].connections[other].queue.removeFirst()
      nodes[number].connections[other].up.add(Block.size, now: at(time))
      deliver(block, from: number, to: other)
    }
  }

  private mutating func deliver(_ block: Block, from: Int, to number: Int) {
    if let index = nodes[number].connections[from].asked.firstIndex(where: { $0.block == block }) {
      let asked = nodes[number].connections[from].asked.remove(at: index)
      nodes[number].connections[from].window.received(Block.size, requested: at(asked.time), now: at(time))
    }
    nodes[number].connections[from].down.add(Block.size, now: at(time))
    nodes[number].received += 1
    var others: [PeerSlot] = []
    let receipt = nodes[number].picker.received(block, from: slot(from), others: &others)
    for other in others {
      nodes[number].connections[other.index].asked.removeAll { $0.block == block }
      nodes[other.index].connections[number].queue.removeAll { $0 == block }
    }
    switch receipt {
    case .needed: break
    case .completesPiece: complete(Int(block.piece), number)
    case .duplicate, .unrequested: nodes[number].duplicates += 1
    }
  }

  private mutating func complete(_ piece: Int, _ number: Int) {
    nodes[number].picker.pieceVerified(piece)
    if nodes[number].picker.isDone { nodes[number].finished = time }
    for other in nodes.indices where other != number {
      nodes[number].connections[other].interest.settled(piece, has: nodes[other].picker.have)
      nodes[other].picker.peerGained(piece, slot(number))
      nodes[other].connections[number].interest.peerGained(piece, missing: nodes[other].picker.missing)
    }
  }
}

@Suite struct PickerSwarmTests {
  @Test(arguments: 1...3)
  func `a flash crowd of twenty finishes near the bound with few duplicates`(seed: UInt64) {
    var swarm = TestSwarm(
      capacities: [Double](repeating: 4, count: 21), pieces: 50, blocks: 16, seed: seed)
    // The seeder alone needs as long for one copy, and no swarm is faster.
    let bound = 50.0 * 16 / 4 * TestSwarm.step
    swarm.run(limit: bound * 10)
    let times = swarm.nodes.dropFirst().compactMap(\.finished)
    let received = swarm.nodes.reduce(0) { $0 + $1.received }
    let duplicates = swarm.nodes.reduce(0) { $0 + $1.duplicates }
    #expect(swarm.isDone && times.count == 20)
    #expect((times.max() ?? 0) < bound * 2.2)
    #expect(duplicates * 100 < received)
    for node in swarm.nodes { #expect(node.picker.checkInvariants() == []) }
  }

  @Test func `a very slow peer that alone has the last piece delays nothing else`() {
    var swarm = TestSwarm(capacities: [8] + [Double](repeating: 4, count: 6), pieces: 30, blocks: 8, seed: 9)
    // All sends of node 6 take twenty seconds a block.
    swarm.nodes[6].capacity = 0.0025
    swarm.run(limit: 200)
    #expect(swarm.isDone)
    let times = swarm.nodes[1...5].compactMap(\.finished)
    #expect(times.count == 5 && (times.max() ?? 99) < 20, "\(times)")
  }
}
