import Addresses
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import TrackerProtocol

/// A torrent's place in a session, from its addition to its removal. Confined to one loop.
///
/// While something happens, `torrent` is there with all that it needs. A complete torrent without peers
/// that can be read again *rests*: the seat alone is left, no tick comes to it, and it
/// wakes when somebody connects, when a known peer is due, or when it is asked to. Its announces go on.
///
/// Files: +Rest (going to rest, waking), +Life (outside calls, stopping), Metadata/TorrentSeat+Metadata (from a
/// magnet link to a torrent).
final class TorrentSeat: AnnouncerOwner {
  enum Phase {
    /// Is known by its magnet link only.
    case fetching
    /// Waits for its turn to be read and looked at.
    case queued
    /// Is being read, on a disk thread.
    case reading
    /// The torrent is there.
    case awake
    /// The torrent is there, its journal is being closed.
    case settling
    case resting
    /// The torrent could not be read again.
    case failed
    case stopping
    case ended
  }

  /// Visitors that may wait.
  static let visitorLimit = 16

  unowned let context: LoopContext
  var source: SeatSource
  let number: Int32
  var phase: Phase
  /// Whether it takes one of the turns of `LoopContext`.
  var hasTurn = false
  /// Whether it is in the list of seats that have changed.
  var isNoted = false
  var wasComplete = false
  var outline: TorrentOutline
  var torrent: Torrent?
  var past: TorrentPast?
  /// For a torrent that was added by a magnet link.
  var fetch: MagnetFetch?
  /// Connections that came while the torrent was not ready for them.
  var visitors: [Visitor] = []
  /// The second of the alarm that counts.
  var alarm: UInt64 = 0
  var quietSince: Instant?
  var whenStopped: (@Sendable (isolated Loop) -> Void)?

  /// A seat whose torrent is not in memory.
  init(_ outline: TorrentOutline, source: SeatSource, number: Int, phase: Phase, context: LoopContext) {
    self.outline = outline
    self.source = source
    self.number = Int32(number)
    self.phase = phase
    self.context = context
  }

  /// Whether the torrent can take connections now, or knows that it will not.
  var isReady: Bool {
    guard let torrent, !hasTurn, phase == .awake || phase == .settling else { return false }
    // Who comes at the start of both sides is spared seconds: turned away it would come back after a while.
    if case .checking = torrent.state { return false }
    return true
  }

  // MARK: For announcers, while it rests

  var announceFacts: AnnounceFacts {
    // Only what is complete rests: nothing is left, but of what was never known.
    AnnounceFacts(
      uploaded: UInt64(past?.counters.uploaded ?? 0), downloaded: UInt64(past?.counters.downloaded ?? 0),
      left: fetch == nil || wasComplete ? 0 : 16 << 10,
      wanted: min(200, context.configuration.peersPerTorrent))
  }

  var heldPieces: PieceSet? {
    guard fetch == nil || wasComplete else { return nil }
    return outline.piecesHave > 0 ? PieceSet([0..<Int(outline.piecesHave)]) : .all
  }

  var trackerMessage: String? {
    get { past?.trackerMessage }
    set {
      guard past?.trackerMessage != newValue else { return }
      past?.trackerMessage = newValue
      context.note(self)
    }
  }

  func learn(_ endpoints: [Endpoint], from source: PeerBook.Source, isV2Only: Bool, on loop: isolated Loop) {
    for endpoint in endpoints { past?.book.add(endpoint, from: source, isV2Only: isV2Only) }
    setAlarm(on: loop)
  }

  func announceFailed(on loop: isolated Loop) { setAlarm(on: loop) }

  func announcerStopped(on loop: isolated Loop) {
    if phase == .stopping { endIfQuiet(on: loop) }
  }

  /// Makes what it has to remember, if there is nothing yet.
  func makePast() -> TorrentPast {
    let kept = past ?? TorrentPast(book: PeerBook(filter: context.filter))
    past = kept
    return kept
  }
}
