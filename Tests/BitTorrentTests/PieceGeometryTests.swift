import Bytes
import Testing

@testable import BitTorrent

@Suite struct PieceGeometryTests {
  @Test(arguments: [1, 16_383, 16_384, 16_385, 32_768, 100_000, 163_841], [16_384, 32_768, 49_152, 1_000])
  func `blocks cover every byte once`(length: Int, pieceLength: Int) {
    let geometry = PieceGeometry(length: length, pieceLength: pieceLength)
    var sum = 0
    for piece in 0..<geometry.pieceCount {
      var begin = 0
      for index in 0..<geometry.blockCount(piece) {
        let block = Block(piece: Int32(piece), index: Int32(index))
        #expect(geometry.begin(block) == begin)
        #expect(geometry.length(block) > 0 && geometry.length(block) <= Block.size)
        #expect(geometry.block(piece: piece, begin: begin, length: geometry.length(block)) == block)
        begin += geometry.length(block)
      }
      #expect(begin == geometry.size(piece))
      #expect(geometry.blockCount(piece) <= geometry.maximumBlocks)
      sum += begin
    }
    #expect(sum == length)
  }

  @Test func `blocks of padding alone are not counted`() {
    let padding = [0, 16_384, 16_385, 49_152, 1]
    let geometry = PieceGeometry(
      pieceCount: 5, pieceLength: 49_152, size: { _ in 49_152 }, padding: { padding[$0] })
    #expect((0..<5).map { geometry.blockCount($0) } == [3, 2, 2, 0, 3])
    #expect(geometry.isPaddingOnly(3) && !geometry.isPaddingOnly(2))
    #expect(geometry.length(Block(piece: 2, index: 1)) == 16_384)
    #expect(geometry.block(piece: 1, begin: 32_768, length: 16_384) == nil)
  }

  @Test func `pieces that end with their file are short (BEP 52)`() {
    let sizes = [32_768, 10, 32_768, 20_000]
    let geometry = PieceGeometry(pieceCount: 4, pieceLength: 32_768, size: { sizes[$0] })
    #expect((0..<4).map { geometry.size($0) } == sizes)
    #expect(geometry.length(Block(piece: 1, index: 0)) == 10)
    #expect(geometry.length(Block(piece: 3, index: 1)) == 3_616)
  }

  @Test(arguments: [
    (-1, 0, 16_384), (2, 0, 16_384), (0, -16_384, 16_384), (0, 1, 16_384), (0, 32_768, 16_384),
    (0, 0, 16_383), (0, 0, Int.max), (1, 16_384, 16_384), (0, Int.max - 3, 4),
  ])
  func `numbers that name no block are refused`(piece: Int, begin: Int, length: Int) {
    let geometry = PieceGeometry(length: 32_768 + 20_000, pieceLength: 32_768)
    #expect(geometry.block(piece: piece, begin: begin, length: length) == nil)
  }
}
