import Digest
import Metainfo
import TestSupport
import Testing

@Suite struct PieceLayersTests {
  private static func torrent(_ version: TorrentVersion) throws -> Metainfo {
    try ContentFolder(files: [TestFile("a", 100_000), TestFile("b", 50), TestFile("c", 40000)])
      .torrent(version, pieceLength: 32768)
  }

  @Test(arguments: [TorrentVersion.v2, .hybrid])
  func `layers that come from peers are checked`(version: TorrentVersion) throws {
    let metainfo = try Self.torrent(version)
    let info = metainfo.info
    var layers = PieceLayers()
    let large = info.files.indices.filter { info.files[$0].pieces.count > 1 }
    #expect(layers.missing(in: info) == large)
    let root = try #require(info.files[large[0]].piecesRoot)
    let layer = try #require(metainfo.pieceLayers[root])
    #expect(layer.count == 4)

    let refused = [
      layers.insert(Array(layer.dropLast()), root: root, info: info),
      layers.insert(layer.reversed(), root: root, info: info),
      layers.insert(layer, root: .zero, info: info),
    ]
    #expect(refused == [false, false, false])
    #expect(layers.missing(in: info) == large)
    let isTaken = layers.insert(layer, root: root, info: info)
    #expect(isTaken)
    #expect(layers.missing(in: info) == [large[1]])
  }

  @Test func `a piece has the hash of its layer or its file`() throws {
    let metainfo = try Self.torrent(.v2)
    let info = metainfo.info
    let root = try #require(info.files[0].piecesRoot)
    #expect(info.pieceCount == 4 + 1 + 2)
    for piece in 0..<4 {
      #expect(metainfo.pieceLayers.hash(ofPiece: piece, in: info) == metainfo.pieceLayers[root]?[piece])
    }
    #expect(metainfo.pieceLayers.hash(ofPiece: 4, in: info) == info.files[1].piecesRoot)
    #expect(PieceLayers().hash(ofPiece: 4, in: info) == info.files[1].piecesRoot)
    #expect(PieceLayers().hash(ofPiece: 0, in: info) == nil)
    #expect(metainfo.pieceLayers.hash(ofPiece: 7, in: info) == nil)
  }

  @Test func `v1 has no layers`() throws {
    let metainfo = try Self.torrent(.v1)
    #expect(metainfo.pieceLayers.hash(ofPiece: 0, in: metainfo.info) == nil)
    #expect(metainfo.pieceLayers.missing(in: metainfo.info).isEmpty)
  }
}
