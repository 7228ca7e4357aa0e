import Metainfo
import PeerProtocol

extension PieceGeometry {
  /// The pieces of a torrent.
  init(_ info: Info) {
    self.init(
      pieceCount: info.pieceCount, pieceLength: info.pieceLength, size: { info.pieceSize($0) },
      padding: { info.padding(inPiece: $0) })
  }

  /// The message that asks for a block.
  func request(_ block: Block) -> BlockRequest {
    BlockRequest(piece: Int(block.piece), begin: begin(block), length: length(block))
  }
}
