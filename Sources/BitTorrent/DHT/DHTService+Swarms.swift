import Addresses
import Digest
import EventLoop
import MainlineDHT

/// A torrent's place in the DHT's schedule.
struct AnnouncedSwarm {
  let seat: Confined<TorrentSeat>
  /// Whether this is the v2 swarm of a hybrid torrent (BEP 52).
  var isV2Only: Bool
  var isSeed: Bool
  /// The second of the alarm that counts.
  var alarm: UInt64 = 0
  /// Seconds until the next look if this one brings few peers.
  var retry: Double
  var found = 0
  var request: RequestID?
}

// Announces of torrents, and their look for peers: at the start, then every 15 minutes.
extension DHTService {
  /// Looks that go on at the same time: with very many torrents they wait for each other.
  private static let parallel = 8
  /// Peers of one look that are enough.
  private static let enough = 5
  /// Nodes that keep an announce, below which the network is so small, or we so new in it, that the next one comes
  /// soon; and how soon at the latest.
  private static let fewNodes = 4
  private static let soon = 60.0

  /// A torrent wants to be found. Called again, it tells whether the torrent is complete, and what it is.
  func join(
    _ swarm: InfoHash, _ seat: Confined<TorrentSeat>, isV2Only: Bool, isSeed: Bool, on loop: isolated Loop
  ) {
    guard swarms[swarm] == nil else {
      swarms[swarm]?.isSeed = isSeed
      swarms[swarm]?.isV2Only = isV2Only
      return
    }
    swarms[swarm] = AnnouncedSwarm(
      seat: seat, isV2Only: isV2Only, isSeed: isSeed, retry: configuration.firstRetry)
    queue.append(swarm)
    announceDue(on: loop)
    settle(on: loop)
  }

  /// A torrent goes.
  func leave(_ swarm: InfoHash, on loop: isolated Loop) {
    guard let known = swarms.removeValue(forKey: swarm), let request = known.request else { return }
    dht.cancel(request)
    requests[request] = nil
    running -= 1
    announceDue(on: loop)
    settle(on: loop)
  }

  /// Starts what is due, as far as there is room.
  func announceDue(on loop: isolated Loop) {
    for alarm in alarms.advance(to: loop.now) where swarms[alarm.element]?.alarm == alarm.second {
      queue.append(alarm.element)
    }
    guard isReady else { return }
    var taken = 0
    while running < Self.parallel, taken < queue.count {
      let swarm = queue[taken]
      taken += 1
      if let known = swarms[swarm], known.request == nil { announce(swarm, known, on: loop) }
    }
    queue.removeFirst(taken)
  }

  private func announce(_ swarm: InfoHash, _ known: AnnouncedSwarm, on loop: isolated Loop) {
    let announcement =
      listeningPort == 0 || configuration.isReadOnly
      ? nil : SelfAnnouncement(port: publicPorts.port(for: listeningPort), isSeed: known.isSeed)
    let request = dht.findPeers(
      swarm, announce: announcement, noSeeds: known.isSeed, now: loop.now.dhtSeconds)
    swarms[swarm]?.request = request
    swarms[swarm]?.found = 0
    requests[request] = .swarm(swarm)
    running += 1
  }

  /// A look has brought peers: to the torrent with them.
  func found(_ peers: [Endpoint], in swarm: InfoHash) {
    swarms[swarm]?.found += peers.count
    guard let known = swarms[swarm] else { return }
    let (seat, isV2Only) = (known.seat, known.isV2Only)
    seat.loop.post { loop in seat.value(on: loop).learnFromDHT(peers, isV2Only: isV2Only, on: loop) }
  }

  /// A look has ended: the next one follows.
  func finished(_ swarm: InfoHash, stored: Int, on loop: isolated Loop) {
    running -= 1
    if var known = swarms[swarm] {
      known.request = nil
      var wait = configuration.announceInterval
      let isAlone = stored < Self.fewNodes
      if isAlone || !known.isSeed && known.found < Self.enough {
        // With very many torrents, ten a second at most.
        let soonest = Double(swarms.count) / 10
        wait = min(wait, max(isAlone ? min(known.retry, Self.soon) : known.retry, soonest))
        known.retry = min(known.retry * 2, configuration.announceInterval)
      }
      let jitter = Double.random(in: 0.9...1.1, using: &random)
      known.alarm = alarms.add(swarm, at: loop.now + wait * jitter)
      swarms[swarm] = known
    }
    announceDue(on: loop)
  }
}
