import Addresses
import EventLoop
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
  /// Memory of pieces that are being gathered or written, for all torrents of the loop.
  let pieces: PieceBufferPool
  /// Memory of blocks on their way out.
  let uploads: PieceBufferPool
  /// What limits there are, and who waits because of them.
  let limits: LoopLimits
  /// Peers whose blocks found no memory, the one that waits for longest first.
  private var starving = TurnQueue<PeerConnection>()
  /// How many of them may try again at the end of this wake-up.
  private var freed = 0
  /// Connections of all torrents, half-open ones included.
  var connections = 0
  private(set) var torrents: [Torrent] = []
  private var ticker: LoopTimer?

  init(_ configuration: SessionConfiguration, disk: DiskPool, on loop: isolated Loop) {
    self.configuration = configuration
    self.disk = disk
    var options = HTTPClientOptions()
    options.source = configuration.source
    http = HTTPClient(on: loop, options: options)
    received = ReceiveBuffer(capacity: Self.receiveSize)
    openFiles = OpenFiles(limit: configuration.openFiles)
    pieces = PieceBufferPool(limit: configuration.pendingPieceBytes)
    uploads = PieceBufferPool(limit: configuration.uploadBytes)
    limits = LoopLimits(configuration, on: loop)
  }

  /// Takes a torrent in; its clock starts.
  func add(_ torrent: Torrent, on loop: isolated Loop) {
    torrents.append(torrent)
    torrent.applyLimits(on: loop)
    guard ticker == nil else { return }
    let me = Confined(self, on: loop)
    let ticker = loop.timer { loop in
      let context = me.value(on: loop)
      // Memory is also freed by peers that go.
      context.freedMemory(on: loop)
      for torrent in context.torrents { torrent.tick(on: loop) }
    }
    ticker.set(every: 0.5)
    self.ticker = ticker
  }

  /// Lets go of a torrent.
  func remove(_ torrent: Torrent) {
    torrents.removeAll { $0 === torrent }
    guard torrents.isEmpty else { return }
    ticker?.close()
    ticker = nil
  }

  /// Ends what the context itself runs.
  func close(on loop: isolated Loop) {
    ticker?.close()
    ticker = nil
    limits.close()
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
