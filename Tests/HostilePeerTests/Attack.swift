import TestSupport
import Testing

/// What a bad peer does once it has a connection, whoever opened it.
enum Attack: String, CaseIterable, CustomTestStringConvertible {
  case garbage
  case garbageAfterHandshake
  case oversizedLength
  case largestLength
  case wrongInfoHash
  case shortBitfield
  case longBitfield
  case spareBits
  case secondBitfield
  case haveOutOfRange
  case truncatedMessages
  case longMessages
  case unrequestedPieces
  case pieceOutOfRange
  case requestPastTheEnd
  case requestOfTwoGiB
  case requestOfNoPiece
  case requestsByTheThousand
  case cancelsOfNothing
  case extendedGarbage
  case extendedHugeMetadata
  case metadataRequestsByTheThousand
  case metadataOfNothing
  case exchangeByTheThousand
  case exchangeOfNonsense
  case fastWithoutFast
  case rejectsOfNothing
  case hashesOfNothing
  case ownPeerID
  case nothing
  case handshakeThenSilence
  case byteASecond
  case closesAtOnce

  var testDescription: String { rawValue }

  /// Whether the other side must let go: these break rules that no honest peer breaks.
  var mustBeDropped: Bool {
    switch self {
    case .garbage, .garbageAfterHandshake, .oversizedLength, .largestLength, .wrongInfoHash, .shortBitfield,
      .longBitfield, .spareBits, .haveOutOfRange, .truncatedMessages, .ownPeerID,
      .metadataRequestsByTheThousand,
      .exchangeByTheThousand:
      true
    default: false
    }
  }

  /// Does it. Returns when all is sent; throws if the other side lets go in between, which it may.
  func perform(on connection: Connection, with torrent: TestTorrent) throws {
    switch self {
    case .garbage:
      try connection.send((0..<4096).map { _ in UInt8.random(in: 32...255) })
    case .wrongInfoHash:
      try connection.send(WireMessage.handshake(infoHash: [UInt8](repeating: 0xab, count: 20)))
    case .nothing, .closesAtOnce:
      break
    case .byteASecond:
      // The honest peers are done long before this handshake is.
      for byte in WireMessage.handshake(infoHash: torrent.infoHash).prefix(3) {
        try connection.send([byte])
        _ = connection.isClosed(within: .seconds(1))
      }
    case .ownPeerID:
      // Whoever is called answers with the handshake that was sent; whoever calls must ask first.
      let reflected = try connection.receive(exactly: 68)
      try connection.send(reflected)
    default:
      try connection.send(WireMessage.handshake(infoHash: torrent.infoHash, reserved: reserved))
      try connection.send(bytes(torrent))
    }
  }

  private var reserved: [UInt8] {
    switch self {
    case .extendedGarbage, .extendedHugeMetadata, .metadataRequestsByTheThousand, .metadataOfNothing,
      .exchangeByTheThousand, .exchangeOfNonsense:
      [0, 0, 0, 0, 0, 0x10, 0, 0]
    case .rejectsOfNothing: [0, 0, 0, 0, 0, 0, 0, 4]
    default: [0, 0, 0, 0, 0, 0, 0, 0]
    }
  }

  /// What follows the handshake.
  private func bytes(_ torrent: TestTorrent) -> [UInt8] {
    let field = [UInt8](repeating: 0, count: (torrent.pieceCount + 7) / 8)
    let claim = WireMessage.fullBitfield(torrent.pieceCount) + WireMessage.unchoke + WireMessage.interested
    let junk = [UInt8](repeating: 0x5a, count: 16384)
    switch self {
    case .garbageAfterHandshake: return (0..<8192).map { _ in UInt8.random(in: 128...255) }
    case .oversizedLength: return WireMessage.number(64 << 20) + junk
    case .largestLength: return [255, 255, 255, 255, 7] + junk
    case .shortBitfield: return WireMessage.bitfield(Array(field.dropLast()))
    case .longBitfield: return WireMessage.bitfield(field + [0])
    case .spareBits: return WireMessage.bitfield(field.dropLast() + [1])
    case .secondBitfield:
      return claim + WireMessage.bitfield(field) + WireMessage.fullBitfield(torrent.pieceCount)
    case .haveOutOfRange: return WireMessage.have(torrent.pieceCount) + WireMessage.have(-1)
    case .truncatedMessages: return WireMessage.message(4, [0, 0]) + WireMessage.message(6, [0, 0, 0, 0])
    case .longMessages: return WireMessage.message(0, [1, 2, 3]) + WireMessage.message(4, [0, 0, 0, 0, 0])
    case .unrequestedPieces:
      return claim + (0..<64).flatMap { WireMessage.piece($0 % torrent.pieceCount, 0, junk) }
    case .pieceOutOfRange:
      return claim + WireMessage.piece(torrent.pieceCount, 0, junk) + WireMessage.piece(0, -16384, junk)
        + WireMessage.piece(-1, -1, junk) + WireMessage.piece(0, torrent.pieceLength, junk)
    case .requestPastTheEnd:
      return claim + WireMessage.request(torrent.pieceCount - 1, torrent.pieceLength, 16384)
        + WireMessage.request(0, torrent.pieceLength - 1, 16384) + WireMessage.request(0, -1, 16384)
    case .requestOfTwoGiB: return claim + WireMessage.request(0, 0, 1 << 31) + WireMessage.request(0, 0, -1)
    case .requestOfNoPiece:
      return claim + WireMessage.request(torrent.pieceCount, 0, 16384) + WireMessage.request(-1, 0, 16384)
    case .requestsByTheThousand:
      return claim + (0..<20000).flatMap { WireMessage.request($0 % torrent.pieceCount, 0, 16384) }
    case .cancelsOfNothing:
      return claim
        + (0..<1000).flatMap {
          WireMessage.message(
            8, WireMessage.number($0 * 77) + WireMessage.number(-5) + WireMessage.number(1 << 30))
        }
    case .extendedGarbage:
      return WireMessage.message(20, [0] + Array("d1:md11:ut_metadatai-1e6:ut_pex".utf8))
        + WireMessage.message(20, [0] + [UInt8](repeating: UInt8(ascii: "l"), count: 5000))
        + WireMessage.message(20, [77] + junk) + WireMessage.message(20, [])
    case .extendedHugeMetadata:
      return WireMessage.message(
        20,
        [0] + Array("d1:md11:ut_metadatai1ee13:metadata_sizei9223372036854775807e4:reqqi-1e1:pi99999ee".utf8))
    case .metadataRequestsByTheThousand:
      return Self.extensions
        + (0..<5000).flatMap { Self.extended(1, "d8:msg_typei0e5:piecei\($0 % 3)ee") }
    case .metadataOfNothing:
      return Self.extensions + Self.extended(1, "d8:msg_typei0e5:piecei16777215ee")
        + Self.extended(1, "d8:msg_typei0e5:piecei-1ee") + Self.extended(1, "d8:msg_type")
        + Self.extended(
          1, "d8:msg_typei1e5:piecei0e10:total_sizei99999999ee" + String(repeating: "x", count: 16384))
        + Self.extended(1, "d8:msg_typei2e5:piecei0ee") + Self.extended(1, "d8:msg_typei77ee")
    case .exchangeByTheThousand:
      return Self.extensions
        + (0..<5000).flatMap {
          Self.extended(2, "d5:added6:\u{1}\u{2}\u{3}\(Character(UnicodeScalar(UInt8($0 % 100))))ZZe")
        }
    case .exchangeOfNonsense:
      let nowhere: [UInt8] = [
        0, 0, 0, 0, 0, 0, 224, 0, 0, 1, 26, 225, 127, 0, 0, 1, 0, 0, 255, 255, 255, 255, 0, 1,
      ]
      return Self.extensions
        + WireMessage.message(20, [2] + Array("d5:added\(nowhere.count):".utf8) + nowhere + Array("e".utf8))
        + Self.extended(2, "d5:added5:abcde6:added617:0123456789abcdefge") + Self.extended(2, "le")
        + Self.extended(2, "d7:addedi5ee") + Self.extended(2, "")
    case .fastWithoutFast:
      return WireMessage.message(14) + WireMessage.message(13, WireMessage.number(-1))
        + WireMessage.message(17, WireMessage.number(torrent.pieceCount))
    case .rejectsOfNothing:
      return WireMessage.message(14) + WireMessage.unchoke
        + (0..<100).flatMap {
          WireMessage.message(16, WireMessage.number($0) + WireMessage.number(0) + WireMessage.number(16384))
        }
    case .hashesOfNothing:
      let request = [UInt8](repeating: 1, count: 32) + [UInt8](repeating: 255, count: 16)
      return WireMessage.message(21, request) + WireMessage.message(22, request + junk)
        + WireMessage.message(23, request)
    default: return []
    }
  }

  /// The handshake of someone who takes metadata and peers.
  private static let extensions = extended(0, "d1:md11:ut_metadatai7e6:ut_pexi8ee13:metadata_sizei300ee")

  private static func extended(_ id: UInt8, _ text: String) -> [UInt8] {
    WireMessage.message(20, [id] + Array(text.utf8))
  }
}
