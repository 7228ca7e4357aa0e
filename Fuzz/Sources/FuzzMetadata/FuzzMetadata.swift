import Bytes
import FuzzDriver
import PeerProtocol

/// The messages of BEP 9, and an info dictionary that is put together from peers who do as the input says.
@main
enum FuzzMetadata {
  static func main() {
    let code = fuzz { start, count in
      FuzzMetadata.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    var script = Script(input)
    if script.byte().map({ $0 & 1 == 0 }) ?? true {
      message(script.remainder())
    } else {
      var swarm = MetadataScript()
      swarm.run(&script)
    }
  }

  /// What is taken names a piece that can be, and data of no more than one.
  private static func message(_ payload: [UInt8]) {
    guard let message = try? MetadataMessage(payload.rawBytes) else { return }
    var again: [UInt8] = []
    switch message {
    case .request(let piece): again.append(metadataRequest: piece, id: 1)
    case .reject(let piece): again.append(metadataReject: piece, id: 1)
    case .data(let piece, let total, let range):
      precondition(piece >= 0 && total > 0 && range.upperBound == payload.count)
      precondition(!range.isEmpty && range.count <= MetadataMessage.pieceSize)
      return
    case .unknown: return
    }
    let body = Array(again.dropFirst(6))
    precondition((try? MetadataMessage(body.rawBytes)) == message)
  }
}
