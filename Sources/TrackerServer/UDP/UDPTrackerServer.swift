public import Addresses
import Bytes
import Digest
internal import Synchronization
import TrackerProtocol

/// A UDP tracker without sockets (BEP 15, BEP 41): a datagram goes in, the answer to it comes out.
///
/// Sans-I/O: time comes in as a `Moment`, randomness as a word. No allocation a datagram, once
/// its buffers have grown. Many of these may share a `TrackerCore`; each belongs to one thread.
///
/// What it promises, whatever comes: who has not shown by a connection id that it is where its datagrams say gets
/// nothing that is longer than what it sent; no answer is longer than `maximumAnswer`; only the entry of the
/// address that a datagram comes from changes.
///
/// Files: +Announce, URLData (BEP 41), ConnectionIDs, ErrorBudget.
public struct UDPTrackerServer {
  /// Bytes of the longest answer: what passes through tunnels as well.
  public static let maximumAnswer = 1352

  /// The time, by both clocks that the tracker needs.
  public struct Moment: Sendable {
    /// Seconds of a clock that never goes back.
    public var seconds: UInt32
    /// Seconds since 1970.
    public var wallSeconds: UInt64

    /// A moment.
    public init(seconds: UInt32, wallSeconds: UInt64) {
      self.seconds = seconds
      self.wallSeconds = wallSeconds
    }
  }

  let core: TrackerCore
  let ids: ConnectionIDs
  var errors: ErrorBudget
  var reply = SwarmReply()
  var tally = Tally()

  init(_ core: TrackerCore, secret: [UInt8], seed: UInt64) {
    self.core = core
    ids = ConnectionIDs(secret: secret)
    errors = ErrorBudget(seed: seed)
    // What an announce can be given: the arrays never grow later.
    reply.reserve(core.configuration.maximumWanted)
  }

  /// A tracker that stands alone. `secret` makes its connection ids; `seed` must not be known to clients.
  public init(_ configuration: TrackerConfiguration, secret: [UInt8], seed: UInt64) {
    self.init(TrackerCore(configuration, seed: seed) { 0 }, secret: secret, seed: seed)
  }

  /// What the table holds.
  public var statistics: SwarmStatistics { core.table.statistics }

  /// Answers the datagram `request` that came from `source`: writes into `answer`, which has room for
  /// `maximumAnswer` bytes, and returns how many bytes to send back; 0 for none. `random` is a fresh random word.
  public mutating func answer(
    _ request: RawSpan, from source: Endpoint, at moment: Moment, random: UInt64,
    into answer: inout MutableRawSpan
  ) -> Int {
    tally.requests += 1
    tally.bytesIn += request.byteCount
    // Nothing can be sent to port 0; nor is there a request of fewer than 16 bytes.
    guard request.byteCount >= 16, source.port != 0 else {
      tally.malformed += 1
      return 0
    }
    let length = response(request, source, moment, random, &answer)
    tally.bytesOut += length
    return length
  }

  @inline(__always)
  private mutating func response(
    _ request: RawSpan, _ source: Endpoint, _ moment: Moment, _ random: UInt64, _ answer: inout MutableRawSpan
  ) -> Int {
    let connection = request.bigEndian(UInt64.self, at: 0)
    let action = request.bigEndian(UInt32.self, at: 8)
    let epoch = moment.wallSeconds / ConnectionIDs.epochLength
    if action == UDPTrackerMessage.connect, connection == UDPTrackerMessage.magic {
      tally.connects += 1
      answer.put(UDPTrackerMessage.connect, at: 0)
      answer.put(request.bigEndian(UInt32.self, at: 12), at: 4)
      answer.put(ids.issue(to: source.address, epoch: epoch), at: 8)
      return 16
    }
    let isAnnounce =
      action == UDPTrackerMessage.announce && request.byteCount >= UDPTrackerMessage.announceSize
    guard isAnnounce || action == UDPTrackerMessage.scrape else {
      tally.malformed += 1
      return 0
    }
    guard ids.isGood(connection, from: source.address, epoch: epoch) else {
      return refuseConnection(request, source, moment, &answer)
    }
    if isAnnounce { return announce(request, source, moment, random, &answer) }
    return scrape(request, &answer)
  }

  /// Tells a client whose connection id is none of ours, or too old, so that it connects at once. Who it is that
  /// asked is not known: the error is no longer than what it answers, and nobody gets many.
  private mutating func refuseConnection(
    _ request: RawSpan, _ source: Endpoint, _ moment: Moment, _ answer: inout MutableRawSpan
  ) -> Int {
    tally.badConnections += 1
    guard request.byteCount >= 8 + Self.unknownConnection.utf8CodeUnitCount,
      errors.allows(source.address, at: moment.seconds)
    else { return 0 }
    return error(Self.unknownConnection, to: request, &answer)
  }

  private static let unknownConnection: StaticString = "connection id unknown"

  mutating func error(
    _ reason: StaticString, to request: RawSpan, _ answer: inout MutableRawSpan
  ) -> Int {
    tally.errors += 1
    answer.put(UDPTrackerMessage.error, at: 0)
    answer.put(request.bigEndian(UInt32.self, at: 12), at: 4)
    return answer.put(reason, at: 8)
  }

  /// The counts of the swarms whose info-hashes follow each other, for as many as fit into an answer.
  private mutating func scrape(_ request: RawSpan, _ answer: inout MutableRawSpan) -> Int {
    tally.scrapes += 1
    answer.put(UDPTrackerMessage.scrape, at: 0)
    answer.put(request.bigEndian(UInt32.self, at: 12), at: 4)
    var length = 8
    var offset = 16
    while offset + 20 <= request.byteCount, length + 12 <= Self.maximumAnswer {
      let counts = core.scrape(InfoHash(request, at: offset), for: nil)
      answer.put(UInt32(clamping: counts.seeds), at: length)
      answer.put(UInt32(clamping: counts.downloaded), at: length + 4)
      answer.put(UInt32(clamping: counts.leeches), at: length + 8)
      length += 12
      offset += 20
    }
    return length
  }
}

/// The numbers of BEP 15.
enum UDPTrackerMessage {
  static let connect: UInt32 = 0
  static let announce: UInt32 = 1
  static let scrape: UInt32 = 2
  static let error: UInt32 = 3
  static let magic: UInt64 = 0x417_2710_1980
  /// Bytes of an announce without options.
  static let announceSize = 98
}

extension MutableRawSpan {
  @inline(__always)
  mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }

  /// Writes a text that is known at compile time; returns where it ends.
  mutating func put(_ text: StaticString, at offset: Int) -> Int {
    let bytes = unsafe UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    return put(unsafe RawSpan(_unsafeBytes: bytes), at: offset)
  }

  /// Copies bytes; returns where they end.
  @inline(__always)
  mutating func put(_ bytes: RawSpan, at offset: Int) -> Int {
    let end = offset + bytes.byteCount
    precondition(offset >= 0 && end <= byteCount)
    unsafe withUnsafeMutableBytes { to in
      unsafe bytes.withUnsafeBytes { from in
        guard let start = to.baseAddress, let source = from.baseAddress else { return }
        unsafe (start + offset).copyMemory(from: source, byteCount: from.count)
      }
    }
    return end
  }
}
