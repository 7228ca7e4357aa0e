import EventLoop
import PeerProtocol

// What happens with time alone: twice a second.
extension Torrent {
  func tick(on loop: isolated Loop) {
    let now = loop.now
    for case let peer? in peers { check(peer, on: loop) }
    checkWatched(on: loop)
    noteSlotUse(now: now)
    guard now.seconds(since: lastSecond) >= 1 else { return }
    lastSecond = now
    guard !isStopping, state == .downloading || state == .seeding else { return }
    rechokeIfDue(on: loop)
    connectMore(on: loop)
    useWebSeeds(on: loop)
    for announcer in announcers { announcer.tick(on: loop) }
    let isOneOfSeveral = deliverers >= Self.several
    forEachPeer { peer in
      peer.window.isOneOfSeveral = isOneOfSeveral
      picker.measured(peer.slot, rate: peer.down.rate(now: now), isSnubbed: peer.isSnubbed)
    }
    updateDeadlines(on: loop)
    askHashes(on: loop)
    exchangePeers(on: loop)
    expireDisputes(on: loop)
    seekRarePieces(on: loop)
    if state == .downloading, connections < 5 {
      for announcer in announcers { announcer.wantPeers(on: loop) }
    }
  }

  /// So many peers that do not choke us are several.
  private static let several = 4

  /// Peers that have something for us and do not choke us.
  private var deliverers: Int {
    var count = 0
    forEachPeer { count += $0.isInterested && !$0.peerIsChoking ? 1 : 0 }
    return count
  }

  private func check(_ peer: PeerConnection, on loop: isolated Loop) {
    let now = loop.now
    let age = now.seconds(since: peer.openedAt)
    switch peer.phase {
    case .connecting:
      if age > 3 { askForPunch(peer, on: loop) }
      if age > 8 { peer.close(.connectTimeout, on: loop) }
    case .encrypting, .greeting:
      if age > 10 { peer.close(.handshakeTimeout, on: loop) }
    case .open:
      checkOpen(peer, on: loop)
    case .closed:
      break
    }
  }

  private func checkOpen(_ peer: PeerConnection, on loop: isolated Loop) {
    if let web = peer.web { return web.check(on: loop) }
    let now = loop.now
    if now.seconds(since: peer.lastReceived) > 150 {
      peer.close(.idle, on: loop)
    } else if let stalled = peer.writeStalledSince, now.seconds(since: stalled) > 90 {
      peer.close(.stalledWrite, on: loop)
    } else if picker.outstanding(peer.slot) > 0, !peer.rates.waitsToRead,
      now.seconds(since: peer.lastBlock) > peer.patience
    {
      snub(peer, on: loop)
    } else if now.seconds(since: peer.lastSent) > 100 {
      peer.send(on: loop) { $0.appendKeepAlive() }
    } else if peer.isInterested, picker.outstanding(peer.slot) == 0 {
      fillRequests(peer, on: loop)
    }
  }
}

extension PeerConnection {
  /// Seconds without a block after which its requests go to others: short for a peer that has been
  /// fast, and never so short that a busy one is given up.
  var patience: Double {
    if isSnubbed { return 60 }
    return downloaded > 0 ? 20 : 30
  }

  /// What moved with this peer.
  var traffic: PeerTraffic {
    PeerTraffic(
      endpoint: endpoint, host: web?.url.host, transport: stream.transport, client: client,
      downloaded: downloaded, uploaded: uploaded, isEncrypted: web?.url.isSecure ?? isEncrypted)
  }
}
