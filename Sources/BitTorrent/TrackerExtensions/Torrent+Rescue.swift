import Addresses
import Bytes
import EventLoop
import Metainfo
import TrackerProtocol

// Pieces that no neighbour has: trackers that know who has which piece are asked for them (X3 of
// docs/EXTENSIONS.md).
extension Torrent {
  /// What is needed to find a piece that nobody near has.
  struct Rescue {
    /// Pieces that nobody had at the last look.
    var lacking: [Int] = []
    var lookedAt = Instant(nanoseconds: 0)
    /// Whether trackers have been asked.
    var isSeeking = false
  }

  /// Looks now and then whether there are pieces that no neighbour has; if there still are at the next look, the
  /// trackers are asked. Called every second. O(pieces) a look.
  func seekRarePieces(on loop: isolated Loop) {
    guard state == .downloading, loop.now.seconds(since: rescue.lookedAt) >= context.configuration.rescueAfter
    else { return }
    rescue.lookedAt = loop.now
    var lacking: [Int] = []
    var hasNeighbours = false
    forEachPeer { hasNeighbours = hasNeighbours || $0.web == nil }
    if hasNeighbours, announcers.contains(where: { $0.reports.isHeard }) {
      for piece in 0..<info.pieceCount where picker.missing[piece] && picker.availability(piece) == 0 {
        guard selection.wants(piece), lacking.count < ExtensionQuery.maximumNeed else { continue }
        lacking.append(piece)
      }
    }
    let lasting = lacking.filter { rescue.lacking.contains($0) }
    rescue.lacking = lacking
    guard !lasting.isEmpty || rescue.isSeeking else { return }
    rescue.isSeeking = !lasting.isEmpty
    for announcer in announcers { announcer.seek(lasting, on: loop) }
  }

  /// Peers that have what nobody near has: they are connected to before others.
  func learnHolders(_ endpoints: [Endpoint], isV2Only: Bool, on loop: isolated Loop) {
    let fresh = endpoints.filter { endpoint in
      !peers.contains { $0?.listening == endpoint || $0?.remote == endpoint }
    }
    for endpoint in fresh { book.add(endpoint, from: .holder, isV2Only: isV2Only) }
    if !fresh.isEmpty, connections >= context.configuration.peersPerTorrent {
      _ = makeRoom(for: .max, on: loop)
    }
    connectMore(on: loop)
  }

  /// All pieces that are ours.
  var heldPieces: PieceSet? {
    guard isLoaded else { return nil }
    return durable.isFull ? PieceSet([0..<info.pieceCount]) : PieceSet(durable)
  }
}
