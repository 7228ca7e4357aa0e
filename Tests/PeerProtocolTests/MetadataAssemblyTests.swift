import Bytes
import PeerProtocol
import Testing

private let second: UInt64 = 1_000_000_000

/// Peers that give a dictionary, truly or not, and an owner who knows the right one.
private final class Swarm {
  let right: [UInt8]
  let core: Assembly
  var now: UInt64 = 0
  var result: [UInt8]?
  var banned: Set<Int> = []
  /// What each peer gives for a piece; `nil` refuses it.
  var giving: [Int: (Int) -> [UInt8]?] = [:]
  var requests: [Int: [Int]] = [:]
  var mostInFlight = 0

  init(size: Int, limits: MetadataAssembly.Limits = .init()) {
    right = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    core = Assembly(limits: limits)
  }

  func truth(_ piece: Int) -> [UInt8] {
    MetadataMessage.range(of: piece, size: right.count).map { Array(right[$0]) } ?? []
  }

  func join(_ peer: Int, giving: ((Int) -> [UInt8]?)? = nil) {
    self.giving[peer] = giving ?? { [self] in truth($0) }
    #expect(core.joined(peer, size: right.count))
  }

  /// One round: each peer is asked for as much as it may be, then answers one request.
  func round() {
    var asked: [Int: [Int]] = [:]
    for peer in giving.keys.sorted() where !banned.contains(peer) {
      while let piece = core.next(for: peer, now: now) { requests[peer, default: []].append(piece) }
      asked[peer] = requests[peer]
      mostInFlight = max(mostInFlight, requests[peer]?.count ?? 0)
    }
    for (peer, pieces) in asked.sorted(by: { $0.key < $1.key }) {
      guard let piece = pieces.first, !banned.contains(peer), result == nil else { continue }
      requests[peer]?.removeFirst()
      answer(peer, piece)
    }
  }

  private func answer(_ peer: Int, _ piece: Int) {
    guard let bytes = giving[peer]?(piece) else {
      if core.rejected(piece, by: peer, now: now) == .useless { leave(peer) }
      return
    }
    if case .whole(let copy) = core.received(piece, total: right.count, bytes, from: peer) {
      let isRight = copy.bytes == right
      if isRight { result = copy.bytes }
      for liar in core.settled(copy.number, isRight: isRight) {
        banned.insert(liar)
        core.left(liar)
      }
      // Whoever has to begin anew gives up what it was asked.
      if !isRight { requests = [:] }
    }
  }

  func leave(_ peer: Int) {
    core.left(peer)
    giving[peer] = nil
    requests[peer] = nil
  }

  func run(rounds: Int = 3000) {
    for _ in 0..<rounds where result == nil { round() }
  }
}

/// An info dictionary put together from many peers (BEP 9).
@Suite struct MetadataAssemblyTests {
  @Test(arguments: [1, 16383, 16384, 16385, 100_000, 1 << 20])
  func onePeerGivesItAll(_ size: Int) {
    let swarm = Swarm(size: size)
    swarm.join(1)
    swarm.run()
    #expect(swarm.result == swarm.right)
    #expect(swarm.mostInFlight <= 4)
  }

  @Test func manyPeersShareTheWork() {
    let swarm = Swarm(size: 40 * 16384)
    var given: [Int: Int] = [:]
    for peer in 0..<8 {
      swarm.join(peer) { piece in
        given[peer, default: 0] += 1
        return swarm.truth(piece)
      }
    }
    swarm.run()
    #expect(swarm.result == swarm.right)
    #expect(given.values.allSatisfy { $0 >= 4 && $0 <= 8 }, "\(given)")
  }

  @Test func aSizeOverTheLimitIsRefused() {
    let core = Assembly()
    #expect(!core.joined(1, size: 0))
    #expect(!core.joined(1, size: -1))
    #expect(!core.joined(1, size: 32 << 20 + 1))
    #expect(core.joined(1, size: 32 << 20))
    #expect(!core.joined(1, size: 5), "a peer does not change its mind")
    #expect(core.heldBytes == 0, "claims take no memory")
  }

  @Test func aLiarThatWorksAloneIsNamed() {
    let swarm = Swarm(size: 50_000)
    swarm.join(1) { _ in [UInt8](repeating: 1, count: 16384) }
    swarm.giving[1] = { piece in swarm.truth(piece).map { $0 ^ 1 } }
    swarm.run(rounds: 20)
    #expect(swarm.banned == [1])
    swarm.join(2)
    swarm.run()
    #expect(swarm.result == swarm.right)
  }

  @Test(arguments: 1...6)
  func liarsAmongManyAreNamedAndTheHonestAreNot(_ liars: Int) {
    let swarm = Swarm(size: 30 * 16384 + 5)
    for peer in 0..<liars { swarm.join(peer) { piece in swarm.truth(piece).map { $0 ^ 0x55 } } }
    for peer in liars..<8 { swarm.join(peer) }
    swarm.run()
    #expect(swarm.result == swarm.right)
    #expect(swarm.banned.allSatisfy { $0 < liars })
    // The whole truth may be there before the last liar is through.
    #expect(!swarm.core.isDistrustful || swarm.banned.count <= liars)
  }

  @Test func aLiarThatPoisonsOnePieceAgainAndAgainIsFound() {
    let swarm = Swarm(size: 10 * 16384)
    swarm.join(0) { piece in piece == 3 ? [UInt8](repeating: 0, count: 16384) : swarm.truth(piece) }
    swarm.join(1) { _ in nil }
    swarm.run(rounds: 200)
    #expect(swarm.banned == [0])
  }

  @Test func newcomersWorkAloneOnceSomebodyLied() {
    let swarm = Swarm(size: 12 * 16384)
    swarm.join(0) { piece in swarm.truth(piece).map { ~$0 } }
    swarm.join(1)
    var rounds = 0
    while !swarm.core.isDistrustful, rounds < 50 {
      swarm.round()
      rounds += 1
    }
    #expect(swarm.core.isDistrustful)
    for peer in 2..<40 { swarm.join(peer) { piece in swarm.truth(piece).map { ~$0 } } }
    swarm.run()
    #expect(swarm.result == swarm.right)
    #expect(!swarm.banned.contains(1))
  }

  @Test func aPieceIsOnlyTakenFromWhoWasAsked() {
    let core = Assembly()
    #expect(core.joined(1, size: 40_000))
    #expect(core.joined(2, size: 40_000))
    let piece = [UInt8](repeating: 1, count: 16384)
    #expect(core.received(0, total: 40_000, piece, from: 1) == .unrequested)
    #expect(core.next(for: 1, now: 0) == 0)
    #expect(core.received(0, total: 40_000, piece, from: 2) == .unrequested)
    #expect(core.received(0, total: 40_000, piece, from: 3) == .unrequested)
    #expect(core.received(0, total: 39_999, piece, from: 1) == .contradiction)
    #expect(core.received(0, total: 40_000, Array(piece.dropLast()), from: 1) == .contradiction)
    #expect(core.received(3, total: 40_000, piece, from: 1) == .contradiction)
    #expect(core.received(0, total: 40_000, piece, from: 1) == .taken)
    #expect(core.received(0, total: 40_000, piece, from: 1) == .unrequested)
    #expect(core.heldBytes == 16384)
  }

  @Test func silenceAndRefusalsGoToOthers() {
    let swarm = Swarm(size: 3 * 16384)
    #expect(swarm.core.joined(1, size: swarm.right.count))
    #expect(swarm.core.next(for: 1, now: 0) != nil)
    swarm.core.left(1)
    #expect(swarm.core.joined(2, size: swarm.right.count))
    var asked: [Int] = []
    while let piece = swarm.core.next(for: 2, now: 0) { asked.append(piece) }
    #expect(asked == [0, 1, 2])
    #expect(swarm.core.expire(now: 9 * second).isEmpty)
    // Four silences are enough.
    var now: UInt64 = 0
    for round in 1...4 {
      now += 10 * second
      let given = swarm.core.expire(now: now)
      #expect(given == (round == 4 ? [2] : []))
      now += 20 * second
      _ = swarm.core.next(for: 2, now: now)
    }
    for round in 1...4 {
      #expect(swarm.core.joined(3, size: swarm.right.count))
      now += 20 * second
      let piece = swarm.core.next(for: 3, now: now)
      #expect(piece != nil)
      #expect(swarm.core.rejected(piece ?? 0, by: 3, now: now) == (round == 4 ? .useless : .taken))
    }
    #expect(swarm.core.rejected(0, by: 3, now: now) == .unrequested)
  }

  @Test func theLastPieceIsAskedOfASecondPeerButNotOfAThird() {
    let core = Assembly()
    for peer in 1...3 { #expect(core.joined(peer, size: 100)) }
    #expect(core.next(for: 1, now: 0) == 0)
    #expect(core.next(for: 1, now: 0) == nil)
    #expect(core.next(for: 2, now: 0) == 0)
    #expect(core.next(for: 3, now: second) == nil)
    // After a while they are in nobody's way.
    #expect(core.next(for: 3, now: 3 * second) == 0)
    let bytes = [UInt8](repeating: 5, count: 100)
    guard case .whole = core.received(0, total: 100, bytes, from: 2) else {
      Issue.record("not whole")
      return
    }
    #expect(core.received(0, total: 100, bytes, from: 1) == .taken)
  }

  /// Each liar claims another size and sends as much as it may.
  @Test func liarsDoNotFillTheMemory() {
    var limits = MetadataAssembly.Limits()
    limits.size = 64 * 16384
    let core = Assembly(limits: limits)
    let junk = [UInt8](repeating: 1, count: 16384)
    var sizes: [Int: Int] = [:]
    for peer in 0..<50 {
      sizes[peer] = limits.size - peer
      #expect(core.joined(peer, size: limits.size - peer))
    }
    var most = 0
    for _ in 0..<63 {
      for peer in 0..<50 {
        // Never the last piece, so that nothing is found out.
        while let piece = core.next(for: peer, now: 0) {
          guard piece < 63, let size = sizes[peer] else { break }
          _ = core.received(piece, total: size, junk, from: peer)
        }
        most = max(most, core.heldBytes)
      }
    }
    #expect(most <= 3 * limits.size)
    #expect(core.joined(99, size: 5))
    #expect(core.joined(98, size: 5))
    #expect(core.next(for: 99, now: 0) == 0, "those who are most are always heard")
  }

  @Test func whatALeavingPeerGaveIsKept() {
    let swarm = Swarm(size: 10 * 16384)
    swarm.join(1)
    for _ in 0..<6 { swarm.round() }
    swarm.leave(1)
    #expect(swarm.core.heldBytes == 6 * 16384)
    #expect(abs(swarm.core.progress - 0.6) < 0.001)
    swarm.join(2)
    for _ in 0..<4 { swarm.round() }
    #expect(swarm.result == swarm.right)
  }
}
