import Addresses
import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage
import TrackerProtocol

/// A torrent of which only the info-hash is known: finds peers of its swarm and has them give the info
/// dictionary (BEP 9). Ends when that is here; peers and trackers then go on to the torrent. Confined to the
/// loop of its seat.
///
/// Its connections do nothing but that (`MetadataPeer`). What to ask of whom is up to `MetadataAssembly`.
///
/// Files: +Peers (whom to connect to and whom to drop), +Messages (what peers say).
final class MetadataSwarm: AnnouncerOwner {
  /// What was fetched.
  enum Finding: Sendable {
    case wrong
    /// The bytes are those that the link names, but no torrent.
    case unusable(String)
    case info(Info)
  }

  /// Connections at most: enough to find the few that are fast and honest.
  static let connectionLimit = 40

  let magnet: Magnet
  let infoHash: InfoHash
  unowned let context: LoopContext
  var book: PeerBook
  var announcers: [Announcer] = []
  var assembly: MetadataAssembly
  var peers: [Int: MetadataPeer] = [:]
  /// Where peers that gave something are, or were.
  var senders: [Int: Endpoint] = [:]
  var nextNumber = 0
  var connecting = 0
  var random = SystemRandomNumberGenerator()
  var trackerMessage: String?
  var counters = TorrentCounters()
  var heldPieces: PieceSet? { nil }
  private(set) var isOver = false
  private var timer: LoopTimer?
  private var lastSecond: Instant
  private let found: (isolated Loop, Result<Info, MetadataFault>) -> Void

  /// A swarm that tells `found` what came of it, once.
  init(
    _ magnet: Magnet, book: PeerBook, context: LoopContext, now: Instant,
    found: @escaping (isolated Loop, Result<Info, MetadataFault>) -> Void
  ) {
    self.magnet = magnet
    infoHash = magnet.infoHash ?? SHA256Digest.zero.truncated
    self.book = book
    self.context = context
    self.found = found
    lastSecond = now
    var limits = MetadataAssembly.Limits()
    limits.size = context.configuration.metadataLimit
    assembly = MetadataAssembly(limits: limits)
  }

  /// Every hash that names the swarm on the wire.
  var infoHashes: [InfoHash] { magnet.infoHashes }

  /// The part of the info dictionary that is here.
  var progress: Double { isOver ? 1 : assembly.progress }

  func start(on loop: isolated Loop) {
    let tiers = magnet.trackers.map { [$0] }
    announcers = infoHashes.map { hash in
      Announcer(
        self, infoHash: hash, isV2Only: hash != infoHash, trackers: tiers, isComplete: false, context: context
      )
    }
    for announcer in announcers { announcer.start(on: loop) }
    let me = Confined(self, on: loop)
    let timer = loop.timer { loop in me.value(on: loop).tick(on: loop) }
    timer.set(every: 0.25)
    self.timer = timer
    connectMore(on: loop)
  }

  /// Twice a second.
  private func tick(on loop: isolated Loop) {
    for peer in Array(peers.values) { check(peer, on: loop) }
    for number in assembly.expire(now: loop.now.nanoseconds) { peers[number]?.close(.idle, on: loop) }
    askAll(on: loop)
    guard loop.now.seconds(since: lastSecond) >= 1 else { return }
    lastSecond = loop.now
    connectMore(on: loop)
    for announcer in announcers {
      announcer.tick(on: loop)
      if peers.count < 5 { announcer.wantPeers(on: loop) }
    }
  }

  // MARK: Copies

  /// A copy is whole: its hash is looked at on a disk thread.
  func examine(_ copy: MetadataAssembly.Copy, on loop: isolated Loop) {
    let (me, magnet, limit) = (Confined(self, on: loop), magnet, context.configuration.metadataLimit)
    let work = DiskWork(on: loop) { _ in
      Self.examine(copy.bytes, magnet, limit: limit)
    } then: { loop, finding in
      me.value(on: loop).examined(copy.number, finding, on: loop)
    }
    context.disk.submit(work)
  }

  static func examine(_ bytes: [UInt8], _ magnet: Magnet, limit: Int) -> Finding {
    if let hash = magnet.infoHashV1, SHA1.hash(bytes.rawBytes) != hash { return .wrong }
    if let hash = magnet.infoHashV2, SHA256.hash(bytes.rawBytes) != hash { return .wrong }
    do {
      let info = try Info(bytes)
      guard magnet.names(info) else {
        return .unusable("what the magnet link names is a torrent of another version")
      }
      return .info(info)
    } catch {
      return .unusable("what the magnet link names is no torrent that can be used: \(error)")
    }
  }

  private func examined(_ number: Int, _ finding: Finding, on loop: isolated Loop) {
    guard !isOver else { return }
    switch finding {
    case .wrong:
      for liar in assembly.settled(number, isRight: false) { ban(liar, on: loop) }
      askAll(on: loop)
    case .unusable(let reason):
      end(on: loop)
      found(loop, .failure(MetadataFault(reason: reason)))
    case .info(let info):
      end(on: loop)
      found(loop, .success(info))
    }
  }

  /// Closes everything but the announcers.
  func end(on loop: isolated Loop) {
    isOver = true
    timer?.close()
    timer = nil
    for peer in Array(peers.values) { peer.close(.stopped, on: loop) }
  }

  // MARK: For announcers

  var announceFacts: AnnounceFacts {
    // How much is missing nobody knows; what matters is that it is not nothing.
    AnnounceFacts(left: 16 << 10, wanted: max(0, 200 - peers.count))
  }

  func learn(_ endpoints: [Endpoint], from source: PeerBook.Source, isV2Only: Bool, on loop: isolated Loop) {
    for endpoint in endpoints { book.add(endpoint, from: source, isV2Only: isV2Only) }
    connectMore(on: loop)
  }

  func announceFailed(on loop: isolated Loop) {}

  func announcerStopped(on loop: isolated Loop) {}
}

/// Why a magnet link cannot become a torrent.
struct MetadataFault: Error { let reason: String }

extension Magnet {
  /// Every hash that names the swarm on the wire, `infoHash` first.
  var infoHashes: [InfoHash] { [infoHashV1, infoHashV2?.truncated].compactMap(\.self) }

  /// Whether an info dictionary is the one that the link names, in the versions that it names.
  func names(_ info: Info) -> Bool {
    (infoHashV1 == nil || infoHashV1 == info.infoHashV1)
      && (infoHashV2 == nil || infoHashV2 == info.infoHashV2)
      && infoHash != nil
  }
}
