import Addresses
import Digest
import EventLoop
import Metainfo
import PieceStorage

/// What a seat knows while its torrent is only a magnet link.
final class MagnetFetch {
  let magnet: Magnet
  let registry: TorrentRegistry
  /// `nil` before it was looked for on the disk, and once it is here.
  var swarm: MetadataSwarm?
  /// What was fetched, where nothing else was wanted.
  var metainfo: Metainfo?

  init(_ magnet: Magnet, registry: TorrentRegistry) {
    self.magnet = magnet
    self.registry = registry
  }
}

// From a magnet link to a torrent.
extension TorrentSeat {
  /// Looks for the torrent that an earlier run kept, else fetches it.
  func fetch(_ fetch: MagnetFetch, on loop: isolated Loop) {
    phase = .fetching
    self.fetch = fetch
    let (me, magnet, options) = (Confined(self, on: loop), fetch.magnet, source.options)
    let work = DiskWork(on: loop) { _ in
      KeptTorrent(magnet, in: options).load().map { ReadyTorrent($0, magnet, options) }
    } then: { loop, ready in
      let seat = me.value(on: loop)
      guard seat.phase == .fetching else { return }
      if let ready { seat.ready(ready, on: loop) } else { seat.startFetching(on: loop) }
    }
    context.disk.submit(work)
  }

  private func startFetching(on loop: isolated Loop) {
    guard let fetch else { return }
    var book = past?.book ?? PeerBook(filter: context.filter)
    for announcer in past?.announcers ?? [] { announcer.close(on: loop) }
    past?.announcers = []
    for peer in source.options.peers { book.add(peer, from: .user) }
    let me = Confined(self, on: loop)
    let swarm = MetadataSwarm(fetch.magnet, book: book, context: context, now: loop.now) { loop, result in
      me.value(on: loop).fetched(result, on: loop)
    }
    fetch.swarm = swarm
    swarm.start(on: loop)
    context.announceLocally(fetch.magnet.infoHashes)
    joinDHT(isSeed: false, on: loop)
    PeerNames.resolve(fetch.magnet.peers, unlessGone: context.binding, on: loop) { loop, endpoints in
      me.value(on: loop).fetch?.swarm?.learn(endpoints, from: .user, isV2Only: false, on: loop)
    }
  }

  /// The swarm has come to its end.
  private func fetched(_ result: Result<Info, MetadataFault>, on loop: isolated Loop) {
    guard phase == .fetching, let fetch, let swarm = fetch.swarm else { return }
    takeOver(swarm)
    fetch.swarm = nil
    let info: Info
    switch result {
    case .failure(let fault): return fail(fault.reason, on: loop)
    case .success(let found): info = found
    }
    let (me, magnet, options) = (Confined(self, on: loop), fetch.magnet, source.options)
    let work = DiskWork(on: loop) { _ in
      let metainfo = Metainfo(
        info: info, trackers: magnet.trackers.map { [$0] }, webSeeds: magnet.webSeeds)
      KeptTorrent(magnet, in: options).save(metainfo)
      return ReadyTorrent(metainfo, magnet, options)
    } then: { loop, ready in
      me.value(on: loop).ready(ready, on: loop)
    }
    context.disk.submit(work)
  }

  /// Peers and trackers that were found go on to the torrent.
  private func takeOver(_ swarm: MetadataSwarm) {
    let past = makePast()
    past.book = swarm.book
    past.counters.closes.merge(swarm.counters.closes, uniquingKeysWith: +)
    past.trackerMessage = swarm.trackerMessage
    past.announcers = swarm.announcers
    for announcer in past.announcers { announcer.owner = self }
  }

  /// The torrent is known.
  private func ready(_ ready: ReadyTorrent, on loop: isolated Loop) {
    guard phase == .fetching, let fetch else { return }
    if source.options.isMetadataOnly {
      fetch.metainfo = ready.metainfo
      return
    }
    let options: AddOptions
    switch ready.options {
    case .failure(let fault): return fail(fault.reason, on: loop)
    case .success(let chosen): options = chosen
    }
    let info = ready.metainfo.info
    let unknown = info.infoHashes.filter { !outline.infoHashes.contains($0) }
    guard fetch.registry.insert(Confined(self, on: loop), under: unknown) else {
      return fail("\(info.name) is in this session already", on: loop)
    }
    if info.isPrivate {
      context.endLocalAnnounces(outline.infoHashes)
      leaveDHT()
    }
    past?.book.settle(info, knownBy: fetch.magnet.infoHashes, now: loop.now)
    for announcer in past?.announcers ?? [] { announcer.isV2Only = announcer.infoHash != info.infoHash }
    source = SeatSource(options)
    outline = TorrentOutline(info)
    self.fetch?.metainfo = ready.metainfo
    start(ready.metainfo, on: loop)
  }

  /// Piece layers came from peers: once all are here, they are kept with the torrent.
  func keepLayers(on loop: isolated Loop) {
    guard let fetch, var metainfo = fetch.metainfo, let layers = torrent?.layers,
      layers.missing(in: metainfo.info).isEmpty
    else { return }
    metainfo.pieceLayers = layers
    fetch.metainfo = metainfo
    let kept = KeptTorrent(fetch.magnet, in: source.options)
    let work = DiskWork(on: loop) { [metainfo] _ in
      kept.save(metainfo)
    } then: { _, _ in
    }
    context.disk.submit(work)
  }

  // MARK: What others ask meanwhile

  /// Ends the search: what it has to say to trackers is said by the seat.
  func stopFetching(on loop: isolated Loop) {
    guard let swarm = fetch?.swarm else { return }
    swarm.end(on: loop)
    takeOver(swarm)
    fetch?.swarm = nil
  }

  func fetchStatus(_ fetch: MagnetFetch, on loop: isolated Loop) -> TorrentStatus {
    let swarm = fetch.swarm
    return TorrentStatus(
      name: outline.name, infoHash: outline.infoHash,
      state: .fetchingMetadata(fetch.metainfo == nil ? swarm?.progress ?? 0 : 1), pieces: 0, piecesHave: 0,
      wantedBytes: 0, doneBytes: 0, downloaded: 0, uploaded: 0, wasted: 0, failedPieces: 0, checkedPieces: 0,
      leaves: LeafCounts(),
      downRate: 0, upRate: 0, peers: swarm?.peers.values.count { $0.phase == .open } ?? 0, seeds: 0,
      trackerMessage: swarm?.trackerMessage, peerTraffic: [],
      endedConnections: swarm?.counters.closesInWords ?? [:])
  }
}

/// A torrent as it is to be started, put together on a disk thread.
private struct ReadyTorrent: Sendable {
  let metainfo: Metainfo
  let options: Result<AddOptions, MetadataFault>

  init(_ metainfo: Metainfo, _ magnet: Magnet, _ options: AddOptions) {
    self.metainfo = metainfo
    var chosen = options
    do {
      if !magnet.selection.isEmpty {
        chosen.wanted = metainfo.info.files.indices.map { index in
          magnet.selection.contains { $0.contains(index) }
        }
      }
      if let choose = options.choose { chosen.priorities = try choose(metainfo.info) ?? chosen.priorities }
      self.options = .success(chosen)
    } catch {
      self.options = .failure(MetadataFault(reason: "\(error)"))
    }
  }
}
