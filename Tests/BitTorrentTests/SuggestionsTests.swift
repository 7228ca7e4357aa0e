import Bytes
import Testing

@testable import BitTorrent

@Suite struct SuggestionsTests {
  private let alice = PeerSlot(0)
  private let bob = PeerSlot(1)

  private func all(
    _ suggestions: inout Suggestions, _ peer: PeerSlot, has: Bitfield = Bitfield(count: 9),
    held: Set<Int> = []
  ) -> [Int] {
    var pieces: [Int] = []
    while let piece = suggestions.next(for: peer, has: has, availability: { held.contains($0) ? 1 : 0 }) {
      pieces.append(piece)
    }
    return pieces
  }

  @Test(arguments: 0..<5)
  func `each piece is suggested to one peer, a few ahead`(seed: UInt64) {
    var suggestions = Suggestions(random: SeededGenerator(seed: seed))
    let first = all(&suggestions, alice)
    let second = all(&suggestions, bob)
    #expect(first.count == Suggestions.ahead && second.count == Suggestions.ahead)
    #expect(Set(first).isDisjoint(with: second))
    expect(suggestions.asked(first[0], alice))
    expect(!suggestions.asked(first[0], alice))
    expect(!suggestions.asked(second[0], alice))
    let third = all(&suggestions, alice)
    #expect(third.count == 1 && Set(first + second).isDisjoint(with: third))
  }

  @Test func `what somebody has is not suggested, and when all are given there is nothing to say`() {
    var suggestions = Suggestions(random: SeededGenerator(seed: 3))
    #expect(all(&suggestions, alice, held: [0, 1, 2, 3, 4, 5, 6]).sorted() == [7, 8])
    #expect(all(&suggestions, bob, held: [0, 1, 2, 3, 4, 5, 6]) == [])
  }

  @Test func `what a choked peer has not got is suggested to others`() {
    var suggestions = Suggestions(random: SeededGenerator(seed: 3))
    let pieces = all(&suggestions, alice)
    expect(suggestions.asked(pieces[0], alice))
    expect(suggestions.gained(pieces[1], alice))
    expect(!suggestions.gained(pieces[1], alice))
    let rest = Set(0..<9).subtracting(pieces)
    #expect(all(&suggestions, bob, held: rest) == [pieces[1]])
    expect(suggestions.gained(pieces[1], bob))
    suggestions.withdrawn(alice)
    #expect(Set(all(&suggestions, bob, held: rest.union([pieces[1]]))) == [pieces[0], pieces[2]])
  }

  @Test(arguments: [(0.0, 64 << 10), (100_000, 64 << 10), (1_000_000, 500_000), (1e30, 1 << 20)])
  func `half a second of what a peer takes may wait to be sent`(rate: Double, bytes: Int) {
    #expect(SendWatermark.bytes(rate: rate) == bytes)
  }
}
