import Bytes

/// The clients behind some sockets: makes their requests (BEP 15), reads what comes back. Sans-I/O: bytes and times in
/// nanoseconds go in and out.
struct UDPLoad {
  /// Nanoseconds after which an answer counts as lost.
  static let patience: UInt64 = 1_000_000_000
  /// Seconds that a connection id is used for.
  private static let connectionLife: UInt64 = 60_000_000_000
  private static let swarmsOfScrape = 5

  /// A request under way.
  private struct Waiting {
    var sentAt: UInt64 = 0
    var number: UInt32 = 0
    var kind = Kind.none
  }

  private enum Kind: UInt8 { case none, connect, announce, scrape, bad }

  /// A socket with an address of its own.
  private struct Client {
    var connection: UInt64 = 0
    var connectedAt: UInt64?
    var askedAt: UInt64?
  }

  private let population: SwarmPopulation
  private let kinds: [TrackerMix.Kind]
  private let wanted: Int32
  private let isV6: Bool
  private var clients: [Client]
  private var waiting: [Waiting]
  private var number: UInt32
  private var generator: SplitMix
  /// Peers to announce once each, if that is the task: the next one, its step and the end.
  private var fill: (next: Int, step: Int)?
  /// Numbers of peers that come once.
  private var passing = 0
  private(set) var result = LoadResult()

  /// Clients on `sockets` sockets. `window` requests can be under way. `filling` announces each peer once: those
  /// from `filling.first` on, every `filling.step`-th.
  init(
    _ population: SwarmPopulation, mix: TrackerMix, wanted: Int, isV6: Bool, sockets: Int, window: Int,
    seed: UInt64,
    filling: (first: Int, step: Int)? = nil
  ) {
    self.population = population
    kinds = mix.table()
    self.wanted = Int32(clamping: wanted)
    self.isV6 = isV6
    clients = Array(repeating: Client(), count: sockets)
    var size = 1024
    while size < window { size *= 2 }
    waiting = Array(repeating: Waiting(), count: size)
    generator = SplitMix(state: seed)
    number = UInt32(truncatingIfNeeded: generator.next())
    fill = filling.map { ($0.first, $0.step) }
  }

  /// Whether each peer has been announced, where that is the task.
  var isFilled: Bool { fill.map { $0.next >= population.peers } ?? false }

  /// Whether requests of a socket can be sent: it has a connection id, or this is the moment to ask for one.
  func isReady(_ socket: Int, now: UInt64) -> Bool {
    let client = clients[socket]
    return client.connectedAt != nil || client.askedAt.map { now > $0 + 500_000_000 } ?? true
  }

  /// Writes the next request of a socket; how long it is.
  mutating func request(
    of socket: Int, into bytes: inout MutableRawSpan, now: UInt64
  ) -> Int {
    guard let since = clients[socket].connectedAt, now - since < Self.connectionLife else {
      clients[socket].connectedAt = nil
      return connect(socket, &bytes, now)
    }
    if fill != nil { return announce(nextOfFill(), .started, socket, &bytes, now) }
    let dice = generator.next()
    let peer = peer(of: socket, dice)
    switch kinds[Int(dice & 255)] {
    case .connect: return connect(socket, &bytes, now)
    case .announce: return announce(peer, .regular, socket, &bytes, now)
    case .stop: return announce(peer, .stopped, socket, &bytes, now)
    case .vanish:
      passing += 1
      return announce(peer, .started, socket, &bytes, now, port: UInt16(61_100 + passing % 4400))
    case .bad: return announce(peer, .regular, socket, &bytes, now, isBad: true)
    case .scrape: return scrape(dice, socket, &bytes, now)
    }
  }

  /// A peer that announces from this socket, each as likely as the others.
  private func peer(of socket: Int, _ dice: UInt64) -> Int {
    let peer = Int((dice >> 8).multipliedFullWidth(by: UInt64(population.peers) << 8).high)
    let shifted = peer - peer % clients.count + socket
    return shifted < population.peers ? shifted : peer
  }

  private mutating func nextOfFill() -> Int {
    guard let fill else { return 0 }
    self.fill?.next += fill.step
    return min(fill.next, population.peers - 1)
  }

  // MARK: Requests

  private mutating func enter(_ kind: Kind, _ now: UInt64) -> UInt32 {
    number &+= 1
    let place = Int(number) & (waiting.count - 1)
    waiting[place] = Waiting(sentAt: now, number: number, kind: kind)
    if kind == .bad { result.sentBad += 1 } else { result.sent += 1 }
    return number
  }

  private mutating func connect(_ socket: Int, _ bytes: inout MutableRawSpan, _ now: UInt64) -> Int {
    clients[socket].askedAt = now
    bytes.put(UInt64(0x417_2710_1980), at: 0)
    bytes.put(UInt32(0), at: 8)
    bytes.put(enter(.connect, now), at: 12)
    return 16
  }

  private enum Event: UInt32 { case regular, completed, started, stopped }

  private mutating func announce(
    _ peer: Int, _ event: Event, _ socket: Int, _ bytes: inout MutableRawSpan, _ now: UInt64,
    port: UInt16? = nil,
    isBad: Bool = false
  ) -> Int {
    let torrent = population.torrent(of: peer)
    let (first, second, third) = population.hashWords(torrent)
    bytes.put(isBad ? clients[socket].connection ^ 0x55 : clients[socket].connection, at: 0)
    bytes.put(UInt32(1), at: 8)
    bytes.put(enter(isBad ? .bad : .announce, now), at: 12)
    bytes.put(first, at: 16)
    bytes.put(second, at: 24)
    bytes.put(third, at: 32)
    bytes.put(UInt64(0x2d58_5830_3030_312d), at: 36)
    bytes.put(SwarmPopulation.mix(UInt64(peer)), at: 44)
    bytes.put(UInt32(truncatingIfNeeded: peer), at: 52)
    bytes.put(UInt64(0), at: 56)
    bytes.put(population.isSeed(peer) ? 0 : UInt64(1 << 20), at: 64)
    bytes.put(UInt64(0), at: 72)
    bytes.put(event.rawValue, at: 80)
    bytes.put(UInt32(0), at: 84)
    bytes.put(UInt32(truncatingIfNeeded: SwarmPopulation.mix(UInt64(peer) ^ 77)), at: 88)
    bytes.put(wanted, at: 92)
    bytes.put(port ?? population.port(of: peer), at: 96)
    return 98
  }

  private mutating func scrape(
    _ dice: UInt64, _ socket: Int, _ bytes: inout MutableRawSpan, _ now: UInt64
  ) -> Int {
    bytes.put(clients[socket].connection, at: 0)
    bytes.put(UInt32(2), at: 8)
    bytes.put(enter(.scrape, now), at: 12)
    for index in 0..<Self.swarmsOfScrape {
      let peer = Int(SwarmPopulation.mix(dice &+ UInt64(index)) % UInt64(population.peers))
      let (first, second, third) = population.hashWords(population.torrent(of: peer))
      bytes.put(first, at: 16 + 20 * index)
      bytes.put(second, at: 24 + 20 * index)
      bytes.put(third, at: 32 + 20 * index)
    }
    return 16 + 20 * Self.swarmsOfScrape
  }

  // MARK: Answers

  /// Reads what came back to a socket.
  mutating func received(_ bytes: RawSpan, of socket: Int, now: UInt64) {
    result.bytesIn += bytes.byteCount
    guard bytes.byteCount >= 8 else {
      result.malformed += 1
      return
    }
    let transaction = bytes.bigEndian(UInt32.self, at: 4)
    let place = Int(transaction) & (waiting.count - 1)
    let asked = waiting[place]
    // What is too late is lost, whether it comes or not.
    guard asked.number == transaction, asked.kind != .none, now &- asked.sentAt < Self.patience else {
      return
    }
    waiting[place].kind = .none
    let action = bytes.bigEndian(UInt32.self, at: 0)
    if asked.kind == .bad {
      // An error, if anything.
      result.answeredBad += 1
      if action != 3 { result.malformed += 1 }
      return
    }
    result.answered += 1
    result.latencies.record(now - asked.sentAt)
    switch (asked.kind, action) {
    case (_, 3):
      result.errors += 1
      clients[socket].connectedAt = nil
    case (.connect, 0) where bytes.byteCount == 16:
      result.connects += 1
      clients[socket].connection = bytes.bigEndian(UInt64.self, at: 8)
      clients[socket].connectedAt = now
    case (.scrape, 2) where bytes.byteCount == 8 + 12 * Self.swarmsOfScrape: result.scrapes += 1
    case (.announce, 1):
      let size = isV6 ? 18 : 6
      let peers = (bytes.byteCount - 20) / size
      guard bytes.byteCount >= 20, (bytes.byteCount - 20) % size == 0, wanted < 0 || peers <= Int(wanted)
      else {
        result.malformed += 1
        return
      }
      result.announces += 1
      result.peers += peers
    default: result.malformed += 1
    }
  }

  mutating func sent(bytes: Int) { result.bytesOut += bytes }
  mutating func ended(after seconds: Double) { result.seconds = seconds }
}

/// SplitMix64, seeded, so that runs can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return SwarmPopulation.mix(state)
  }
}

extension MutableRawSpan {
  /// Writes a number in network byte order.
  @inline(__always)
  mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }
}
