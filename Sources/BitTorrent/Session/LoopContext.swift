import Addresses
import EventLoop
import PieceStorage
import Transfer

/// What the torrents of one loop share: buffers, the HTTP client, the clockwork. Confined to its loop.
final class LoopContext {
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
      for torrent in me.value(on: loop).torrents { torrent.tick(on: loop) }
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
