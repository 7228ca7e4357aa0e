import Addresses
import Digest
import Encryption
import EventLoop
import Metainfo
import PeerProtocol

// Whom to connect to, whom to let in, and what is left of a peer that goes.
extension Torrent {
  /// New addresses, from a tracker or a person.
  func learn(
    _ endpoints: [Endpoint], from source: PeerBook.Source, isV2Only: Bool, on loop: isolated Loop
  ) {
    for endpoint in endpoints { book.add(endpoint, from: source, isV2Only: isV2Only) }
    connectMore(on: loop)
  }

  /// New addresses.
  func learn(_ endpoints: [Endpoint], from source: PeerBook.Source, on loop: isolated Loop) {
    learn(endpoints, from: source, isV2Only: false, on: loop)
  }

  /// Opens connections while there are peers worth trying and room for them.
  func connectMore(on loop: isolated Loop) {
    guard !isStopping, state == .downloading || state == .seeding, context.isReachable else { return }
    while connecting < context.configuration.halfOpen, connections < context.configuration.peersPerTorrent,
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
  func connect(_ candidate: PeerBook.Candidate, isPunched: Bool = false, on loop: isolated Loop) {
    guard let carrier = context.carrier(to: candidate, isUTPOnly: isPunched, on: loop) else {
      context.connections.giveBack()
      book.failed(candidate.endpoint, now: loop.now, using: &random)
      return
    }
    let hash = candidate.isV2Only ? upgradedHash ?? info.infoHash : info.infoHash
    let peer = makePeer(
      carrier, candidate.endpoint, isOutgoing: true, wireHash: hash,
      beginsEncrypted: candidate.isEncrypted ?? context.configuration.encryption.beginsEncrypted, on: loop)
    peer.isPunched = isPunched
    connecting += 1
    if !peer.start(on: loop) { peer.close(.connectFailed, on: loop) }
  }

  /// A connection from outside, its handshake read.
  func accept(_ visitor: Visitor, on loop: isolated Loop) {
    let (remote, handshake) = (visitor.remote, visitor.handshake)
    guard !isStopping, state == .downloading || state == .seeding, !book.isBanned(remote),
      connections < context.configuration.peersPerTorrent
        || makeRoom(for: priority(of: remote, seenFrom: visitor.carrier.local), on: loop),
      context.connections.take()
    else {
      visitor.dismiss()
      return
    }
    let peer = makePeer(visitor.carrier, remote, isOutgoing: false, wireHash: handshake.infoHash, on: loop)
    guard peer.start(on: loop) else {
      peer.close(.readError, on: loop)
      return
    }
    if let ciphers = visitor.ciphers { peer.take(ciphers, early: [], on: loop) }
    peer.accept(handshake, on: loop)
    if peer.phase != .closed { peer.consume(early: visitor.early, on: loop) }
  }

  /// A connection, for which there is a permit.
  func makePeer(
    _ carrier: PeerStream.Carrier, _ remote: Endpoint, isOutgoing: Bool, wireHash: InfoHash,
    beginsEncrypted: Bool = false, serial: UInt32? = nil, on loop: isolated Loop
  ) -> PeerConnection {
    let slot = freeSlots.popLast() ?? PeerSlot(Int32(peers.count))
    if serial == nil { nextSerial += 1 }
    let peer = PeerConnection(
      self, slot: slot, serial: serial ?? nextSerial, stream: PeerStream(carrier), remote: remote,
      isOutgoing: isOutgoing,
      wireHash: wireHash, beginsEncrypted: beginsEncrypted, now: loop.now)
    if slot.index == peers.count { peers.append(peer) } else { peers[slot.index] = peer }
    peer.priority = priority(of: remote, seenFrom: carrier.local)
    if let rates { peer.rates.shares = rates.shares(of: remote.address) }
    return peer
  }

  /// Both handshakes are exchanged. False if the connection was closed as a double one.
  func opened(_ peer: PeerConnection, on loop: isolated Loop) -> Bool {
    if peer.isOutgoing { connecting -= 1 }
    if let twin = peers.lazy.compactMap({ $0 }).first(where: {
      $0 !== peer && $0.phase == .open && $0.peerID == peer.peerID
    }) {
      let (kept, dropped) = choose(twin, peer, on: loop)
      if dropped.isOutgoing { kept.listening = dropped.remote }
      dropped.close(.duplicate, on: loop)
      if dropped === peer { return false }
    }
    picker.join(peer.slot, has: peer.has)
    choker.joined(peer.slot, now: loop.now)
    if peer.isOutgoing {
      book.connected(peer.remote)
      book.worked(peer.remote, over: peer.stream.transport)
      book.understood(peer.remote, isEncrypted: peer.beginsEncrypted)
    }
    exchangeVersion &+= 1
    return true
  }

  /// Seconds of silence after which a peer that comes again is believed that its old connection is dead.
  private static let silence = 5.0

  /// Which of two connections with the same peer stays: an established one that is alive; of two fresh ones the one
  /// that the side with the smaller peer id opened, so that both sides decide alike.
  private func choose(_ old: PeerConnection, _ new: PeerConnection, on loop: isolated Loop) -> (
    kept: PeerConnection, dropped: PeerConnection
  ) {
    if !new.isOutgoing, old.remote.address == new.remote.address,
      loop.now.seconds(since: old.lastReceived) > Self.silence
    {
      return (new, old)
    }
    guard old.isOutgoing != new.isOutgoing, loop.now.seconds(since: old.openedAt) < 2, let id = new.peerID
    else { return (old, new) }
    let keepsOutgoing = localPeerID < id
    return new.isOutgoing == keepsOutgoing ? (new, old) : (old, new)
  }

  /// An incoming peer told where it listens.
  func learnt(_ peer: PeerConnection, on loop: isolated Loop) {
    if let listening = peer.listening { book.connected(listening) }
    exchangeVersion &+= 1
  }

  /// A connection has ended.
  func closed(_ peer: PeerConnection, _ reason: CloseReason, wasOpen: Bool, on loop: isolated Loop) {
    counters.closes[reason, default: 0] += 1
    if peer.isOutgoing, peer.peerID == nil { connecting -= 1 }
    peers[peer.slot.index] = nil
    freeSlots.append(peer.slot)
    context.connections.giveBack()
    if wasOpen {
      picker.leave(peer.slot, has: peer.has)
      closeIdlePieces()
      hashes?.forget(peer: peer.slot.index)
      choker.left(peer.slot)
      suggestions.withdrawn(peer.slot)
      traffic.add(peer.traffic)
      exchangeVersion &+= 1
      if peer.web == nil { senders.left(peer) }
    }
    if let web = peer.web { web.left(reason, on: loop) } else { note(peer, reason, on: loop) }
    peer.web = nil
    guard !isStopping else { return }
    if wasOpen {
      fillAll(on: loop)
      if !peer.isChoking { rechoke(on: loop) }
    }
  }

  /// What the book learns from the end of a connection.
  private func note(_ peer: PeerConnection, _ reason: CloseReason, on loop: isolated Loop) {
    let now = loop.now
    switch reason {
    case .ownPeerID:
      if peer.isOutgoing { book.isSelf(peer.remote) }
    case .badData, .badHashes, .banned, .unrequestedData:
      book.ban(peer.endpoint)
      if peer.endpoint != peer.remote { book.ban(peer.remote) }
    case .bothComplete:
      book.rest(peer.endpoint, until: now + 600)
    case .duplicate:
      break
    case .stopped, .networkLost:
      // Our own doing: the peer may be tried again at once.
      if let endpoint = peer.listening { book.rest(endpoint, until: now) }
    case .closedByPeer, .handshakeTimeout, .badHandshake, .badEncryption, .readError:
      // Who hangs up on our first words may understand the other ones.
      if peer.isOutgoing, peer.peerID == nil, context.configuration.encryption.canVary,
        book.varied(peer.remote, from: peer.beginsEncrypted, now: now)
      {
        return
      }
      if peer.isOutgoing, peer.peerID == nil, peer.stream.hasBeatenUTP {
        return book.tryOverUTP(peer.remote, now: now)
      }
      fallthrough
    default:
      askForPunch(peer, on: loop)
      guard let endpoint = peer.listening else { return }
      let wasUseful = peer.downloaded > 0 || peer.uploaded > 0
      book.disconnected(endpoint, wasUseful: wasUseful, now: now, using: &random)
    }
  }

  /// A peer says at which address it sees us.
  func sees(_ peer: PeerConnection, us address: IPAddress) {
    if context.externals.vote(address, from: peer.remote.address) {
      context.externalAddressChanged(isV4: address.isV4)
    }
    peer.priority = priority(of: peer.endpoint, seenFrom: peer.stream.local)
    if let ours = context.externals.address(isV4: address.isV4) {
      book.weAre(Endpoint(ours, port: listeningPort))
    }
  }

  /// The rank that a connection has on both of its ends (BEP 40).
  func priority(of remote: Endpoint, seenFrom local: Endpoint?) -> UInt32 {
    var ours = context.externals.address(isV4: remote.address.isV4)
    // In our own network others see us as the socket does.
    if ours == nil || remote.address.isPrivate || remote.address.isLoopback {
      ours = local?.address
    }
    guard let ours else { return 0 }
    return PeerPriority.of(Endpoint(ours, port: listeningPort), remote)
  }

  /// Full: closes a peer that a newcomer of that rank is worth more than. False if there is none.
  func makeRoom(for newcomer: UInt32, on loop: isolated Loop) -> Bool {
    let now = loop.now
    var all: [PeerConnection] = []
    forEachPeer { if $0.web == nil { all.append($0) } }
    let chosen = RoomRule.choose(
      all.map { peer in
        RoomRule.Peer(
          idleSeconds: now.seconds(since: peer.lastUseful),
          wasUseful: peer.downloaded + peer.uploaded > 0, priority: peer.priority)
      }, newcomer: newcomer)
    guard let chosen else { return false }
    all[chosen].close(.tooManyPeers, on: loop)
    return true
  }

  /// The connection of a sender that has not left. O(peers).
  func connection(_ serial: UInt32) -> PeerConnection? {
    peers.lazy.compactMap { $0 }.first { $0.serial == serial }
  }

  /// A peer is known to lie: closes it and refuses it from now on.
  func ban(_ serial: UInt32, _ reason: CloseReason, on loop: isolated Loop) {
    if banWebSeed(serial, on: loop) { return }
    if let peer = connection(serial) {
      peer.close(reason, on: loop)
    } else if let endpoint = senders.endpoint(serial) {
      book.ban(endpoint)
    }
  }
}
