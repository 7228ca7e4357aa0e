import Addresses
import Bytes
import Digest
import Encryption
import EventLoop
private import Glibc
import Metainfo
import PeerProtocol

/// A connection with a peer of a swarm whose torrent is not known yet: exchanges handshakes and extension
/// messages, and passes over everything else, whose sense depends on the torrent. Confined to the swarm's loop.
final class MetadataPeer: ReadinessHandler {
  enum Phase {
    case connecting, encrypting, greeting, open, closed
  }

  /// The longest extension message that is looked at: a piece with its head.
  private static let messageLimit = MetadataMessage.pieceSize + 512
  /// Oddities that are forgiven.
  private static let patience = 32
  /// Bytes that may wait to be sent.
  private static let outboxLimit = 64 << 10

  let swarm: MetadataSwarm
  let number: Int
  let remote: Endpoint
  let isOutgoing: Bool
  private let stream: PeerStream
  private(set) var phase: Phase
  /// When the phase began.
  private(set) var since: Instant
  private(set) var peerID: PeerID?
  private(set) var extensions = ExtensionHandshake()
  /// Where it listens, as far as known.
  var listening: Endpoint?
  /// Whether it has the info dictionary.
  var isSource = false
  /// Whether the connection was opened with a key exchange.
  let beginsEncrypted: Bool
  private var initiator: MSEInitiator?
  private var wireHash: InfoHash
  private var inbox: [UInt8] = []
  /// Bytes of a message that are passed over as they come.
  private var skip = 0
  private var outbox = SendQueue()
  private var complaints = 0
  private var exchange = PeerExchange()

  init(
    _ swarm: MetadataSwarm, number: Int, _ stream: PeerStream, remote: Endpoint, isOutgoing: Bool,
    wireHash: InfoHash, beginsEncrypted: Bool = false, now: Instant
  ) {
    self.swarm = swarm
    self.number = number
    self.stream = stream
    self.remote = remote
    self.isOutgoing = isOutgoing
    self.wireHash = wireHash
    self.beginsEncrypted = beginsEncrypted
    phase = isOutgoing ? .connecting : .greeting
    listening = isOutgoing ? remote : nil
    since = now
  }

  /// What carries the bytes, and whether uTP was about to.
  var transport: PeerTransport { stream.transport }
  var hasBeatenUTP: Bool { stream.hasBeatenUTP }

  func start(on loop: isolated Loop) -> Bool {
    stream.start(self, for: phase == .connecting ? .writable : .readable, on: loop)
  }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    switch phase {
    case .connecting: finishConnecting(on: loop)
    case .closed: break
    case .encrypting, .greeting, .open:
      if events.contains(.readable) { receive(on: loop) }
      if events.contains(.writable), phase != .closed { flush(on: loop) }
    }
  }

  private func finishConnecting(on loop: isolated Loop) {
    guard stream.isConnected else {
      close(.connectFailed, on: loop)
      return
    }
    phase = .greeting
    since = loop.now
    stream.watch(for: .readable)
    if beginsEncrypted { beginEncryption(on: loop) } else { sendHandshake(on: loop) }
  }

  /// Ends the connection. The swarm forgets it; idempotent.
  func close(_ reason: CloseReason, on loop: isolated Loop) {
    guard phase != .closed else { return }
    phase = .closed
    stream.close()
    swarm.closed(self, reason, on: loop)
  }

  /// A few oddities are forgiven; a stream of them is not.
  func complain(on loop: isolated Loop) {
    complaints += 1
    if complaints > Self.patience { close(.protocolViolation, on: loop) }
  }

  // MARK: Sending

  func send(on loop: isolated Loop, _ append: (inout [UInt8]) -> Void) {
    guard phase == .open || phase == .greeting || phase == .encrypting else { return }
    var bytes: [UInt8] = []
    append(&bytes)
    outbox.append(bytes, inOrder: true)
    flush(on: loop)
    // It asks and does not read.
    if outbox.byteCount > Self.outboxLimit { close(.stalledWrite, on: loop) }
  }

  private func flush(on loop: isolated Loop) {
    while !outbox.isEmpty {
      let moved = outbox.write(to: stream)
      if moved == .none { break }
      guard case .bytes = moved else {
        close(.readError, on: loop)
        return
      }
    }
    stream.watch(for: outbox.isEmpty ? .readable : [.readable, .writable])
  }

  /// Without the fast extension, which would oblige us to say what we have (BEP 6).
  private var handshake: Handshake {
    Handshake(
      reserved: swarm.magnet.infoHashV2 == nil ? [.extensionProtocol] : [.extensionProtocol, .v2],
      infoHash: wireHash, peerID: swarm.context.peerID)
  }

  private func sendHandshake(on loop: isolated Loop) {
    let handshake = handshake
    send(on: loop) { handshake.append(to: &$0) }
  }

  private func sendIntroduction(on loop: isolated Loop) {
    var handshake = ExtensionHandshake()
    handshake.messages[ExtensionKind.metadata.name] = ExtensionKind.metadata.rawValue
    if swarm.context.configuration.peerExchange {
      handshake.messages[ExtensionKind.peerExchange.name] = ExtensionKind.peerExchange.rawValue
    }
    handshake.client = swarm.context.configuration.clientName
    handshake.port = swarm.context.port(toldTo: remote.address)
    handshake.yourAddress = NamedHosts.isStandIn(remote.address) ? nil : remote.address
    let payload = handshake.encoded()
    send(on: loop) { $0.append(extended: 0, payload: payload.rawBytes) }
  }

  // MARK: Encryption

  private func beginEncryption(on loop: isolated Loop) {
    phase = .encrypting
    var greeting: [UInt8] = []
    handshake.append(to: &greeting)
    let methods = swarm.context.configuration.encryption.methods
    let initiator = MSEInitiator(wireHash, offering: methods, first: greeting)
    self.initiator = initiator
    send(on: loop) { $0 += initiator.opening }
  }

  /// Bytes of the key exchange came.
  private func encrypt(_ bytes: RawSpan, on loop: isolated Loop) {
    switch initiator?.receive(bytes) {
    case .more(let answer):
      send(on: loop) { $0 += answer }
    case .done(let answer, let result):
      send(on: loop) { $0 += answer }
      initiator = nil
      guard phase != .closed else { return }
      phase = .greeting
      take(result.ciphers, early: result.early, on: loop)
    case .failed, nil:
      close(.badEncryption, on: loop)
    }
  }

  /// What travels from here on is encrypted with these; `early` came before and is in the clear already.
  func take(_ ciphers: StreamCiphers?, early: [UInt8], on loop: isolated Loop) {
    outbox.cipher = ciphers?.outgoing
    stream.incomingCipher = ciphers?.incoming
    take(early: early, on: loop)
  }

  /// Handles bytes of the stream that came before the stream was ours.
  func take(early: [UInt8], on loop: isolated Loop) {
    inbox += early
    if !early.isEmpty { consume(on: loop) }
  }

  // MARK: Receiving

  private func receive(on loop: isolated Loop) {
    let buffer = swarm.context.received
    var vector = unsafe iovec(iov_base: buffer.base, iov_len: buffer.capacity)
    switch unsafe stream.read(into: &vector, count: 1) {
    case .bytes(let count):
      if phase == .encrypting { return unsafe encrypt(RawSpan(_unsafeBytes: buffer.bytes(count)), on: loop) }
      unsafe inbox.append(contentsOf: buffer.bytes(count))
      consume(on: loop)
    case .none: break
    case .ended: close(.closedByPeer, on: loop)
    case .failed: close(.readError, on: loop)
    }
  }

  /// Handles all whole messages.
  private func consume(on loop: isolated Loop) {
    let bytes = inbox
    var offset = 0
    while phase != .closed, let next = step(bytes, from: offset, on: loop) { offset = next }
    inbox.removeFirst(min(offset, inbox.count))
  }

  /// Handles what is at `offset`; where the next message begins, or `nil` if more bytes are needed.
  private func step(_ bytes: [UInt8], from offset: Int, on loop: isolated Loop) -> Int? {
    let available = bytes.count - offset
    if skip > 0, available > 0 {
      let passed = min(skip, available)
      skip -= passed
      return offset + passed
    }
    if phase == .greeting { return readHandshake(bytes, from: offset, on: loop) }
    guard available >= 4 else { return nil }
    let length = Int(bytes.rawBytes.bigEndian(UInt32.self, at: offset))
    if length == 0 { return offset + 4 }
    guard length <= FrameDecoder.Limits.standard.frame else {
      close(.protocolViolation, on: loop)
      return nil
    }
    guard available >= 5 else { return nil }
    guard bytes[offset + 4] == Self.extendedID, length >= 2, length <= Self.messageLimit else {
      skip = 4 + length
      return offset
    }
    guard available >= 4 + length else { return nil }
    extended(bytes[offset + 5], bytes.rawBytes.extracting(offset + 6..<offset + 4 + length), on: loop)
    return offset + 4 + length
  }

  private static let extendedID: UInt8 = 20

  private func readHandshake(_ bytes: [UInt8], from offset: Int, on loop: isolated Loop) -> Int? {
    let rest = bytes.rawBytes.extracting(offset..<bytes.count)
    guard rest.byteCount >= Handshake.byteCount else {
      if !Handshake.isPrefix(rest) { close(.badHandshake, on: loop) }
      return nil
    }
    guard let handshake = try? Handshake(rest) else {
      close(.badHandshake, on: loop)
      return nil
    }
    greeted(handshake, on: loop)
    return offset + Handshake.byteCount
  }

  /// The peer's handshake is here.
  func greeted(_ handshake: Handshake, on loop: isolated Loop) {
    guard swarm.infoHashes.contains(handshake.infoHash) else { return close(.wrongInfoHash, on: loop) }
    guard handshake.peerID != swarm.context.peerID else { return close(.ownPeerID, on: loop) }
    peerID = handshake.peerID
    wireHash = handshake.infoHash
    if !isOutgoing { sendHandshake(on: loop) }
    guard phase != .closed else { return }
    guard swarm.opened(self, on: loop) else { return close(.duplicate, on: loop) }
    // Whoever has no extensions has nothing for us yet.
    guard handshake.reserved.contains(.extensionProtocol) else { return close(.noInterest, on: loop) }
    phase = .open
    since = loop.now
    sendIntroduction(on: loop)
  }

  private func extended(_ id: UInt8, _ bytes: RawSpan, on loop: isolated Loop) {
    guard id != 0 else {
      guard let handshake = try? ExtensionHandshake(bytes) else { return complain(on: loop) }
      extensions.merge(handshake)
      swarm.introduced(self, on: loop)
      return
    }
    switch ExtensionKind(rawValue: id) {
    case .metadata:
      guard let message = try? MetadataMessage(bytes) else { return complain(on: loop) }
      swarm.received(message, bytes, from: self, on: loop)
    case .peerExchange where swarm.context.configuration.peerExchange:
      exchanged(bytes, on: loop)
    default:
      complain(on: loop)
    }
  }

  /// The peer tells of others (BEP 11).
  private func exchanged(_ bytes: RawSpan, on loop: isolated Loop) {
    switch exchange.received(now: loop.now.nanoseconds) {
    case .flood: return close(.floods, on: loop)
    case .ignore: return
    case .take: break
    }
    guard let message = try? PeerExchangeMessage(bytes) else { return complain(on: loop) }
    let context = swarm.context
    let useful = message.added.lazy.map(\.endpoint).filter { [remote] endpoint in
      PeerExchange.isPlausible(endpoint, toldBetween: remote.address) && !context.isOurs(endpoint)
    }
    swarm.learn(Array(useful), from: .exchange, isV2Only: false, on: loop)
  }
}
