import Digest
import EventLoop
public import Metainfo

// Torrents that are known by their info-hash only.
extension Session {
  /// Adds a torrent by its magnet link: the info dictionary is fetched from peers (BEP 9), then the torrent
  /// starts as any other. The link's trackers, web seeds, peers and selection of files (BEP 53) are used.
  ///
  /// Returns at once; `status` is `fetchingMetadata` until the torrent is known. What was fetched is kept in
  /// `DIRECTORY/.apus/INFOHASH.torrent` and used by the next session that is given the same link.
  /// - Throws: `SessionError.Code.duplicate` if a torrent of that hash is here, `.stopped`.
  public func add(_ magnet: Magnet, _ options: AddOptions) async throws(SessionError) -> TorrentHandle {
    guard let context = nextLoop() else { throw SessionError(.stopped, "the session has been stopped") }
    let outline = TorrentOutline(magnet)
    let registry = registry
    let seat = await context.loop.perform { loop in
      let seat = TorrentSeat(
        outline, source: SeatSource(options), number: 0, phase: .fetching, context: context.value(on: loop))
      return Confined(seat, on: loop)
    }
    guard registry.insert(seat, under: outline.infoHashes) else {
      throw SessionError(.duplicate, "\(outline.name) is in this session already")
    }
    await context.loop.perform { loop in
      seat.value(on: loop).fetch(MagnetFetch(magnet, registry: registry), on: loop)
    }
    return TorrentHandle(infoHash: outline.infoHash, seat: seat)
  }
}

extension TorrentHandle {
  /// What the torrent is, once that is known; `nil` while it is fetched, and while the torrent is not in memory.
  /// Piece layers are those that are here by now.
  public func metainfo() async -> Metainfo? {
    await seat.loop.perform { loop in
      let seat = seat.value(on: loop)
      guard let torrent = seat.torrent else { return seat.fetch?.metainfo }
      var metainfo = seat.fetch?.metainfo ?? Metainfo(info: torrent.info, trackers: torrent.trackers)
      metainfo.pieceLayers = torrent.layers
      return metainfo
    }
  }
}

extension TorrentOutline {
  /// What a magnet link tells.
  init(_ magnet: Magnet) {
    let hashes = magnet.infoHashes
    infoHash = hashes.first ?? SHA256Digest.zero.truncated
    secondHash = hashes.dropFirst().first
    name = Self.shown(magnet.displayName ?? "") ?? infoHash.description
    pieces = 0
    wantedBytes = 0
  }

  /// A name fit for a terminal; `nil` if nothing is left of it.
  private static func shown(_ name: String) -> String? {
    var clean = ""
    for scalar in name.unicodeScalars.prefix(200) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
        continue
      default: clean.unicodeScalars.append(scalar)
      }
    }
    return clean.isEmpty ? nil : clean
  }
}
