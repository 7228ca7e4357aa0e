public import Addresses
public import Digest

/// When to announce which torrents to the local network, and which announces of others to listen to (BEP 14).
///
/// Each torrent is announced every five minutes, several in one datagram, and after a short burst one datagram a
/// minute: with more torrents than fit they take turns. Bounded: what comes in is dropped beyond a rate, of each
/// sender and of all together.
///
/// Sans-I/O: `now` is in nanoseconds of any clock that only goes forward. Confined to its owner.
public struct LocalDiscovery: Sendable {
  /// How often.
  public struct Limits: Hashable, Sendable {
    /// Nanoseconds between announces of one torrent.
    public var interval: UInt64 = 300_000_000_000
    /// Nanoseconds between datagrams, on the average.
    public var spacing: UInt64 = 60_000_000_000
    /// Datagrams that may go out at once.
    public var burst = 4
    /// Nanoseconds between announces of one sender, on the average.
    public var patience: UInt64 = 2_000_000_000
    /// Announces of one sender that may come at once.
    public var senderBurst = 8
    /// Senders that are remembered; beyond that nobody new is listened to until some are forgotten.
    public var senders = 256

    /// The defaults.
    public init() {}
  }

  /// What our announces carry, so that we know them.
  public let cookie: String
  private let limits: Limits
  /// Torrents in the order in which they are due; those that were taken out are passed over.
  private var queue: [(hash: InfoHash, due: UInt64)] = []
  private var first = 0
  /// Those that take part, by when they are due: tells a place in the queue that counts from one of before.
  private var dues: [InfoHash: UInt64] = [:]
  /// New ones, which go before others.
  private var fresh: [InfoHash] = []
  private var sending: Allowance
  private var senders: [IPAddress: Allowance] = [:]

  /// Nothing to announce. `cookie` is any short text that others do not use.
  public init(cookie: String, limits: Limits = Limits()) {
    self.cookie = cookie
    self.limits = limits
    sending = Allowance(spacing: limits.spacing, burst: limits.burst)
  }

  /// Torrents that are announced.
  public var count: Int { dues.count }

  /// A torrent takes part from now on. Never a private one (BEP 27).
  public mutating func add(_ hash: InfoHash) {
    guard dues.updateValue(0, forKey: hash) == nil else { return }
    fresh.append(hash)
  }

  /// A torrent takes part no more.
  public mutating func remove(_ hash: InfoHash) { dues[hash] = nil }

  /// The torrents to announce now in one datagram; none if it is not time.
  public mutating func next(now: UInt64) -> [InfoHash] {
    guard hasDue(now: now), sending.take(now: now) else { return [] }
    var hashes: [InfoHash] = []
    while hashes.count < LocalAnnounce.maximumHashes, let hash = popDue(now: now) {
      hashes.append(hash)
      dues[hash] = now + limits.interval
      queue.append((hash, now + limits.interval))
    }
    return hashes
  }

  /// When `next` may have something; `nil` if nothing is to come by itself.
  public mutating func deadline(now: UInt64) -> UInt64? {
    dropStale()
    let due = !fresh.isEmpty ? now : first < queue.count ? queue[first].due : nil
    return due.map { max($0, sending.nextAt) }
  }

  /// An announce of somebody: where to find it, and in which swarms; `nil` if it is our own, none at all, or one
  /// too many.
  public mutating func heard(
    _ datagram: RawSpan, from sender: IPAddress, now: UInt64
  ) -> (peer: Endpoint, infoHashes: [InfoHash])? {
    guard listens(to: sender, now: now), let announce = LocalAnnounce(datagram), announce.cookie != cookie
    else {
      return nil
    }
    return (Endpoint(sender, port: announce.port), announce.infoHashes)
  }

  private mutating func listens(to sender: IPAddress, now: UInt64) -> Bool {
    if var known = senders[sender] {
      let isTaken = known.take(now: now)
      senders[sender] = known
      return isTaken
    }
    if senders.count >= limits.senders { senders = senders.filter { !$0.value.isFull(now: now) } }
    guard senders.count < limits.senders else { return false }
    var allowance = Allowance(spacing: limits.patience, burst: limits.senderBurst)
    _ = allowance.take(now: now)
    senders[sender] = allowance
    return true
  }

  // MARK: The queue

  private mutating func hasDue(now: UInt64) -> Bool {
    dropStale()
    return !fresh.isEmpty || first < queue.count && queue[first].due <= now
  }

  private mutating func popDue(now: UInt64) -> InfoHash? {
    guard hasDue(now: now) else { return nil }
    if !fresh.isEmpty { return fresh.removeFirst() }
    first += 1
    return queue[first - 1].hash
  }

  /// Drops what was taken out, and places in the queue of before that.
  private mutating func dropStale() {
    while let hash = fresh.first, dues[hash] != 0 { fresh.removeFirst() }
    while first < queue.count, dues[queue[first].hash] != queue[first].due { first += 1 }
    if first > 1024 || first == queue.count {
      queue.removeFirst(first)
      first = 0
    }
  }
}

/// So many at once, then one each `spacing` nanoseconds.
struct Allowance: Sendable {
  private let spacing: UInt64
  private let window: UInt64
  /// When it would be full again.
  private var fullAt: UInt64 = 0

  init(spacing: UInt64, burst: Int) {
    self.spacing = spacing
    window = spacing * UInt64(max(1, burst))
  }

  /// Takes one, if there is one.
  mutating func take(now: UInt64) -> Bool {
    guard now >= nextAt else { return false }
    fullAt = max(fullAt, now) + spacing
    return true
  }

  /// Whether nothing is missing.
  func isFull(now: UInt64) -> Bool { fullAt <= now }

  /// When there is one.
  var nextAt: UInt64 { fullAt + spacing <= window ? 0 : fullAt + spacing - window }
}
