import Bytes
import EventLoop
import Metainfo
import PeerProtocol

/// How much of the info dictionary a peer may still have: the whole of it twice, and then a little at a time.
struct MetadataAllowance {
  private static let perSecond = 4.0
  private var pieces: Double
  private let most: Double
  private var refilled: Instant

  /// The allowance of a peer that has just come.
  init(size: Int, now: Instant) {
    most = Double(2 * MetadataMessage.pieceCount(size) + 16)
    pieces = most
    refilled = now
  }

  /// Takes one piece, if there is one.
  mutating func take(now: Instant) -> Bool {
    pieces = min(most, pieces + max(0, now.seconds(since: refilled)) * Self.perSecond)
    refilled = now
    guard pieces >= 1 else { return false }
    pieces -= 1
    return true
  }
}

// Giving the info dictionary to those who have only a magnet link (BEP 9).
extension Torrent {
  /// Bytes that may wait for a peer before it gets no more of the info dictionary.
  private static let backlogLimit = 1 << 20

  /// The extension messages that we take for this torrent.
  var extensionKinds: [ExtensionKind] {
    let always: [ExtensionKind] = [.metadata, .donthave, .uploadOnly]
    return always + (exchangesPeers ? [.peerExchange] : []) + (punchesHoles ? [.holePunch] : [])
  }

  func metadataAsked(_ bytes: RawSpan, by peer: PeerConnection, on loop: isolated Loop) {
    guard let message = try? MetadataMessage(bytes) else {
      return peer.complain(.protocolViolation, on: loop)
    }
    guard case .request(let piece) = message else {
      // We have it, and asked nobody.
      if case .unknown = message { return }
      return peer.complain(.protocolViolation, on: loop)
    }
    guard let id = peer.extensions?.id(of: ExtensionKind.metadata.name) else { return }
    var allowance = peer.metadataAllowance ?? MetadataAllowance(size: info.bytes.count, now: loop.now)
    let isWithin = allowance.take(now: loop.now)
    peer.metadataAllowance = allowance
    guard isWithin, MetadataMessage.range(of: piece, size: info.bytes.count) != nil,
      peer.sendQueue.byteCount + peer.control.count < Self.backlogLimit
    else {
      // Who goes on and on is let go.
      peer.complain(.floods, on: loop)
      peer.send(on: loop) { $0.append(metadataReject: piece, id: id) }
      return
    }
    let metadata = info.bytes
    peer.send(on: loop) { $0.append(metadata: metadata, piece: piece, id: id) }
  }
}
