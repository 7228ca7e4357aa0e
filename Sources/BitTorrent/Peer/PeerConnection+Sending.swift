import Addresses
import Bytes
import EventLoop
import Metainfo
import PeerProtocol

// From messages to the socket. Messages gather in `control` and leave in one write at the end of the
// wake-up, together with the blocks that are ready.
extension PeerConnection {
  /// Appends messages and sees to it that they are written at the end of this wake-up: ahead of blocks that
  /// wait, or behind them if they are about these (`inOrder`).
  func send(inOrder: Bool = false, on loop: isolated Loop, _ append: (inout [UInt8]) -> Void) {
    guard phase == .open || phase == .greeting, web == nil else { return }
    if inOrder { isControlInOrder = true }
    append(&control)
    scheduleFlush(on: loop)
  }

  func scheduleFlush(on loop: isolated Loop) {
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    torrent.scheduleFlush(of: self, on: loop)
  }

  /// Writes what waits, as far as the socket takes it.
  func flush(on loop: isolated Loop) {
    isFlushScheduled = false
    guard phase == .open || phase == .greeting || phase == .encrypting else { return }
    queueControl()
    while !sendQueue.isEmpty {
      let moved = sendQueue.write(to: stream)
      if moved == .none { break }
      guard case .bytes = moved else {
        close(moved == .ended ? .closedByPeer : .readError, on: loop)
        return
      }
      lastSent = loop.now
      writeStalledSince = nil
    }
    if sendQueue.isEmpty {
      stream.watch(for: readInterest)
      torrent.context.freedMemory(on: loop)
    } else {
      if writeStalledSince == nil { writeStalledSince = loop.now }
      stream.watch(for: readInterest.union(.writable))
    }
    readMore(on: loop)
  }

  /// The messages that gathered stand in line.
  func queueControl() {
    guard !control.isEmpty else { return }
    sendQueue.append(control, inOrder: isControlInOrder)
    control = []
    isControlInOrder = false
  }

  // MARK: Greeting

  func sendHandshake(on loop: isolated Loop) {
    let handshake = Handshake(
      reserved: torrent.reservedBits, infoHash: wireHash, peerID: torrent.localPeerID)
    send(on: loop) { handshake.append(to: &$0) }
  }

  /// What comes right behind the handshake: extensions, then what we have.
  func sendOpening(on loop: isolated Loop) {
    send(on: loop) { buffer in
      if reserved.contains(.extensionProtocol) {
        buffer.append(extended: 0, payload: introduction().encoded().rawBytes)
      }
      let have = torrent.durable
      if isFast, have.isFull {
        buffer.appendHaveAll()
      } else if isFast, have.isEmpty {
        buffer.appendHaveNone()
      } else if !have.isEmpty {
        buffer.append(bitfield: have)
      }
    }
    sendPort(on: loop)
    sendAllowedFast(on: loop)
  }

  private func introduction() -> ExtensionHandshake {
    var handshake = ExtensionHandshake()
    for kind in torrent.extensionKinds { handshake.messages[kind.name] = kind.rawValue }
    handshake.metadataSize = torrent.info.bytes.count
    if torrent.isComplete { handshake.isUploadOnly = true }
    handshake.client = torrent.context.configuration.clientName
    handshake.port = torrent.context.port(toldTo: remote.address)
    handshake.requestQueue = torrent.context.configuration.requestQueue
    handshake.yourAddress = NamedHosts.isStandIn(remote.address) ? nil : remote.address
    return handshake
  }

  /// BEP 6: a few pieces that a new peer may fetch while it is choked; of those only what half of our peers
  /// have, because in a young swarm everybody would take our link's time with the same few pieces.
  private func sendAllowedFast(on loop: isolated Loop) {
    guard isFast, remote.address.isV4 else { return }
    let set = AllowedFast.pieces(
      for: remote.address, infoHash: wireHash, count: AllowedFast.usualCount,
      pieceCount: torrent.info.pieceCount
    ).filter { torrent.picker.availability($0) * 2 >= torrent.connections }
    uploads.allowedFast = set
    send(on: loop) { buffer in
      for piece in set where torrent.durable[piece] { buffer.append(allowedFast: piece) }
    }
  }

  /// We want nothing more, or something again (BEP 21): told to a peer that has been introduced.
  func sendUploadOnly(_ isUploadOnly: Bool, on loop: isolated Loop) {
    guard reserved.contains(.extensionProtocol) else { return }
    send(on: loop) { buffer in
      if let id = extensions?.id(of: ExtensionKind.uploadOnly.name) {
        buffer.append(uploadOnly: isUploadOnly, id: id)
      } else {
        var handshake = ExtensionHandshake()
        handshake.isUploadOnly = isUploadOnly
        buffer.append(extended: 0, payload: handshake.encoded().rawBytes)
      }
    }
  }

  // MARK: State

  func setInterested(_ interested: Bool, on loop: isolated Loop) {
    guard interested != isInterested else { return }
    isInterested = interested
    send(on: loop) { buffer in
      if interested { buffer.appendInterested() } else { buffer.appendNotInterested() }
    }
    if interested { lastBlock = loop.now }
  }

  func setChoking(_ choking: Bool, on loop: isolated Loop) {
    guard choking != isChoking else { return }
    isChoking = choking
    slotUse = SlotUse()
    // Suggestions first, so that its first requests follow them.
    if choking { torrent.suggestions.withdrawn(slot) } else { torrent.suggest(to: self, on: loop) }
    send(inOrder: choking, on: loop) { buffer in
      if choking { buffer.appendChoke() } else { buffer.appendUnchoke() }
    }
    if choking { dropUploads(on: loop) }
  }
}
