import Bytes
import Testing

@testable import BitTorrent

@Suite struct InterestCountTests {
  @Test func `interest ends with the last piece that a peer has for us`() {
    var missing = Bitfield(count: 130, allSet: true)
    var has = bits(130, [0, 64, 129])
    var interest = InterestCount(has: has, missing: missing)
    #expect(interest.pieces == 3 && interest.isInterested)
    for (piece, flips) in [(0, false), (1, false), (129, false), (64, true)] {
      missing[piece] = false
      expect(interest.settled(piece, has: has), is: flips)
    }
    #expect(!interest.isInterested)
    has[64] = true
    expect(!interest.peerGained(64, missing: missing))
    has[65] = true
    expect(interest.peerGained(65, missing: missing) && interest.isInterested)
    has[65] = false
    expect(interest.peerLost(65, missing: missing) && !interest.isInterested)
    missing[129] = true
    expect(interest.missed(129, has: has) && interest.pieces == 1)
  }
}
