import Bytes
import EventLoop
import Metainfo
import Transfer

// A place on the web that has the torrent's files (BEP 19), as one more peer: while it is in use it has a
// `PeerConnection` without a stream, whose requests become HTTP requests, and whose blocks come in by the same
// way as everyone's. So hashes, blame, the endgame and limits need to know nothing of it.

/// One web seed of a torrent. Confined to the torrent's loop.
final class WebSeed {
  /// Bytes of one request, unless it is for a single piece that is larger.
  static let runBytes = 2 << 20

  unowned let torrent: Torrent
  let url: WebSeedURL
  /// Names it as a sender, for good.
  let serial: UInt32
  /// Its place among the peers, while it is in use.
  private(set) var peer: PeerConnection?
  private var underWay: [WebRun] = []
  private var waiting: [WebRun] = []
  private var isPaused = false
  /// Files that it does not have.
  private(set) var absent: Set<Int> = []
  private(set) var isBanned = false
  private(set) var retryAt: Instant?
  private var failures = 0
  /// Why it was set aside last.
  private(set) var fault: WebSeedFault?

  init(_ torrent: Torrent, _ url: WebSeedURL, serial: UInt32) {
    self.torrent = torrent
    self.url = url
    self.serial = serial
  }

  /// Whether it may be used now.
  func isReady(now: Instant) -> Bool { peer == nil && !isBanned && retryAt.map { $0 <= now } ?? true }

  /// The pieces that it has, for all that is known.
  var pieces: Bitfield {
    var pieces = Bitfield(count: torrent.info.pieceCount, allSet: true)
    for file in absent {
      for piece in torrent.info.files[file].pieces { pieces[piece] = false }
    }
    return pieces
  }

  /// It takes part as `peer`.
  func joined(as peer: PeerConnection) {
    self.peer = peer
    isPaused = false
  }

  /// It takes part no more.
  func left(_ reason: CloseReason, on loop: isolated Loop) {
    peer = nil
    let runs = underWay
    underWay = []
    waiting = []
    for run in runs { run.cancel(on: loop) }
    if reason == .badData { ban() }
  }

  /// It has sent wrong data.
  func ban() {
    guard !isBanned else { return }
    isBanned = true
    note(.wrongData)
  }

  private func note(_ fault: WebSeedFault) {
    self.fault = fault
    torrent.webSeedMessage = "\(url.host): \(fault)"
  }

  // MARK: Requests

  /// Fetches blocks, those that follow each other together.
  func request(_ blocks: [Block], on loop: isolated Loop) {
    let limit = max(Self.runBytes, torrent.info.pieceLength)
    var run: [Block] = []
    var bytes = 0
    var end: Int64 = 0
    for block in blocks {
      let start = Int64(block.piece) * Int64(torrent.info.pieceLength) + Int64(torrent.geometry.begin(block))
      let length = torrent.geometry.length(block)
      if start != end || bytes + length > limit {
        add(run, bytes)
        run.removeAll(keepingCapacity: true)
        bytes = 0
      }
      run.append(block)
      bytes += length
      end = start + Int64(length)
    }
    add(run, bytes)
    beginMore(on: loop)
  }

  private func add(_ run: [Block], _ bytes: Int) {
    guard let first = run.first else { return }
    let segments = torrent.info.segments(
      piece: Int(first.piece), offset: torrent.geometry.begin(first), length: bytes)
    waiting.append(WebRun(self, run, segments))
  }

  private func beginMore(on loop: isolated Loop) {
    let most = torrent.context.configuration.webSeeds.maximumRequests
    while !isPaused, underWay.count < most, !waiting.isEmpty {
      let run = waiting.removeFirst()
      underWay.append(run)
      run.goOn(on: loop)
    }
  }

  /// Begins a request.
  func fetch(_ part: Segment, receiver: WebRun, on loop: isolated Loop) -> Transfer {
    let configuration = torrent.context.configuration.webSeeds
    var limits = HTTPStreamLimits()
    limits.connectTimeout = configuration.connectTimeout
    limits.stallTimeout = configuration.stallTimeout
    limits.maximumRedirects = configuration.maximumRedirects
    let transfer = torrent.context.http.stream(
      url.url(of: torrent.info.files[part.file], in: torrent.info),
      range: part.fileOffset..<part.fileOffset + Int64(part.length), limits: limits, on: loop,
      receiver: receiver)
    if isPaused { transfer.pause() }
    return transfer
  }

  func isUnderWay(_ run: WebRun) -> Bool { underWay.contains { $0 === run } }

  // MARK: What comes

  /// A whole block is here.
  func deliver(_ block: Block, _ bytes: RawSpan, _ range: Range<Int>, on loop: isolated Loop) {
    guard let peer else { return }
    torrent.received(
      piece: Int(block.piece), begin: torrent.geometry.begin(block), bytes, range, from: peer, on: loop)
  }

  /// `count` bytes came: more may be asked for, unless that was too much.
  func arrived(_ count: Int, on loop: isolated Loop) {
    guard let peer else { return }
    peer.lastReceived = loop.now
    if let share = peer.rates.shares.arrivals { peer.arrived(count, share, on: loop) }
    torrent.fillRequests(peer, on: loop)
  }

  func finished(_ run: WebRun, on loop: isolated Loop) {
    failures = 0
    underWay.removeAll { $0 === run }
    beginMore(on: loop)
    if let peer { torrent.fillRequests(peer, on: loop) }
  }

  /// Nothing is to come for now, as far as that can be helped.
  func pause() {
    isPaused = true
    for run in underWay { run.pause() }
  }

  func resume(on loop: isolated Loop) {
    isPaused = false
    for run in underWay where isUnderWay(run) { run.resume(on: loop) }
    beginMore(on: loop)
  }

  // MARK: Faults

  /// A request came to nothing.
  func failed(_ run: WebRun, _ fault: WebSeedFault, on loop: isolated Loop) {
    run.cancel(on: loop)
    guard case .absent(let file) = fault, let peer else { return setAside(fault, on: loop) }
    underWay.removeAll { $0 === run }
    absent.insert(file)
    note(fault)
    // Those that wait for it would never begin, and keep others from it.
    let lost = waiting.filter { $0.needs(file) }
    waiting.removeAll { $0.needs(file) }
    for run in [run] + lost {
      for block in run.missing { torrent.takeBack(block, from: peer) }
    }
    for piece in torrent.info.files[file].pieces where peer.has[piece] {
      peer.has[piece] = false
      torrent.lost(peer, piece, on: loop)
    }
    torrent.closeIdlePieces()
    guard peer.has.isEmpty else {
      beginMore(on: loop)
      return torrent.fillAll(on: loop)
    }
    // Perhaps it is put there later.
    absent = []
    setAside(fault, on: loop)
  }

  /// Ends its use for as long as the fault calls for.
  private func setAside(_ fault: WebSeedFault, on loop: isolated Loop) {
    let configuration = torrent.context.configuration.webSeeds
    note(fault)
    var pause = configuration.longestPause
    switch fault.remedy {
    case .pause:
      pause = min(pause, configuration.firstPause * Double(1 << min(failures, 16)))
      failures += 1
    case .wait(let seconds): pause = min(pause, max(1, seconds))
    case .setAside: break
    case .ban: isBanned = true
    }
    // Not all who were turned away come back at the same moment.
    retryAt = loop.now + pause * Double.random(in: 1...1.25)
    peer?.close(.webSeedFailed, on: loop)
  }

  /// Called with time: gives up what nobody waits for, and a server that lets us wait.
  func check(on loop: isolated Loop) {
    guard let peer else { return }
    if torrent.picker.outstanding(peer.slot) == 0 {
      let runs = underWay
      (underWay, waiting) = ([], [])
      for run in runs { run.cancel(on: loop) }
      torrent.fillRequests(peer, on: loop)
    } else if !peer.rates.waitsToRead,
      loop.now.seconds(since: peer.lastBlock) > torrent.context.configuration.webSeeds.stallTimeout
    {
      setAside(.stalled, on: loop)
    }
  }
}
