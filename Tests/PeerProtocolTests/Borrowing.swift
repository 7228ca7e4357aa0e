import Addresses
import Bytes
import Digest
import PeerProtocol

// Spans and mutating calls do not pass through #expect: these take arrays, and hold values in classes.

func step(_ bytes: [UInt8], from offset: Int = 0, limits: FrameDecoder.Limits = .standard)
  -> FrameDecoder.Step
{
  FrameDecoder.next(in: bytes.rawBytes, from: offset, limits: limits)
}

func pieceHeader(
  _ bytes: [UInt8], from offset: Int = 0, limits: FrameDecoder.Limits = .standard
) -> FrameDecoder.PieceHeader? {
  FrameDecoder.pieceHeader(in: bytes.rawBytes, from: offset, limits: limits)
}

func digest(_ bytes: [UInt8]) -> SHA256Digest { SHA256.hash(bytes.rawBytes) }

func infoHash(_ bytes: [UInt8]) -> InfoHash { InfoHash(bytes.rawBytes) }

func peerID(_ bytes: [UInt8]) -> PeerID { PeerID(bytes.rawBytes) }

func decodeHandshake(_ bytes: [UInt8]) throws(Violation) -> Handshake { try Handshake(bytes.rawBytes) }

func startsHandshake(_ bytes: [UInt8]) -> Bool { Handshake.isPrefix(bytes.rawBytes) }

func extensionHandshake(_ bytes: [UInt8]) throws(Violation) -> ExtensionHandshake {
  try ExtensionHandshake(bytes.rawBytes)
}

func extensionMessage(_ kind: ExtensionKind, _ payload: [UInt8]) throws(Violation) -> ExtensionMessage? {
  try ExtensionMessage(kind, payload: payload.rawBytes)
}

func appendPiece(_ piece: Int, _ begin: Int, _ payload: [UInt8], to bytes: inout [UInt8]) {
  bytes.append(piece: piece, begin: begin, payload: payload.rawBytes)
}

func appendExtended(_ id: UInt8, _ payload: [UInt8], to bytes: inout [UInt8]) {
  bytes.append(extended: id, payload: payload.rawBytes)
}

final class Requester {
  private var core: HashRequester

  init(
    _ files: [HashGeometry?], layers: [[SHA256Digest]?] = [], limits: HashRequester.Limits = .init()
  ) {
    core = HashRequester(files: files, layers: layers, limits: limits)
  }

  var isIdle: Bool { core.isIdle }
  var nextDeadline: UInt64? { core.nextDeadline }

  func next(
    for peer: Int, now: UInt64 = 0, offers: (Int, Range<Int>) -> Bool = { _, _ in true }
  ) -> HashRequest? {
    core.next(for: peer, now: now, offers: offers)
  }

  func received(
    from peer: Int, _ request: HashRequest, _ hashes: [UInt8], now: UInt64 = 0
  ) -> HashRequester.Outcome {
    core.received(from: peer, request, hashes: hashes.rawBytes, now: now)
  }

  func received(
    from peer: Int, _ request: HashRequest, _ hashes: [SHA256Digest], now: UInt64 = 0
  ) -> HashRequester.Outcome {
    received(from: peer, request, hashes.flatMap(\.bytes), now: now)
  }

  @discardableResult
  func rejected(by peer: Int, _ request: HashRequest, now: UInt64 = 0) -> Bool {
    core.rejected(by: peer, request, now: now)
  }

  func forget(peer: Int) { core.forget(peer: peer) }
  func pieceHash(file: Int, piece: Int) -> SHA256Digest? { core.pieceHash(file: file, piece: piece) }
  func layer(ofFile file: Int) -> [SHA256Digest]? { core.layer(ofFile: file) }

  @discardableResult
  func wantLeaves(file: Int, piece: Int) -> Bool { core.wantLeaves(file: file, piece: piece) }
  func unwantLeaves(file: Int, piece: Int) { core.unwantLeaves(file: file, piece: piece) }
}

final class Server {
  private var core: HashServer

  init(limit: Int = 1 << 18) { core = HashServer(limit: limit) }

  func answer(
    _ request: HashRequest, file: HashGeometry, pieceLayer: [SHA256Digest]?, leaves: [SHA256Digest] = []
  ) -> [SHA256Digest]? {
    core.answer(request, file: file, pieceLayer: pieceLayer, leaves: leaves)
  }
}

final class Assembly {
  private var core: MetadataAssembly

  init(limits: MetadataAssembly.Limits = .init()) { core = MetadataAssembly(limits: limits) }

  var isDistrustful: Bool { core.isDistrustful }
  var heldBytes: Int { core.heldBytes }
  var progress: Double { core.progress }

  func joined(_ peer: Int, size: Int) -> Bool { core.joined(peer, size: size) }
  func left(_ peer: Int) { core.left(peer) }
  func next(for peer: Int, now: UInt64 = 0) -> Int? { core.next(for: peer, now: now) }
  func expire(now: UInt64) -> [Int] { core.expire(now: now) }
  func settled(_ number: Int, isRight: Bool) -> [Int] { core.settled(number, isRight: isRight) }

  func received(_ piece: Int, total: Int, _ bytes: [UInt8], from peer: Int) -> MetadataAssembly.Outcome {
    core.received(piece, total: total, bytes.rawBytes, from: peer)
  }

  func rejected(_ piece: Int, by peer: Int, now: UInt64 = 0) -> MetadataAssembly.Outcome {
    core.rejected(piece, by: peer, now: now)
  }
}

final class Exchange {
  private var core = PeerExchange()

  func message(
    connected: [PeerExchangeMessage.Contact], to receiver: Endpoint, now: UInt64
  ) -> PeerExchangeMessage? {
    core.message(connected: connected, to: receiver, now: now)
  }

  func received(now: UInt64) -> PeerExchange.Verdict { core.received(now: now) }
}

final class Discovery {
  private var core = LocalDiscovery(cookie: "mine")

  var count: Int { core.count }
  func add(_ hash: InfoHash) { core.add(hash) }
  func remove(_ hash: InfoHash) { core.remove(hash) }
  func next(now: UInt64) -> [InfoHash] { core.next(now: now) }
  func deadline(now: UInt64) -> UInt64? { core.deadline(now: now) }

  func heard(_ datagram: [UInt8], from sender: IPAddress, now: UInt64) -> (
    peer: Endpoint, infoHashes: [InfoHash]
  )? {
    core.heard(datagram.rawBytes, from: sender, now: now)
  }
}
