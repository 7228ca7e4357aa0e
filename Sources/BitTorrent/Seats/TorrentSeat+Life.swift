import Addresses
import EventLoop
import PeerProtocol

// What is asked of a torrent from outside, whether it is awake or not.
extension TorrentSeat {
  /// A connection from outside, its handshake read.
  func accept(_ visitor: Visitor, on loop: isolated Loop) {
    if isReady {
      torrent?.accept(visitor, on: loop)
      return
    }
    guard phase != .failed, phase != .stopping, phase != .ended, visitors.count < Self.visitorLimit,
      context.connections < context.configuration.connections, past?.book.isBanned(visitor.remote) != true
    else {
      visitor.dismiss()
      return
    }
    context.connections += 1
    visitors.append(visitor)
    wake(on: loop)
  }

  func dismissVisitors() {
    for visitor in visitors { visitor.dismiss() }
    context.connections -= visitors.count
    visitors = []
  }

  /// Peers that a person names.
  func add(peers: [Endpoint], on loop: isolated Loop) {
    if let torrent {
      torrent.learn(peers, from: .user, on: loop)
    } else if phase != .ended {
      let past = makePast()
      for endpoint in peers { past.book.add(endpoint, from: .user) }
      wake(on: loop)
    }
  }

  /// Changes the torrent's own limits.
  func set(limits: RateLimits, on loop: isolated Loop) {
    if let torrent { torrent.set(limits: limits, on: loop) } else { makePast().limits = limits }
  }

  func retry(on loop: isolated Loop) {
    if let torrent {
      torrent.retry(on: loop)
    } else if phase == .failed {
      wake(on: loop)
    } else {
      for announcer in past?.announcers ?? [] { announcer.retry(on: loop) }
    }
  }

  func status(on loop: isolated Loop) -> TorrentStatus {
    if let torrent { return torrent.status(on: loop) }
    let counters = past?.counters ?? TorrentCounters()
    let state: TorrentState =
      phase == .failed
      ? .stopped(reason: past?.fault ?? "its torrent file cannot be read")
      : wasComplete ? .seeding : .checking(0)
    return TorrentStatus(
      name: outline.name, infoHash: outline.infoHash, state: state, pieces: Int(outline.pieces),
      piecesHave: Int(outline.piecesHave), wantedBytes: outline.wantedBytes, doneBytes: outline.doneBytes,
      downloaded: counters.downloaded, uploaded: counters.uploaded, wasted: counters.wasted,
      failedPieces: counters.failedPieces, checkedPieces: counters.checkedPieces, downRate: 0, upRate: 0,
      peers: 0, seeds: 0, trackerMessage: past?.trackerMessage, peerTraffic: past?.traffic.gone ?? [],
      endedConnections: counters.closesInWords)
  }

  // MARK: The end

  /// Leaves the swarm, then calls `done`; at the latest after `seconds`.
  func stop(within seconds: Double, on loop: isolated Loop, done: @escaping @Sendable (isolated Loop) -> Void)
  {
    guard phase != .stopping, phase != .ended else {
      done(loop)
      return
    }
    dismissVisitors()
    phase = .stopping
    if let torrent {
      let me = Confined(self, on: loop)
      torrent.stop(within: seconds, on: loop) { loop in
        let seat = me.value(on: loop)
        seat.torrent = nil
        seat.phase = .ended
        seat.context.turnEnded(seat, on: loop)
        done(loop)
      }
      return
    }
    whenStopped = done
    for announcer in past?.announcers ?? [] { announcer.stop(on: loop) }
    endIfQuiet(on: loop)
    guard phase == .stopping else { return }
    let me = Confined(self, on: loop)
    let timer = loop.timer { loop in me.value(on: loop).end(on: loop) }
    timer.set(after: seconds)
    past?.stopTimer = timer
  }

  func endIfQuiet(on loop: isolated Loop) {
    if past?.announcers.allSatisfy(\.isStopped) ?? true { end(on: loop) }
  }

  func end(on loop: isolated Loop) {
    guard phase == .stopping, torrent == nil else { return }
    phase = .ended
    for announcer in past?.announcers ?? [] { announcer.close(on: loop) }
    past?.stopTimer?.close()
    past = nil
    whenStopped.take()?(loop)
  }
}
