import Addresses
import Bytes
import Digest
import Encryption
import EventLoop
import Metainfo
import PeerProtocol
import PieceStorage

/// One peer of one torrent. Confined to the torrent's loop.
///
/// Files: +Encryption (hiding it), +Receiving (socket to messages), +Messages (what each message does), +Requests (what we ask
/// for), +Uploading (what is asked of us), +Sending (messages to socket), +Limits (waiting for a turn).
final class PeerConnection: ReadinessHandler {
  /// How far the connection is.
  enum Phase {
    case connecting, encrypting, greeting, open, closed
  }

  let torrent: Torrent
  let slot: PeerSlot
  let stream: PeerStream
  let remote: Endpoint
  let isOutgoing: Bool
  /// Unlike a slot, never used again: names a sender after it has gone.
  let serial: UInt32
  var phase: Phase
  /// What it stands for, if it is no peer but a place on the web.
  var web: WebSeed?
  /// Whether we begin with a key exchange, or came to the torrent after one.
  let beginsEncrypted: Bool
  /// The key exchange, while it lasts.
  var initiator: MSEInitiator?
  /// Whether all bytes are encrypted.
  var isEncrypted = false

  // Who it is.
  var peerID: PeerID?
  var reserved: ReservedBits = []
  /// The info-hash that we greet with, or greeted with.
  var wireHash: InfoHash
  var extensions: ExtensionHandshake?
  /// Where it listens, as far as known; the remote end of an outgoing connection.
  var listening: Endpoint?
  /// The rank of this connection, the same on both ends (BEP 40).
  var priority: UInt32 = 0

  // What it has and wants, what we told it.
  var has: Bitfield
  /// How much of it we want and lack.
  var interest: InterestCount
  var describedAt: Instant?
  var peerIsChoking = true
  var peerIsInterested = false
  var isChoking = true
  var isInterested = false

  // What we ask for.
  var window: RequestWindow
  var asked = RequestLog()
  var allowedFast: [Int32] = []
  /// Pieces that it would like to be asked for while it does not choke us (BEP 6), the oldest first.
  var suggested: [Int32] = []
  var isSnubbed = false
  /// Whether it has sent a whole good piece alone, and nothing doubtful since.
  var isProven = false
  /// Blocks that it was asked for and that were given up: they may come late.
  var late = 0
  var blocksToPick: [Block] = []

  // What it asks for.
  var uploads = UploadQueue()
  var rates = PeerRates()

  // Bytes on the way.
  var partial = PartialMessage()
  var control: [UInt8] = []
  /// Whether `control` has messages about blocks that wait: they may not overtake these.
  var isControlInOrder = false
  var sendQueue = SendQueue()
  var isFlushScheduled = false

  // Accounts.
  var down: RateMeter
  var up: RateMeter
  var downloaded: Int64 = 0
  var uploaded: Int64 = 0
  var unrequested = 0
  var rejects = 0
  /// Hash requests of it that a disk thread works on, and those of them that read a piece.
  var hashJobs = 0
  var leafReads = 0
  var metadataAllowance: MetadataAllowance?
  var exchange = PeerExchange()
  var holePunching = HolePunching()
  /// A connection that is being opened while the peer opens one to us, and one for which that has been asked for.
  var isPunched = false
  var hasAskedForPunch = false
  /// What was new the last time that it was told.
  var exchangeVersion: UInt32 = 0
  /// Whether it makes use of being unchoked.
  var slotUse = SlotUse()
  var protocolComplaints = 0
  var openedAt: Instant
  var lastReceived: Instant
  var lastSent: Instant
  var lastBlock: Instant
  var lastUseful: Instant
  var writeStalledSince: Instant?

  init(
    _ torrent: Torrent, slot: PeerSlot, serial: UInt32, stream: PeerStream, remote: Endpoint,
    isOutgoing: Bool, wireHash: InfoHash, beginsEncrypted: Bool = false, now: Instant
  ) {
    self.torrent = torrent
    self.slot = slot
    self.serial = serial
    self.stream = stream
    self.remote = remote
    self.isOutgoing = isOutgoing
    self.wireHash = wireHash
    self.beginsEncrypted = beginsEncrypted
    phase = isOutgoing ? .connecting : .greeting
    listening = isOutgoing ? remote : nil
    has = Bitfield(count: torrent.info.pieceCount)
    interest = InterestCount(has: has, missing: has)
    window = RequestWindow(limit: torrent.context.configuration.requestQueue)
    down = RateMeter(now: now)
    up = RateMeter(now: now)
    openedAt = now
    lastReceived = now
    lastSent = now
    lastBlock = now
    lastUseful = now
  }

  /// Whether the fast extension is on (BEP 6).
  var isFast: Bool { reserved.contains(.fast) }
  /// Whether hashes of v2 can be asked for and are answered (BEP 52): only where the greetings ended with the
  /// v2 hash. Who can speak v2 may still have stayed with v1, as libtorrent does when encrypted.
  var isV2: Bool { torrent.info.version.hasV2 && web == nil && wireHash != torrent.info.infoHashV1 }
  /// Whether it has every piece.
  var isSeed: Bool { has.isFull }
  /// Whether it wants nothing: because it has every piece, or says so (BEP 21).
  var isUploadOnly: Bool { isSeed || extensions?.isUploadOnly == true }
  /// What program it is, as far as it says.
  var client: String {
    web.map { _ in "web seed" } ?? extensions?.client ?? peerID.map(ClientName.display) ?? "unknown"
  }
  /// Its address for accounts: where it listens, else where it came from.
  var endpoint: Endpoint { listening ?? remote }

  /// Watches the stream: for the end of connecting, or for the greeting.
  func start(on loop: isolated Loop) -> Bool {
    stream.start(self, for: phase == .connecting ? .writable : .readable, on: loop)
  }

  func ready(_ events: Readiness, on loop: isolated Loop) {
    switch phase {
    case .connecting: finishConnecting(on: loop)
    case .closed: break
    case .encrypting:
      if events.contains(.writable) { flush(on: loop) }
      if events.contains(.readable), phase == .encrypting { receiveEncryption(on: loop) }
    case .greeting, .open:
      if events.contains(.readable) { receive(on: loop) }
      if events.contains(.writable), phase != .closed { flush(on: loop) }
    }
  }

  private func finishConnecting(on loop: isolated Loop) {
    guard stream.isConnected else {
      close(.connectFailed, on: loop)
      return
    }
    openedAt = loop.now
    stream.watch(for: .readable)
    if beginsEncrypted { return beginEncryption(on: loop) }
    phase = .greeting
    sendHandshake(on: loop)
  }

  /// Ends the connection. The torrent forgets it; idempotent.
  func close(_ reason: CloseReason, on loop: isolated Loop) {
    guard phase != .closed else { return }
    let wasOpen = phase == .open
    phase = .closed
    stream.close()
    sendQueue.removeAll()
    uploads.removeAll()
    leaveLines(wasOpen: wasOpen)
    torrent.closed(self, reason, wasOpen: wasOpen, on: loop)
  }
}
