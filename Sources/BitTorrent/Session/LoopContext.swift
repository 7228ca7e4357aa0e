import Addresses
private import CSystem
import EventLoop
import PeerProtocol
import PieceStorage
import Transfer

/// What the torrents of one loop share: buffers, the HTTP client, the clockwork. Confined to its loop.
final class LoopContext: DeferredWork {
  /// Bytes taken from a socket by one read. Large, so that a wake-up handles many blocks; small enough
  /// to stay in the processor's cache until the blocks are copied to their pieces.
  static let receiveSize = 256 << 10

  let configuration: SessionConfiguration
  let disk: DiskPool
  let http: HTTPClient
  let received: ReceiveBuffer
  let openFiles: OpenFiles
  /// Memory of pieces that are being gathered or written, for all torrents of the session.
  let pieces: PieceBufferPool
  /// Trees and leaf hashes for peers that ask for them (BEP 52).
  var hashServer: HashServer
  /// Memory of blocks on their way out: this loop's part.
  let uploads: PieceBufferPool
  /// What limits there are, and who waits because of them.
  let limits: LoopLimits
  /// Peers whose blocks found no memory, the one that waits for longest first.
  private var starving = TurnQueue<PeerConnection>()
  /// How many of them may try again at the end of this wake-up.
  private var freed = 0
  /// Spreads announces out, and puts those together that a tracker takes as one.
  let gate: AnnounceGate
  let batches: BatchAnnouncer
  /// What we call ourselves, and the port that we are at, for trackers and peers; 0 if at none.
  let peerID: PeerID
  let listeningPort: UInt16
  /// The way to the session's part in the DHT, if it has one.
  var dht: DHTLink?
  /// The way to the session's client of UDP trackers, if it has a UDP port.
  var udpTrackers: UDPTrackerLink?
  /// Where the session listens.
  var listening: [Endpoint] = []
  /// The local network; `nil` if it is left alone.
  var neighbours: Confined<LocalNeighbours>?
  /// uTP beside each listener.
  var utp: [UTPPort] = []
  /// Where others see us.
  let externals: ExternalAddresses
  /// At which ports others reach us.
  let publicPorts: PublicPorts
  /// The interface that all goes through; `nil` if any will do.
  let binding: SocketBinding?
  /// Whom the session has nothing to do with.
  let filter: AddressFilter
  /// Connections of all torrents of the session, half-open ones and those that wait for their torrent
  /// included.
  let connections: ConnectionPermits
  /// Torrents that are awake: those that the clock ticks for.
  private(set) var torrents: [Torrent] = []
  /// Ticks that torrents were given, for tests.
  private(set) var ticks = 0
  /// Seats whose state has changed since somebody asked.
  private var noted: [TorrentSeat] = []
  /// Seats that wait for their turn to be read, those before `firstQueued` being gone.
  private var queued: [TorrentSeat] = []
  private var firstQueued = 0
  private var turns = 0
  private var isGivingTurns = false
  /// Turns since the heap was trimmed.
  private var turnsTaken = 0
  private var alarms: AlarmWheel<TorrentSeat>
  private var ticker: LoopTimer?

  /// Seats that may be read and looked at at the same time.
  private static let turnLimit = 32
  private static let turnsBeforeTrim = 256

  init(
    _ configuration: SessionConfiguration, index: Int, shared: SharedResources, peerID: PeerID,
    listeningPort: UInt16, on loop: isolated Loop
  ) {
    self.configuration = configuration
    disk = shared.disk
    connections = shared.connections
    filter = shared.filter
    externals = shared.externals
    binding = shared.binding
    publicPorts = shared.publicPorts
    self.peerID = peerID
    self.listeningPort = listeningPort
    gate = AnnounceGate(configuration.announces)
    alarms = AlarmWheel(now: loop.now)
    var options = HTTPClientOptions()
    options.source = configuration.source
    options.certificates = configuration.certificates
    options.binding = shared.binding
    options.streamsTo = { [filter] address in !filter.blocks(address) }
    http = HTTPClient(on: loop, options: options)
    batches = BatchAnnouncer(peerID: peerID, http: http, gate: gate)
    received = ReceiveBuffer(capacity: Self.receiveSize)
    openFiles = OpenFiles(limit: configuration.openFiles)
    pieces = shared.pieces
    uploads = PieceBufferPool(limit: configuration.uploadBytes / max(1, configuration.loops))
    hashServer = HashServer(leafBytes: configuration.leafBytes / max(1, configuration.loops))
    limits = LoopLimits(configuration, shared: shared.limits, index: index, on: loop)
  }

  /// Whether an endpoint is one that we listen at, as far as that is known without asking the system.
  func isOurs(_ endpoint: Endpoint) -> Bool {
    endpoint.port == listeningPort && configuration.listen.contains { $0.address == endpoint.address }
  }

  /// Takes a torrent in; its clock starts.
  func add(_ torrent: Torrent, on loop: isolated Loop) {
    torrent.place = torrents.count
    torrents.append(torrent)
    torrent.applyLimits(on: loop)
    keepTime(on: loop)
  }

  /// Lets go of a torrent. O(1).
  func remove(_ torrent: Torrent) {
    guard torrent.place >= 0, let last = torrents.popLast() else { return }
    if last !== torrent {
      torrents[torrent.place] = last
      last.place = torrent.place
    }
    torrent.place = -1
  }

  // MARK: The clock

  /// Starts the clock if it does not run: something is to happen with time.
  func keepTime(on loop: isolated Loop) {
    guard ticker == nil else { return }
    let me = Confined(self, on: loop)
    let ticker = loop.timer { loop in me.value(on: loop).tick(on: loop) }
    ticker.set(every: 0.5)
    self.ticker = ticker
  }

  private func tick(on loop: isolated Loop) {
    // Memory is also freed by peers that go.
    freedMemory(on: loop)
    for torrent in torrents {
      ticks += 1
      torrent.tick(on: loop)
      torrent.seat?.dismissLateVisitors(now: loop.now)
      torrent.seat?.restIfQuiet(on: loop)
    }
    for alarm in alarms.advance(to: loop.now) { alarm.element.rang(alarm.second, on: loop) }
    gate.tick(on: loop)
    limits.settle(on: loop)
    guard torrents.isEmpty, alarms.count == 0, gate.waiting == 0 else { return }
    ticker?.close()
    ticker = nil
  }

  /// Whether the clock runs, for tests.
  var isTicking: Bool { ticker != nil }

  /// Wakes a seat at an instant; the second that it is told then.
  func setAlarm(_ seat: TorrentSeat, at instant: Instant, on loop: isolated Loop) -> UInt64 {
    keepTime(on: loop)
    return alarms.add(seat, at: instant)
  }

  // MARK: Turns

  /// Has a seat read its torrent: at once, or when others are done.
  func queue(_ seat: TorrentSeat, on loop: isolated Loop) {
    seat.hasTurn = true
    queued.append(seat)
    nextTurns(on: loop)
  }

  /// Seats that have a turn or wait for one.
  var waitingForTurn: Int { turns + queued.count - firstQueued }

  /// A seat has what it wanted of its turn.
  func turnEnded(_ seat: TorrentSeat, on loop: isolated Loop) {
    guard seat.hasTurn else { return }
    seat.hasTurn = false
    turns -= 1
    if !isGivingTurns { nextTurns(on: loop) }
  }

  private func nextTurns(on loop: isolated Loop) {
    isGivingTurns = true
    defer { isGivingTurns = false }
    while turns < Self.turnLimit, firstQueued < queued.count {
      let seat = queued[firstQueued]
      firstQueued += 1
      turns += 1
      turnsTaken += 1
      seat.read(on: loop)
    }
    if firstQueued == queued.count {
      queued = []
      firstQueued = 0
    }
    guard turns == 0, turnsTaken >= Self.turnsBeforeTrim else { return }
    turnsTaken = 0
    // What so many torrents had while they were looked at lies between what is kept of them.
    disk.submit(
      DiskWork(on: loop) { _ in
        apus_trim_heap()
      } then: { _, _ in
      })
  }

  // MARK: Changes

  /// The state of a seat has changed.
  func note(_ seat: TorrentSeat) {
    guard !seat.isNoted else { return }
    seat.isNoted = true
    noted.append(seat)
  }

  /// The torrents that are awake, and those whose state has changed since the last call.
  func changes(on loop: isolated Loop) -> [TorrentStatus] {
    let changed = noted
    noted = []
    for seat in changed { seat.isNoted = false }
    return torrents.map { $0.status(on: loop) }
      + changed.lazy.filter { $0.torrent == nil && $0.phase != .ended }.map { $0.status(on: loop) }
  }

  /// Stops seats, then calls `done`.
  func stop(
    _ seats: [TorrentSeat], within seconds: Double, on loop: isolated Loop, done: @escaping () -> Void
  ) {
    let countdown = Confined(Countdown(seats.count + 1, done), on: loop)
    for seat in seats {
      seat.stop(within: seconds, on: loop) { loop in countdown.value(on: loop).down() }
    }
    countdown.value(on: loop).down()
  }

  /// Ends what the context itself runs.
  func close(on loop: isolated Loop) {
    ticker?.close()
    ticker = nil
    limits.close()
    batches.close(on: loop)
    http.close(on: loop)
  }

  // MARK: Memory for uploads

  /// Whether peers wait for memory.
  var hasStarved: Bool { !starving.isEmpty }

  /// There is no memory for the blocks of a peer now: it waits in line.
  func starved(_ peer: PeerConnection, on loop: isolated Loop) {
    guard !peer.uploads.isStarved else { return }
    peer.uploads.isStarved = true
    starving.append(peer)
    if uploads.usedBytes == 0 { freedMemory(on: loop) }
  }

  /// A peer has sent what it held. Once that is given back another one may try.
  func freedMemory(on loop: isolated Loop) {
    guard hasStarved else { return }
    if freed == 0 { loop.atEndOfWakeUp(self) }
    freed += 1
  }

  func endOfWakeUp(on loop: isolated Loop) {
    let count = freed
    freed = 0
    for _ in 0..<count { feed(on: loop) }
  }

  private func feed(on loop: isolated Loop) {
    while let peer = starving.removeFirst() {
      peer.uploads.isStarved = false
      guard peer.phase == .open, !peer.uploads.isEmpty else { continue }
      return peer.readMore(isFed: true, on: loop)
    }
  }

  // MARK: Limits

  /// Changes the limits that all torrents share.
  func set(_ limits: RateLimits, on loop: isolated Loop) {
    self.limits.set(limits, on: loop)
    limitsChanged(on: loop)
  }

  /// The limits have changed: everyone takes its share anew, and who waits asks again. O(torrents).
  func limitsChanged(on loop: isolated Loop) {
    limits.emptyLines()
    for torrent in torrents { torrent.applyLimits(on: loop) }
  }
}

/// Calls somebody when all of many have come to their end.
private final class Countdown {
  private var left: Int
  private let done: () -> Void

  init(_ count: Int, _ done: @escaping () -> Void) {
    left = count
    self.done = done
  }

  func down() {
    left -= 1
    if left == 0 { done() }
  }
}

/// Memory that sockets are read into, shared by the connections of a loop: a connection keeps only an
/// incomplete message of its own.
@safe
final class ReceiveBuffer {
  let base: UnsafeMutableRawPointer
  let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 4096)
  }

  deinit { unsafe base.deallocate() }

  /// The first `count` bytes.
  func bytes(_ count: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base, count: count)
  }
}
