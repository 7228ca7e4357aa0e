import Addresses
import Bytes
import Digest
import PeerProtocol
import Testing

@Suite struct AllowedFastTests {
  static let infoHash = PeerProtocolTests.infoHash([UInt8](repeating: 0xaa, count: 20))
  static let address = IPAddress(v4: 0x5004_04c8)

  /// The vectors of BEP 6.
  @Test(arguments: [
    [1059, 431, 808, 1217, 287, 376, 1188], [1059, 431, 808, 1217, 287, 376, 1188, 353, 508],
  ])
  func vectors(pieces: [Int]) {
    #expect(
      AllowedFast.pieces(for: Self.address, infoHash: Self.infoHash, count: pieces.count, pieceCount: 1313)
        == pieces)
  }

  @Test func sameForTheWholeNetwork() {
    let sets = (0..<4).map {
      AllowedFast.pieces(
        for: IPAddress(v4: 0x5004_0400 + UInt32($0)), infoHash: Self.infoHash, count: 10, pieceCount: 5000)
    }
    #expect(Set(sets).count == 1)
    #expect(Set(sets[0]).count == 10)
  }

  @Test(arguments: [(0, 10, 0), (5, 10, 5), (10, 10, 10), (11, 10, 10), (100, 0, 0)])
  func smallTorrents(pieceCount: Int, count: Int, expected: Int) {
    let pieces = AllowedFast.pieces(
      for: Self.address, infoHash: Self.infoHash, count: count, pieceCount: pieceCount)
    #expect(pieces.count == expected)
    #expect(Set(pieces).count == expected)
    #expect(pieces.allSatisfy { $0 < pieceCount })
  }

  @Test func noneForIPv6() {
    #expect(
      AllowedFast.pieces(for: .anyV6, infoHash: Self.infoHash, count: 10, pieceCount: 100).isEmpty)
  }
}
