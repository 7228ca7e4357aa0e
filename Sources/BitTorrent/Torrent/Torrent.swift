import Addresses
import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

/// One torrent: its peers, its pieces and what is to be done next. Confined to one loop.
///
/// Files, in the order of a block's way: +Blocks (from a peer into a piece), +Pieces (hashed, written,
/// durable, announced), +Requests (what to ask for next), +Selection (which files are wanted), +Reading (bytes
/// for whoever waits for them), +Uploads, +Peers (whom to connect to and whom to drop), +Choking, +Hashes, +Leaves,
/// +Disputes (BEP 52), +Announcing, +Limits, +Clock, +Status, +Life (start, stop, retry).
final class Torrent: DeferredWork {
  /// Its place in the session, and its index among those that are awake.
  weak var seat: TorrentSeat?
  var place = -1
  let info: Info
  let context: LoopContext
  let localPeerID: PeerID
  let options: AddOptions
  let geometry: PieceGeometry
  let journal: ResumeJournal
  let trackers: [[String]]
  let webSeedURLs: [String]
  var layers: PieceLayers
  /// Ports that we listen on, for trackers and peers; 0 if on none.
  let listeningPort: UInt16

  // Pieces.
  var picker: PiecePicker
  /// Pieces that are verified and durable: what is served and announced.
  var durable: Bitfield
  var openPieces: [OpenPiece?] = []
  /// Pieces with a disk thread, being hashed and written.
  var piecesInDisk = 0
  /// The slot that had something to do last when memory was free again.
  var nextToFill = 0
  var epoch = EpochSchedule()
  var epochTimer: LoopTimer?
  var selection: FileSelection
  /// How much each file is wanted; `nil` if all are as usual.
  var priorities: [FilePriority]?
  var isSequential: Bool
  var change = SelectionChange()
  var reads = ReadQueue()
  var blame = BlameBook<UInt32>()
  var rescue = Rescue()
  /// What limits there are; `nil` if there are none.
  var rates: TorrentRates?

  // Peers.
  var book: PeerBook
  var peers: [PeerConnection?] = []
  var freeSlots: [PeerSlot] = []
  var nextSerial: UInt32 = 0
  var connecting = 0
  var choker: Choker
  var suggestions: Suggestions
  var hashes: HashRequester?
  /// Open pieces whose blocks are compared with leaf hashes as they come; some that were closed since.
  var watched: [Int] = []
  var chokerPeers: [ChokerPeer] = []
  var flushQueue: [PeerConnection] = []
  var others: [PeerSlot] = []
  var cancels: [Assignment] = []
  var random = SystemRandomNumberGenerator()
  var senders = SenderBook()
  var webSeeds: [WebSeed] = []
  /// Goes up whenever there is something new to tell peers of each other.
  var exchangeVersion: UInt32 = 1

  // Trackers.
  var announcers: [Announcer] = []
  /// Whether the look at the disk at the start is over.
  var isLoaded = false
  var check: PieceCheck?
  var wantsRetry = false
  var isStopping = false
  var stopTimer: LoopTimer?
  var whenStopped: (@Sendable (isolated Loop) -> Void)?

  // Accounts.
  var state: TorrentState = .checking(0)
  var counters = TorrentCounters()
  var down: RateMeter
  var up: RateMeter
  /// The best upload rate of late: how much the link carries, for the number of slots.
  var bestUpRate = 0.0
  /// Slots a second ago.
  var lastSlots = 0
  var trackerMessage: String?
  var webSeedMessage: String?
  var traffic = TrafficLog()
  var lastSecond: Instant
  var lastRechoke = Instant(nanoseconds: 0)
  /// Unchoked peers that take nothing, and whether choked ones want something; counted every second.
  var idleSlots = 0
  var somebodyWaits = false

  init(
    _ metainfo: Metainfo, options: AddOptions, context: LoopContext, localPeerID: PeerID,
    listeningPort: UInt16, now: Instant
  ) {
    info = metainfo.info
    layers = metainfo.pieceLayers
    self.options = options
    self.context = context
    self.localPeerID = localPeerID
    self.listeningPort = listeningPort
    book = PeerBook(filter: context.filter)
    lastSecond = now
    down = RateMeter(now: now)
    up = RateMeter(now: now)
    geometry = PieceGeometry(metainfo.info)
    durable = Bitfield(count: metainfo.info.pieceCount)
    picker = PiecePicker(
      geometry: geometry, have: durable, random: SeededGenerator(seed: 0))
    choker = Choker(
      pieceLength: metainfo.info.pieceLength, random: SeededGenerator(seed: UInt64.random(in: 0 ... .max)))
    suggestions = Suggestions(random: SeededGenerator(seed: UInt64.random(in: 0 ... .max)))
    trackers = metainfo.trackers
    webSeedURLs = metainfo.webSeeds
    priorities = options.priorities
    isSequential = options.isSequential
    selection = FileSelection(metainfo.info, priorities: options.priorities)
    change.applied = selection.wanted
    if options.limits != RateLimits() { rates = TorrentRates(options.limits) }
    journal = ResumeJournal(
      TorrentStorage(
        info: metainfo.info, directory: options.directory, wanted: options.wanted,
        openFiles: context.openFiles, faults: options.faults))
  }

  /// Bits that we set in handshakes.
  var reservedBits: ReservedBits {
    var bits: ReservedBits =
      info.version.hasV2 ? [.extensionProtocol, .fast, .v2] : [.extensionProtocol, .fast]
    if dht != nil { bits.insert(.dht) }
    return bits
  }

  /// The v2 hash that a v1 connection of a hybrid torrent is upgraded to (BEP 52).
  var upgradedHash: InfoHash? { info.version == .hybrid ? info.infoHashV2?.truncated : nil }

  /// The longest message that a peer may send: a block, a bitfield, hashes or a page of extensions.
  var maximumMessage: FrameDecoder.Limits {
    FrameDecoder.Limits(frame: max(128 << 10, info.pieceCount / 8 + 64))
  }

  /// Open and half-open connections.
  var connections: Int { peers.count - freeSlots.count }

  /// Whether all that is wanted is here and durable.
  var isComplete: Bool { state == .seeding }

  /// Runs `body` for each peer whose connection is open.
  func forEachPeer(_ body: (PeerConnection) -> Void) {
    for case let peer? in peers where peer.phase == .open { body(peer) }
  }

  // MARK: Batching writes

  func scheduleFlush(of peer: PeerConnection, on loop: isolated Loop) {
    if flushQueue.isEmpty { loop.atEndOfWakeUp(self) }
    flushQueue.append(peer)
  }

  func endOfWakeUp(on loop: isolated Loop) {
    while !flushQueue.isEmpty {
      var queue: [PeerConnection] = []
      swap(&queue, &flushQueue)
      for peer in queue { peer.flush(on: loop) }
      queue.removeAll(keepingCapacity: true)
      if flushQueue.isEmpty {
        flushQueue = queue
        return
      }
    }
  }
}
