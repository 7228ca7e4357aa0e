import Bencode
import Bytes
import Digest
import FuzzDriver
import PeerProtocol

/// The first byte chooses: frames, handshake, extension handshake, or a script of hash exchange.
@main
enum FuzzPeerWire {
  static func main() {
    let code = fuzz { start, count in
      var script = Script(bytes(start, count))
      switch (script.byte() ?? 0) % 4 {
      case 0: FuzzPeerWire.frames(script.remainder())
      case 1: FuzzPeerWire.handshake(script.remainder())
      case 2: FuzzPeerWire.extensionHandshake(script.remainder())
      default:
        var exchange = HashScript()
        exchange.run(&script)
      }
      return 0
    }
    precondition(code == 0)
  }

  /// Every message's encoding is the bytes that it was decoded from, and a part of a frame never decodes to
  /// anything that the whole does not.
  static func frames(_ input: [UInt8]) {
    var offset = 0
    while case .message(let message, let next) = FrameDecoder.next(in: input.rawBytes, from: offset) {
      precondition(next > offset && next <= input.count)
      if let again = encoded(message, input) { precondition(again == Array(input[offset..<next])) }
      for cut in [offset, offset + 3, offset + 4, next - 1] where cut < next {
        let part = Array(input[..<cut])
        guard offset <= cut, case .incomplete(let needed) = FrameDecoder.next(in: part.rawBytes, from: offset)
        else { preconditionFailure("a part of a frame is not incomplete") }
        precondition(needed > cut - offset && needed <= next - offset || needed == 4)
      }
      if let header = FrameDecoder.pieceHeader(in: input.rawBytes, from: offset) {
        guard case .piece(header.piece, header.begin, let range) = message else { preconditionFailure() }
        precondition(range.count == header.length)
      }
      if case .extended(_, let range) = message {
        for kind in ExtensionKind.allCases {
          _ = try? ExtensionMessage(kind, payload: input.rawBytes.extracting(range))
        }
      }
      offset = next
    }
  }

  static func encoded(_ message: Message, _ input: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    switch message {
    case .keepAlive: bytes.appendKeepAlive()
    case .choke: bytes.appendChoke()
    case .unchoke: bytes.appendUnchoke()
    case .interested: bytes.appendInterested()
    case .notInterested: bytes.appendNotInterested()
    case .have(let piece): bytes.append(have: piece)
    case .bitfield(let range):
      guard let bits = Bitfield(wire: input.rawBytes.extracting(range), count: range.count * 8) else {
        preconditionFailure("whole bytes of bits were refused")
      }
      bytes.append(bitfield: bits)
    case .request(let block): bytes.append(request: block)
    case .piece(let piece, let begin, let range):
      bytes.append(piece: piece, begin: begin, payload: input.rawBytes.extracting(range))
    case .cancel(let block): bytes.append(cancel: block)
    case .port(let port): bytes.append(port: port)
    case .suggest(let piece): bytes.append(suggest: piece)
    case .haveAll: bytes.appendHaveAll()
    case .haveNone: bytes.appendHaveNone()
    case .reject(let block): bytes.append(reject: block)
    case .allowedFast(let piece): bytes.append(allowedFast: piece)
    case .extended(let id, let range):
      bytes.append(extended: id, payload: input.rawBytes.extracting(range))
    case .hashRequest(let request): bytes.append(hashRequest: request)
    case .hashReject(let request): bytes.append(hashReject: request)
    case .hashes(let request, let range):
      let hashes = stride(from: range.lowerBound, to: range.upperBound, by: 32).map {
        SHA256Digest(input.rawBytes, at: $0)
      }
      bytes.append(hashes: hashes, answering: request)
    case .unknown: return nil
    }
    return bytes
  }

  static func handshake(_ input: [UInt8]) {
    guard let handshake = try? Handshake(input.rawBytes) else { return }
    var again: [UInt8] = []
    handshake.append(to: &again)
    precondition(again == Array(input.prefix(Handshake.byteCount)))
    for byte in handshake.peerID.description.utf8 { precondition(byte > 0x20 && byte < 0x7f) }
    for byte in ClientName.display(handshake.peerID).utf8 { precondition(byte >= 0x20 && byte < 0x7f) }
  }

  static func extensionHandshake(_ input: [UInt8]) {
    guard let handshake = try? ExtensionHandshake(input.rawBytes) else { return }
    guard let again = try? ExtensionHandshake(handshake.encoded().rawBytes), again == handshake else {
      preconditionFailure("an extension handshake does not survive its own encoding")
    }
    var merged = ExtensionHandshake()
    merged.merge(handshake)
    precondition(merged == handshake)
  }
}
