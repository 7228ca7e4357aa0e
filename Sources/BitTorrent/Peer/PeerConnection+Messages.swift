import Addresses
import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol

// What each message does. Anything that cannot be true ends the connection with a reason; what merely
// crossed another message on the way is passed over.
extension PeerConnection {
  func greeted(_ bytes: RawSpan, on loop: isolated Loop) {
    let handshake: Handshake
    do {
      handshake = try Handshake(bytes)
    } catch {
      close(.badHandshake, on: loop)
      return
    }
    accept(handshake, on: loop)
  }

  /// The peer's handshake is here (read from this socket, or before the torrent was known).
  func accept(_ handshake: Handshake, on loop: isolated Loop) {
    guard torrent.info.infoHashes.contains(handshake.infoHash) else {
      close(.wrongInfoHash, on: loop)
      return
    }
    guard handshake.peerID != torrent.localPeerID else {
      close(.ownPeerID, on: loop)
      return
    }
    peerID = handshake.peerID
    reserved = handshake.reserved.intersection(torrent.reservedBits)
    if !isOutgoing {
      // BEP 52: a v1 greeting with the v2 bit is answered with the v2 hash: the connection is upgraded.
      wireHash = handshake.infoHash
      if handshake.reserved.contains(.v2), let upgraded = torrent.upgradedHash { wireHash = upgraded }
      sendHandshake(on: loop)
    } else {
      wireHash = handshake.infoHash
    }
    guard torrent.opened(self, on: loop) else { return }
    phase = .open
    openedAt = loop.now
    sendOpening(on: loop)
  }

  func handle(_ message: Message, _ bytes: RawSpan, on loop: isolated Loop) {
    switch message {
    case .piece(let piece, let begin, let payload):
      torrent.received(piece: piece, begin: begin, bytes, payload, from: self, on: loop)
    case .request(let request): requested(request, on: loop)
    case .have(let piece): have(piece, on: loop)
    case .keepAlive: break
    case .port(let port): hasNode(at: port)
    case .choke: choked(true, on: loop)
    case .unchoke: choked(false, on: loop)
    case .interested: interested(true, on: loop)
    case .notInterested: interested(false, on: loop)
    case .bitfield(let range): described(Bitfield(wire: bytes.extracting(range), count: has.count), on: loop)
    case .haveAll: described(isFast ? Bitfield(count: has.count, allSet: true) : nil, on: loop)
    case .haveNone: described(isFast ? Bitfield(count: has.count) : nil, on: loop)
    case .cancel(let request): cancelled(request, on: loop)
    case .reject(let request): rejected(request, on: loop)
    case .allowedFast(let piece): allowedFast(piece, on: loop)
    case .suggest(let piece): suggested(piece, on: loop)
    case .extended(let id, let range): extended(id, bytes.extracting(range), on: loop)
    case .hashRequest(let request): torrent.hashesRequested(request, by: self, on: loop)
    case .hashes(let request, let range):
      torrent.receivedHashes(request, bytes.extracting(range), from: self, on: loop)
    case .hashReject(let request): torrent.hashesRejected(request, by: self, on: loop)
    case .unknown: complain(.protocolViolation, on: loop)
    }
  }

  /// A few oddities are forgiven; a stream of them is not.
  func complain(_ reason: CloseReason, on loop: isolated Loop) {
    protocolComplaints += 1
    if protocolComplaints > 64 { close(reason, on: loop) }
  }

  // MARK: What the peer has

  private func described(_ field: Bitfield?, on loop: isolated Loop) {
    guard let field else {
      close(.badBitfield, on: loop)
      return
    }
    guard let last = describedAt, !has.isEmpty else {
      describedAt = loop.now
      torrent.describes(self, field, on: loop)
      return
    }
    // BEP 3 wants it first or not at all; aria2 sends one in place of many haves, when it is shorter.
    if loop.now.seconds(since: last) < 0.5 { complain(.badBitfield, on: loop) }
    describedAt = loop.now
    for piece in 0..<field.count where field[piece] && phase != .closed { have(piece, on: loop) }
  }

  private func have(_ piece: Int, on loop: isolated Loop) {
    guard piece >= 0, piece < has.count else {
      close(.outOfRange, on: loop)
      return
    }
    guard !has[piece] else { return }
    has[piece] = true
    torrent.gained(self, piece, on: loop)
  }

  private func lost(_ piece: Int, on loop: isolated Loop) {
    guard piece >= 0, piece < has.count, has[piece] else { return }
    has[piece] = false
    torrent.lost(self, piece, on: loop)
  }

  // MARK: Choking and interest

  private func choked(_ choked: Bool, on loop: isolated Loop) {
    guard choked != peerIsChoking else { return }
    peerIsChoking = choked
    if choked {
      suggested.removeAll(keepingCapacity: true)
      // With the fast extension what was asked for is answered or rejected one by one.
      if !isFast { torrent.releaseAll(self, on: loop) }
    } else {
      lastBlock = loop.now
      torrent.fillRequests(self, on: loop)
    }
  }

  private func interested(_ interested: Bool, on loop: isolated Loop) {
    guard interested != peerIsInterested else { return }
    peerIsInterested = interested
    torrent.interestChanged(self, on: loop)
  }

  // MARK: Fast extension (BEP 6)

  private func rejected(_ request: BlockRequest, on loop: isolated Loop) {
    guard isFast else {
      complain(.protocolViolation, on: loop)
      return
    }
    torrent.rejected(request, by: self, on: loop)
  }

  private func allowedFast(_ piece: Int, on loop: isolated Loop) {
    guard isFast, piece < has.count, allowedFast.count < 64 else { return }
    if !allowedFast.contains(Int32(piece)) { allowedFast.append(Int32(piece)) }
    if peerIsChoking { torrent.fillRequests(self, on: loop) }
  }

  private func suggested(_ piece: Int, on loop: isolated Loop) {
    guard isFast, piece < has.count, !torrent.picker.have[piece], !suggested.contains(Int32(piece))
    else { return }
    if suggested.count >= 16 { suggested.removeFirst() }
    suggested.append(Int32(piece))
  }

  // MARK: Extension protocol (BEP 10)

  private func extended(_ id: UInt8, _ bytes: RawSpan, on loop: isolated Loop) {
    guard reserved.contains(.extensionProtocol) else {
      complain(.protocolViolation, on: loop)
      return
    }
    if id == 0 {
      introduced(bytes, on: loop)
      return
    }
    guard let kind = ExtensionKind(rawValue: id) else {
      complain(.protocolViolation, on: loop)
      return
    }
    if kind == .metadata { return torrent.metadataAsked(bytes, by: self, on: loop) }
    if kind == .peerExchange { return torrent.peersExchanged(bytes, by: self, on: loop) }
    if kind == .holePunch { return torrent.holePunchAsked(bytes, by: self, on: loop) }
    switch try? ExtensionMessage(kind, payload: bytes) {
    case .donthave(let piece): lost(piece, on: loop)
    case .uploadOnly(let isUploadOnly):
      if extensions == nil { extensions = ExtensionHandshake() }
      extensions?.isUploadOnly = isUploadOnly
      _ = torrent.closeIfUseless(self, on: loop)
    case nil: break
    }
  }

  private func introduced(_ bytes: RawSpan, on loop: isolated Loop) {
    guard let handshake = try? ExtensionHandshake(bytes) else {
      complain(.protocolViolation, on: loop)
      return
    }
    if extensions?.merge(handshake) == nil { extensions = handshake }
    if let limit = handshake.requestQueue { window.peerLimit = limit }
    if !isOutgoing, let port = handshake.port {
      listening = Endpoint(remote.address, port: port)
      torrent.learnt(self, on: loop)
    }
    if let address = handshake.yourAddress { torrent.sees(self, us: address) }
    _ = torrent.closeIfUseless(self, on: loop)
  }
}
