public import Addresses

/// A reliable stream of bytes to one peer: one end of a connection of BEP 29.
///
/// Made by a `UTPSocket`, which also moves its packets. What is written is buffered until it has arrived, what
/// comes is buffered until it is read.
///
/// Files: +Stream (what its user calls), +Receiving, +Acknowledgements, +Sending, +Timers.
public final class UTPConnection {
  /// How far the connection is.
  public enum Phase: Sendable {
    /// The peer has not answered yet.
    case connecting
    case open
    /// Closed by its user; what was written is still being sent.
    case closing
    /// Nothing will happen any more.
    case closed
  }

  /// Why a connection ended without its user's doing.
  public enum Failure: Sendable {
    /// The peer does not want it, while connecting.
    case refused
    /// The peer does not know it any more.
    case reset
    /// The peer has not answered for long.
    case timedOut
  }

  /// What has happened to a connection since its user was told.
  public struct Events: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// From the bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// A peer has opened it.
    public static let accepted = Events(rawValue: 1)
    /// The peer has answered.
    public static let connected = Events(rawValue: 2)
    /// There are bytes, or the end of the stream, to be read.
    public static let readable = Events(rawValue: 4)
    /// There is room for bytes after there was none.
    public static let writable = Events(rawValue: 8)
    /// It failed, see `failure`.
    public static let failed = Events(rawValue: 16)
  }

  /// The peer.
  public let remote: Endpoint
  /// Whether we opened it.
  public let isOutgoing: Bool
  /// How far it is.
  public internal(set) var phase: Phase
  /// Why it ended, if it did without `close`.
  public internal(set) var failure: Failure?
  /// Bytes at the start of what we send that travel in packets of their own. Transmission 3.00 lets what follows
  /// a handshake in the same packet lie until more comes.
  var greeting = 0
  /// Whatever its user wants to find with it.
  public var owner: AnyObject?

  /// The number of it in packets that come.
  public let receiveID: UInt16
  /// And in those that go.
  let sendID: UInt16
  unowned var socket: UTPSocket

  // What the socket notes.
  var events: Events = []
  var isReady = false
  var isDirty = false
  var heapIndex = -1
  var heapKey: UInt64 = .max

  // Sending.
  var outgoing = ByteRing()
  /// Position in the stream of the first byte of `outgoing`, and of the first that was never sent.
  var outgoingStart: UInt64 = 0
  var unsentStart: UInt64 = 0
  var sent: SentPackets
  /// Bytes that are under way.
  var flight = 0
  /// Packets that were given up, to be sent again, those before `firstToResend` being done.
  var toResend: [UInt16] = []
  var firstToResend = 0
  var hasSentFIN = false
  var lastPartial: UInt16?
  var isWindowLimited = false
  /// The user found no room.
  var wantsRoom = false
  /// One packet may leave although the peer has no room, to hear whether it has by now.
  var mayAsk = false

  // Congestion.
  var ledbat: Ledbat
  var trip = RoundTrip()
  var mtu: PathMTU
  var ourDelay = DelayHistory()
  var theirDelay = DelayHistory()
  /// The latest transmission that is known to have arrived; others that are that much older are lost.
  var newestArrived: UInt64 = 0
  var reordering: UInt64 = 3
  /// Losses of packets sent before this one belong to a reaction that was made already.
  var recovery: UInt64 = 0
  var windowBeforeLoss = 0.0
  var repeatedAcknowledgements = 0
  var remoteWindow: Int
  /// Time-outs since anything came from the peer.
  var silence = 0

  // Receiving.
  var incoming = ByteRing()
  var reorder = ReorderBuffer()
  /// The last packet that came with all before it.
  var received: UInt16
  var finSequence: UInt16?
  /// Packets that were not acknowledged yet.
  var unacknowledged = 0
  var mustAcknowledge = false
  /// The room that the peer was told of.
  var toldWindow = 0
  /// What the last packet's way took by the two clocks, to be told to the peer.
  var difference: UInt32 = 0

  // Timers: when things are due.
  var timeoutAt: UInt64 = .max
  var acknowledgeAt: UInt64 = .max
  var askAt: UInt64 = .max
  var endAt: UInt64 = .max
  var lastSent: UInt64
  var lastData: UInt64

  init(
    _ socket: UTPSocket, remote: Endpoint, isOutgoing: Bool, receiveID: UInt16, sendID: UInt16,
    sequence: UInt16, received: UInt16, now: UInt64
  ) {
    self.socket = socket
    self.remote = remote
    self.isOutgoing = isOutgoing
    self.receiveID = receiveID
    self.sendID = sendID
    self.received = received
    phase = isOutgoing ? .connecting : .open
    sent = SentPackets(next: sequence)
    mtu = PathMTU(
      most: min(
        socket.configuration.largestDatagram(to: remote.address),
        UTPConfiguration.usualDatagram(to: remote.address)))
    ledbat = Ledbat(packet: PathMTU.usual - UTPHeader.byteCount, jitter: UInt64(sendID) &* 40_503)
    // What is known before the peer has told.
    remoteWindow = 64 << 10
    lastSent = now
    lastData = now
  }

  /// Bytes of the stream in a full packet.
  var packetSize: Int { mtu.size - UTPHeader.byteCount }

  /// Bytes that there is room for.
  var receiveWindow: Int {
    max(0, socket.configuration.receiveLimit - incoming.count - reorder.byteCount)
  }

  func happened(_ event: Events) {
    events.insert(event)
    socket.isReady(self)
  }

  /// It is over, without the user's doing.
  func fail(_ failure: Failure) {
    guard phase != .closed else { return }
    let isUsed = phase != .closing
    self.failure = failure
    socket.end(self)
    if isUsed { happened(.failed) }
  }
}
