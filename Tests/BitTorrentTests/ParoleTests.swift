import Bytes
import Testing

@testable import BitTorrent

/// Peers that sent a part of a piece that failed: each shall send whole pieces alone, which tells who it was.
@Suite struct ParoleTests {
  private let all = bits(4, 0..<4)

  @Test func aPeerOnParoleGetsWholePiecesAlone() {
    var picker = picker(4)
    for peer in [alice, bob] { picker.join(peer, has: all) }
    let shared = picker.picked(2, bob, all)[0].piece
    picker.parole(alice, true)
    let mine = picker.picked(4, alice, all)
    #expect(Set(mine.map(\.piece)).count == 1 && mine[0].piece != shared)
    let next = picker.picked(2, alice, all)
    #expect(!Set(next.map(\.piece)).contains(shared) && next[0].piece != mine[0].piece)
    // Others take what is shared and new before what it has for itself.
    let others = picker.picked(6, bob, all)
    #expect(!others.map(\.piece).contains(next[0].piece))
    #expect(picker.checkInvariants() == [])
  }

  @Test func afterParoleItSharesAgain() {
    var picker = picker(4)
    for peer in [alice, bob] { picker.join(peer, has: all) }
    let shared = picker.picked(2, bob, all)[0].piece
    picker.parole(alice, true)
    picker.parole(alice, false)
    #expect(picker.paroled == 0)
    #expect(picker.picked(2, alice, all).map(\.piece) == [shared, shared])
  }

  /// A piece that others have left half done is better than nothing; one that others work on is not.
  @Test func whatNobodyWorksOnIsTakenBeforeNothing() {
    var picker = picker(1)
    let one = bits(1, [0])
    for peer in [alice, bob] { picker.join(peer, has: one) }
    picker.measured(alice, rate: slow)
    picker.measured(bob, rate: slow)
    let blocks = picker.picked(2, bob, one)
    _ = picker.take(blocks[0], bob)
    picker.parole(alice, true)
    #expect(picker.picked(2, alice, one) == [])
    picker.leave(bob, has: one)
    #expect(picker.picked(4, alice, one).count == 3)
    #expect(picker.checkInvariants() == [])
  }

  @Test func whoLeavesIsForgotten() {
    var picker = picker(4)
    picker.join(alice, has: all)
    picker.parole(alice, true)
    #expect(picker.isOnParole(alice))
    picker.leave(alice, has: all)
    picker.join(alice, has: all)
    #expect(!picker.isOnParole(alice) && picker.paroled == 0)
  }
}
