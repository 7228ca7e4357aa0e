import Bytes
import EventLoop

@testable import BitTorrent

/// What the engine decides for each block: the picker, the depth of requests, the rates.
enum Downloading {
  static let all = [picker(peers: 1), picker(peers: 10), picker(peers: 100)] + [window, meter]

  /// 1 GiB in pieces of 1 MiB; half of the peers are seeds, the others have three pieces of four. Each
  /// keeps up to 64 blocks requested and is topped up when a quarter of them has come, as in a torrent.
  private static func picker(peers: Int) -> Benchmark {
    Benchmark("picker: pick and receive a block, peers: \(peers)", operations: 40_000, stepped: 64) {
      var swarm = PickerSwarm(peers: peers)
      swarm.run(16_384)
      return { count in swarm.run(count) }
    }
  }

  private static let window = Benchmark("request window: a block", operations: 1_000_000, stepped: 32) {
    var window = RequestWindow()
    return { count in receive(count, &window) }
  }

  private static func receive(_ count: Int, _ window: inout RequestWindow) {
    var now: UInt64 = 2_000_000_000
    var sum = 0
    for _ in 0..<count {
      now += 100_000
      window.received(
        16 << 10, requested: Instant(nanoseconds: now - 10_000_000), now: Instant(nanoseconds: now))
      sum &+= window.depth
    }
    use(sum)
  }

  private static let meter = Benchmark("rate meter: a block", operations: 1_000_000, stepped: 32) {
    { count in add(count) }
  }

  private static func add(_ count: Int) {
    var now: UInt64 = 2_000_000_000
    var meter = RateMeter(now: Instant(nanoseconds: now))
    for _ in 0..<count {
      now += 100_000
      meter.add(16 << 10, now: Instant(nanoseconds: now))
    }
    use(Int(meter.rate(now: Instant(nanoseconds: now))))
  }
}

private struct PickerSwarm {
  private let depth: Int
  private var picker: PiecePicker
  private var fields: [Bitfield] = []
  /// What each peer was asked for, in order; the first `answered` have come.
  private var asked: [[Block]] = []
  private var answered: [Int] = []
  private var others: [PeerSlot] = []
  private var turn = 0

  init(peers: Int) {
    depth = max(16, min(64, 2048 / peers))
    let geometry = PieceGeometry(length: 1 << 30, pieceLength: 1 << 20)
    var random = SeededGenerator(seed: 1)
    picker = PiecePicker(
      geometry: geometry, have: Bitfield(count: geometry.pieceCount), random: SeededGenerator(seed: 2))
    for number in 0..<peers {
      var field = Bitfield(count: geometry.pieceCount, allSet: number % 2 == 0)
      for piece in 0..<geometry.pieceCount where number % 2 == 1 {
        field[piece] = random.number(below: 4) > 0
      }
      let slot = PeerSlot(Int32(number))
      picker.join(slot, has: field)
      picker.measured(slot, rate: Double(1 << (12 + number % 16)))
      fields.append(field)
      asked.append([])
      answered.append(0)
    }
  }

  /// Receives `count` blocks and asks for as many.
  mutating func run(_ count: Int) {
    var left = count
    while left > 0 {
      let before = left
      for _ in 0..<asked.count where left > 0 {
        let peer = turn
        turn = turn + 1 == asked.count ? 0 : turn + 1
        left -= answer(peer, atMost: left)
        fill(peer)
      }
      if picker.isDone || (left == before && picker.openCount == 0) { preconditionFailure("nothing is left") }
    }
  }

  private mutating func answer(_ peer: Int, atMost most: Int) -> Int {
    let end = min(answered[peer] + depth / 4, asked[peer].count, answered[peer] + most)
    let count = end - answered[peer]
    while answered[peer] < end {
      let block = asked[peer][answered[peer]]
      answered[peer] += 1
      others.removeAll(keepingCapacity: true)
      if picker.received(block, from: PeerSlot(Int32(peer)), others: &others) == .completesPiece {
        picker.pieceVerified(Int(block.piece))
      }
    }
    return count
  }

  private mutating func fill(_ peer: Int) {
    let slot = PeerSlot(Int32(peer))
    let room = depth - picker.outstanding(slot)
    guard room * 4 >= depth else { return }
    asked[peer].removeSubrange(..<answered[peer])
    answered[peer] = 0
    picker.pick(room, for: slot, has: fields[peer], into: &asked[peer])
  }
}
