import Bytes
import Digest
import Testing

@testable import PeerProtocol

@Suite struct LeafCacheTests {
  private func leaves(_ number: Int) -> [SHA256Digest] {
    (0..<4).map { SHA256.hash([UInt8(number & 255), UInt8(number >> 8), UInt8($0)].rawBytes) }
  }

  private func key(_ piece: Int) -> LeafCache.Key {
    LeafCache.Key(root: SHA256.hash([7].rawBytes), piece: piece)
  }

  @Test func whatIsUsedStaysAndTheRestGoes() {
    var cache = LeafCache(limit: 16 << 10)
    for number in 0..<1000 {
      cache.insert(leaves(number), for: key(number))
      #expect(cache.byteCount <= 16 << 10)
      #expect(cache.find(key(0)) == leaves(0), "\(number)")
      #expect(cache.find(key(number)) == leaves(number))
    }
    #expect(cache.find(key(1)) == nil)
    #expect(cache.find(key(990)) == leaves(990))
    // Half of the limit at least is put to use.
    #expect((0..<1000).count { cache.find(key($0)) != nil } >= 8 << 10 / (4 * 32 + 96))
  }

  @Test func theSameTwiceCountsOnce() {
    var cache = LeafCache(limit: 1 << 20)
    for _ in 0..<10 { cache.insert(leaves(1), for: key(1)) }
    let once = cache.byteCount
    cache.insert(leaves(2), for: key(2))
    #expect(cache.byteCount == 2 * once)
  }

  @Test func whatIsTooLargeIsNotKept() {
    var cache = LeafCache(limit: 400)
    cache.insert(leaves(1), for: key(1))
    #expect(cache.find(key(1)) == nil)
    #expect(cache.byteCount == 0)
  }

  /// Leaves that are not those of the piece are no answer: whoever gets them takes us for a liar.
  @Test func leavesThatAreNotThePiecesAreNotGivenOut() throws {
    let tree = FullTree(blocks: 20, perPiece: 4)
    var server = HashServer()
    let request = HashRequest(
      piecesRoot: tree.geometry.root, baseLayer: 0, index: 4, length: 4, proofLayers: 1)
    var draft = server.draft(request, file: tree.geometry, pieceLayer: tree.pieceLayer)
    #expect(draft.needsLeaves && !draft.isReady)
    draft.add(leaves: tree.leaves(ofPiece: 2))
    #expect(draft.finish() == nil)
    server.keep(draft)
    #expect(server.leafBytes == 0)
    draft.add(leaves: tree.leaves(ofPiece: 1))
    #expect(draft.finish() == tree.answer(request))
    server.keep(draft)
    #expect(server.leafBytes > 0)
    var next = server.draft(request, file: tree.geometry, pieceLayer: tree.pieceLayer)
    #expect(next.isReady && !next.needsLeaves)
    #expect(next.finish() == tree.answer(request))
  }

  /// Of cached leaves, parts of the piece and proofs are answered too, but not on the loop.
  @Test func whatMustBeHashedIsNotReady() throws {
    let tree = FullTree(blocks: 20, perPiece: 4)
    var server = HashServer()
    server.keep(leaves: tree.leaves(ofPiece: 1), root: tree.geometry.root, piece: 1)
    for (length, proofs) in [(2, 1), (4, 3), (2, 4)] {
      let request = HashRequest(
        piecesRoot: tree.geometry.root, baseLayer: 0, index: 4, length: length, proofLayers: proofs)
      var draft = server.draft(request, file: tree.geometry, pieceLayer: tree.pieceLayer)
      #expect(!draft.isReady && !draft.needsLeaves)
      #expect(draft.finish() == tree.answer(request))
    }
    let layer = HashRequest(
      piecesRoot: tree.geometry.root, baseLayer: 2, index: 0, length: 4, proofLayers: 2)
    var first = server.draft(layer, file: tree.geometry, pieceLayer: tree.pieceLayer)
    #expect(!first.isReady)
    #expect(first.finish() == tree.answer(layer))
    server.keep(first)
    #expect(server.draft(layer, file: tree.geometry, pieceLayer: tree.pieceLayer).isReady)
  }
}
