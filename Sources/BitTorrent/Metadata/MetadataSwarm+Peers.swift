import Addresses
import Digest
import Encryption
import EventLoop
import Metainfo
import PeerProtocol

// Whom to connect to, and what is left of a peer that goes.
extension MetadataSwarm {
  func connectMore(on loop: isolated Loop) {
    guard !isOver, context.isReachable else { return }
    while connecting < context.configuration.halfOpen, peers.count < Self.connectionLimit,
      context.connections.take()
    {
      guard let candidate = book.next(now: loop.now, using: &random) else {
        context.connections.giveBack()
        return
      }
      connect(candidate, on: loop)
    }
  }

  /// Opens a connection, for which there is a permit.
  private func connect(_ candidate: PeerBook.Candidate, on loop: isolated Loop) {
    guard let carrier = context.carrier(to: candidate, on: loop) else {
      context.connections.giveBack()
      book.failed(candidate.endpoint, now: loop.now, using: &random)
      return
    }
    let hash = candidate.isV2Only ? magnet.infoHashV2?.truncated ?? infoHash : infoHash
    let peer = makePeer(
      carrier, candidate.endpoint, isOutgoing: true, wireHash: hash,
      beginsEncrypted: candidate.isEncrypted ?? context.configuration.encryption.beginsEncrypted, on: loop)
    connecting += 1
    if !peer.start(on: loop) { peer.close(.connectFailed, on: loop) }
  }

  /// A connection from outside, its handshake read.
  func accept(_ visitor: Visitor, on loop: isolated Loop) {
    guard !isOver, !book.isBanned(visitor.remote), peers.count < Self.connectionLimit,
      context.connections.take()
    else {
      visitor.dismiss()
      return
    }
    let hash = visitor.handshake.infoHash
    let peer = makePeer(visitor.carrier, visitor.remote, isOutgoing: false, wireHash: hash, on: loop)
    guard peer.start(on: loop) else {
      peer.close(.readError, on: loop)
      return
    }
    peer.take(visitor.ciphers, early: [], on: loop)
    peer.greeted(visitor.handshake, on: loop)
    if peer.phase != .closed { peer.take(early: visitor.early, on: loop) }
  }

  /// A connection, for which there is a permit.
  private func makePeer(
    _ carrier: PeerStream.Carrier, _ remote: Endpoint, isOutgoing: Bool, wireHash: InfoHash,
    beginsEncrypted: Bool = false, on loop: isolated Loop
  ) -> MetadataPeer {
    nextNumber += 1
    let peer = MetadataPeer(
      self, number: nextNumber, PeerStream(carrier), remote: remote, isOutgoing: isOutgoing,
      wireHash: wireHash, beginsEncrypted: beginsEncrypted, now: loop.now)
    peers[nextNumber] = peer
    return peer
  }

  /// Both handshakes are exchanged. False if there is a connection with this peer already.
  func opened(_ peer: MetadataPeer, on loop: isolated Loop) -> Bool {
    if peer.isOutgoing {
      connecting -= 1
      book.connected(peer.remote)
      book.worked(peer.remote, over: peer.transport)
      book.understood(peer.remote, isEncrypted: peer.beginsEncrypted)
    }
    return !peers.values.contains { $0 !== peer && $0.phase == .open && $0.peerID == peer.peerID }
  }

  /// A connection has ended.
  func closed(_ peer: MetadataPeer, _ reason: CloseReason, on loop: isolated Loop) {
    counters.closes[reason, default: 0] += 1
    if peer.isOutgoing, peer.peerID == nil { connecting -= 1 }
    peers[peer.number] = nil
    context.connections.giveBack()
    assembly.left(peer.number)
    let now = loop.now
    guard let endpoint = peer.listening else { return }
    switch reason {
    case .ownPeerID: book.isSelf(endpoint)
    case .badData: book.ban(endpoint)
    // Perhaps it has what we want some time later; as a peer of the torrent it is good from the start.
    case .noInterest: book.rest(endpoint, until: now + 60)
    case .stopped, .duplicate, .networkLost: book.rest(endpoint, until: now)
    case .closedByPeer, .handshakeTimeout, .badHandshake, .badEncryption, .readError:
      // Perhaps it wants to be greeted the other way.
      if peer.isOutgoing, peer.peerID == nil, context.configuration.encryption.canVary,
        book.varied(peer.remote, from: peer.beginsEncrypted, now: now)
      {
        return
      }
      if peer.isOutgoing, peer.peerID == nil, peer.hasBeatenUTP {
        return book.tryOverUTP(peer.remote, now: now)
      }
      book.disconnected(endpoint, wasUseful: false, now: now, using: &random)
    default: book.disconnected(endpoint, wasUseful: false, now: now, using: &random)
    }
  }

  /// A peer is known to lie: it is refused from now on.
  func ban(_ number: Int, on loop: isolated Loop) {
    if let endpoint = senders[number] { book.ban(endpoint) }
    if let peer = peers[number] {
      book.ban(peer.remote)
      peer.close(.badData, on: loop)
    }
  }

  /// What happens with time alone.
  func check(_ peer: MetadataPeer, on loop: isolated Loop) {
    let age = loop.now.seconds(since: peer.since)
    switch peer.phase {
    case .connecting: if age > 8 { peer.close(.connectTimeout, on: loop) }
    case .encrypting, .greeting: if age > 10 { peer.close(.handshakeTimeout, on: loop) }
    // Peers that have nothing to give keep a place for a while: they may get it, and know others.
    case .open: if !peer.isSource, age > 30 { peer.close(.noInterest, on: loop) }
    case .closed: break
    }
  }
}
