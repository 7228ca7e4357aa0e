import Addresses
import Digest
import EventLoop
import Metainfo
import PeerProtocol

/// The peers of a torrent that are known, connected or not: whom to try next and whom never again.
///
/// Sans-I/O: time and randomness are passed in. Bounded: beyond `limit` the least promising go.
struct PeerBook {
  /// Where an address was learnt.
  enum Source: Equatable {
    case tracker, user, incoming, exchange, local, dht
    /// From a tracker, as one that has what nobody near has.
    case holder
  }

  private struct Entry {
    var source: Source
    var failures = 0
    var notBefore = Instant(nanoseconds: 0)
    var isInUse = false
    /// Whether it is left alone because there is nothing to gain from it.
    var isResting = false
    /// Learnt from the swarm of the v2 info-hash only: greeted with that hash (BEP 52).
    var isV2Only: Bool
    /// The rank that a connection would have (BEP 40); 0 as long as we do not know who we are.
    var priority: UInt32 = 0
    /// What the last connection ran over; forgotten when one fails.
    var transport: PeerTransport?
    /// Whether it is greeted encrypted; `nil`: as we usually do.
    var isEncrypted: Bool?
    /// Whether others say that it wants to be greeted encrypted.
    var prefersEncryption = false
    /// A peer that is, or was, connected with it and helps in hole punching: its serial number.
    var relay: UInt32?
    /// Whether the other way of greeting has been tried since the last failure.
    var hasVaried = false

    var greeting: Bool? { isEncrypted ?? (prefersEncryption ? true : nil) }
    var rank: Int { failures * 2 + (source == .user || source == .holder ? 0 : 1) }
  }

  /// Whom to connect to, and with which info-hash to greet.
  struct Candidate: Equatable {
    let endpoint: Endpoint
    let isV2Only: Bool
    /// What worked the last time; else all is to be tried.
    var transport: PeerTransport?
    var isEncrypted: Bool?
  }

  private var entries: [Endpoint: Entry] = [:]
  private var bannedEndpoints: Set<Endpoint> = []
  private var bannedAddresses: Set<IPAddress> = []
  private let limit: Int
  /// Addresses that are not written down.
  private let filter: AddressFilter?
  /// Where others see us, as far as known: for the ranks of connections.
  private var ourselves: Endpoint?

  /// An empty book that holds at most `limit` peers, none of those that `filter` blocks.
  init(limit: Int = 4000, filter: AddressFilter? = nil) {
    self.limit = limit
    self.filter = filter
  }

  /// Peers that are known.
  var count: Int { entries.count }

  /// Whether nothing is written in it.
  var isBlank: Bool { entries.isEmpty && bannedEndpoints.isEmpty && bannedAddresses.isEmpty }

  /// Whether an address is written in it.
  func knows(_ endpoint: Endpoint) -> Bool { entries[endpoint] != nil }

  /// Writes down an address. Addresses that cannot be a peer's are passed over, as are banned ones.
  mutating func add(_ endpoint: Endpoint, from source: Source, isV2Only: Bool = false) {
    guard endpoint.port != 0, !endpoint.address.isUnspecified, !endpoint.address.isMulticast,
      !bannedEndpoints.contains(endpoint), !bannedAddresses.contains(endpoint.address)
    else { return }
    if var known = entries[endpoint] {
      // A fresh word of a peer that could not be reached is worth one early try, not many.
      if known.isV2Only, !isV2Only { known.isV2Only = false }
      if source == .holder, known.source != .user { known.source = .holder }
      entries[endpoint] = known
      return
    }
    if filter?.blocks(endpoint.address) == true { return }
    if entries.count >= limit, !makeRoom() { return }
    entries[endpoint] = Entry(
      source: source, isV2Only: isV2Only, priority: ourselves.map { PeerPriority.of($0, endpoint) } ?? 0)
  }

  /// Others see us at this address. O(peers) if it is new.
  mutating func weAre(_ endpoint: Endpoint) {
    guard endpoint != ourselves else { return }
    ourselves = endpoint
    for peer in entries.keys { entries[peer]?.priority = PeerPriority.of(endpoint, peer) }
  }

  /// Takes the best peer to connect to now: fewest failures first, those that a person named before others, the
  /// highest priority among equals (BEP 40), and random as long as there are none.
  mutating func next(now: Instant, using random: inout some RandomNumberGenerator) -> Candidate? {
    var best: (endpoint: Endpoint, entry: Entry)?
    var equals = 0
    for (endpoint, entry) in entries where !entry.isInUse && entry.notBefore <= now {
      if let found = best, entry.rank > found.entry.rank { continue }
      if let found = best, entry.rank == found.entry.rank {
        guard entry.priority >= found.entry.priority else { continue }
        equals = entry.priority == found.entry.priority ? equals + 1 : 1
        guard Int.random(in: 0..<equals, using: &random) == 0 else { continue }
      } else {
        equals = 1
      }
      best = (endpoint, entry)
    }
    guard let best else { return nil }
    entries[best.endpoint]?.isInUse = true
    return Candidate(
      endpoint: best.endpoint, isV2Only: best.entry.isV2Only, transport: best.entry.transport,
      isEncrypted: best.entry.greeting)
  }

  /// What another peer says of it.
  mutating func heard(of endpoint: Endpoint, prefersEncryption: Bool, relay: UInt32?) {
    if prefersEncryption { entries[endpoint]?.prefersEncryption = true }
    if let relay { entries[endpoint]?.relay = relay }
  }

  /// Who told of a peer and helps in hole punching.
  func relay(to endpoint: Endpoint) -> UInt32? { entries[endpoint]?.relay }

  /// Takes a peer that is to be met now, over uTP, because it connects to us at the same time; `nil` if that goes
  /// on already, or must not be.
  mutating func meet(_ endpoint: Endpoint) -> Candidate? {
    add(endpoint, from: .exchange)
    guard let entry = entries[endpoint], !entry.isInUse else { return nil }
    entries[endpoint]?.isInUse = true
    return Candidate(
      endpoint: endpoint, isV2Only: entry.isV2Only, transport: .utp, isEncrypted: entry.greeting)
  }

  /// An incoming peer is at `endpoint` (its listening one, where that is known).
  mutating func connected(_ endpoint: Endpoint) {
    add(endpoint, from: .incoming)
    entries[endpoint]?.isInUse = true
    entries[endpoint]?.failures = 0
  }

  /// Something answers there over TCP that does not greet us: uTP may lead to somebody else. Soon, and once.
  mutating func tryOverUTP(_ endpoint: Endpoint, now: Instant) {
    entries[endpoint]?.transport = .utp
    entries[endpoint]?.isInUse = false
    entries[endpoint]?.notBefore = now
  }

  /// A connection that we opened works over that.
  mutating func worked(_ endpoint: Endpoint, over transport: PeerTransport) {
    entries[endpoint]?.transport = transport
  }

  /// A connection ended after it had been open. `wasUseful` tells whether payload moved.
  mutating func disconnected(
    _ endpoint: Endpoint, wasUseful: Bool, now: Instant, using random: inout some RandomNumberGenerator
  ) {
    guard var entry = entries[endpoint] else { return }
    entry.isInUse = false
    entry.isResting = false
    entry.failures = wasUseful ? 0 : entry.failures + 1
    if !wasUseful { entry.transport = nil }
    entry.notBefore = now + Self.delay(failures: entry.failures, using: &random)
    entries[endpoint] = entry
  }

  /// An attempt to connect failed, or nothing sensible came.
  mutating func failed(
    _ endpoint: Endpoint, now: Instant, using random: inout some RandomNumberGenerator
  ) {
    disconnected(endpoint, wasUseful: false, now: now, using: &random)
  }

  /// It understood the way in which we greeted it: so it is greeted the next time.
  mutating func understood(_ endpoint: Endpoint, isEncrypted: Bool) {
    entries[endpoint]?.isEncrypted = isEncrypted
    entries[endpoint]?.hasVaried = false
  }

  /// It hung up on a greeting: it is greeted the other way, encrypted or not, in a moment. False if that was
  /// the other way.
  mutating func varied(_ endpoint: Endpoint, from isEncrypted: Bool, now: Instant) -> Bool {
    guard var entry = entries[endpoint] else { return false }
    entry.isEncrypted = !isEncrypted
    entry.hasVaried.toggle()
    let isFirst = entry.hasVaried
    if isFirst {
      entry.isInUse = false
      entry.notBefore = now + 0.5
    }
    entries[endpoint] = entry
    return isFirst
  }

  /// Nothing to gain from this peer for a while (it is complete and so are we).
  mutating func rest(_ endpoint: Endpoint, until instant: Instant) {
    entries[endpoint]?.isInUse = false
    entries[endpoint]?.isResting = true
    entries[endpoint]?.notBefore = instant
  }

  /// There is something to gain from everybody again.
  mutating func endRests(now: Instant) {
    for (endpoint, entry) in entries where entry.isResting {
      entries[endpoint]?.isResting = false
      entries[endpoint]?.notBefore = min(entry.notBefore, now)
    }
  }

  /// Never again. The whole address is banned, but for loopback, where one machine has many peers.
  mutating func ban(_ endpoint: Endpoint) {
    entries[endpoint] = nil
    if endpoint.address.isLoopback {
      bannedEndpoints.insert(endpoint)
    } else {
      bannedAddresses.insert(endpoint.address)
      entries = entries.filter { $0.key.address != endpoint.address }
    }
  }

  /// That is our own address: forget it and do not learn it again.
  mutating func isSelf(_ endpoint: Endpoint) {
    entries[endpoint] = nil
    bannedEndpoints.insert(endpoint)
  }

  /// Whether a connection with this peer is refused.
  func isBanned(_ endpoint: Endpoint) -> Bool {
    bannedEndpoints.contains(endpoint) || bannedAddresses.contains(endpoint.address)
      || filter?.blocks(endpoint.address) == true
  }

  /// The blocklist is another one: whom it has is forgotten. O(peers).
  mutating func dropBlocked() {
    guard let filter, !filter.isEmpty else { return }
    entries = entries.filter { !filter.blocks($0.key.address) }
  }

  /// When the next idle peer may be tried, if there is one.
  func nextAttempt() -> Instant? {
    entries.values.lazy.filter { !$0.isInUse }.map(\.notBefore).min()
  }

  /// Exponential back-off: 5 s after one failure, doubled each time up to an hour, with jitter of a
  /// quarter, so that many clients do not come back at the same moment.
  static func delay(failures: Int, using random: inout some RandomNumberGenerator) -> Double {
    let base = min(3600, 5 * Double(1 << min(max(failures - 1, 0), 10)))
    return base * Double.random(in: 0.75...1.25, using: &random)
  }

  /// The torrent of a magnet link with `hashes` is known: nobody is connected any more, all may be tried anew.
  /// What a private torrent must not know is forgotten (BEP 27); the swarm of a hybrid whose v2 hash alone was
  /// known is greeted with that.
  mutating func settle(_ info: Info, knownBy hashes: [InfoHash], now: Instant) {
    let isV2Only = !hashes.contains(info.infoHash)
    if info.isPrivate {
      entries = entries.filter { ![.exchange, .local, .dht].contains($0.value.source) }
    }
    for endpoint in entries.keys {
      entries[endpoint]?.isInUse = false
      if entries[endpoint]?.failures == 0 { entries[endpoint]?.notBefore = now }
      if isV2Only { entries[endpoint]?.isV2Only = true }
    }
  }

  private mutating func makeRoom() -> Bool {
    // What peers tell goes first, so that liars cannot crowd out what trackers and people say.
    guard
      let worst = entries.filter({ !$0.value.isInUse }).max(by: {
        ($0.value.source == .exchange ? 1 : 0, $0.value.failures)
          < ($1.value.source == .exchange ? 1 : 0, $1.value.failures)
      })
    else { return false }
    entries[worst.key] = nil
    return true
  }
}
