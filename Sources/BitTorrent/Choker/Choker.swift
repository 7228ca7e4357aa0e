import EventLoop

/// Decides whom we upload to (BEP 3), as a value without clock or peers.
///
/// While we download: tit-for-tat, the slots go to the interested peers that send us most, and some are
/// given at random for half a minute (optimistic), new peers and those with few pieces being likelier. While we
/// seed: each interested peer in turn for a quota of bytes or a minute, the fastest staying when nobody waits.
struct Choker: Sendable {
  /// Seconds between two calls of `rechoke`.
  static let round = 10.0
  static let optimisticSeconds = 30.0
  static let newPeerSeconds = 60.0
  static let newPeerWeight = 3
  static let turnSeconds = 60.0
  /// Seconds after which a peer that takes nothing has had its turn.
  static let idleSeconds = 20.0
  /// Every so many slots one is optimistic. Fewer than half, so that those who give stay ahead of those who
  /// do not; more than one in five, because what the swarm has to give is then spread more evenly.
  static let slotsPerOptimistic = 3

  /// Whom to tell what.
  struct Decisions: Sendable, Equatable {
    /// Unchoked peers to choke.
    var choke: [PeerSlot] = []
    /// Choked peers to unchoke.
    var unchoke: [PeerSlot] = []
  }

  /// What is remembered of a peer.
  struct Record: Sendable {
    var isPresent = false
    var isUnchoked = false
    var isInterested = false
    var joined = Instant(nanoseconds: 0)
    /// When it was choked or unchoked last.
    var changed = Instant(nanoseconds: 0)
    /// Since when its slot is an optimistic one.
    var optimistic: Instant?
    var uploadedBefore: Int64 = 0
  }

  /// Bytes that a peer gets in one turn while we seed: 20 pieces.
  let quota: Int64
  var records: [Record] = []
  var generator: SeededGenerator

  /// A choker of a torrent with pieces of `pieceLength` bytes.
  init(pieceLength: Int, random generator: SeededGenerator) {
    quota = 20 * Int64(pieceLength)
    self.generator = generator
  }

  /// A peer connected; it is choked.
  mutating func joined(_ peer: PeerSlot, now: Instant) {
    while records.count <= peer.index { records.append(Record()) }
    records[peer.index] = Record(isPresent: true, joined: now, changed: now)
  }

  /// A peer left; its slot is free at once.
  mutating func left(_ peer: PeerSlot) { records[peer.index] = Record() }

  /// Whether `peer` is unchoked, by all decisions so far.
  func isUnchoked(_ peer: PeerSlot) -> Bool { peer.index < records.count && records[peer.index].isUnchoked }

  /// Unchoked peers that are interested, as far as the choker was told.
  var occupied: Int { records.reduce(0) { $0 + ($1.isUnchoked && $1.isInterested ? 1 : 0) } }

  /// Whether a peer that becomes interested now may be unchoked without waiting for the round.
  func canUnchokeNow(slots: Int) -> Bool { occupied < slots }

  /// `peer` became interested: unchokes it at once if a slot is free. O(peers).
  ///
  /// - Returns: whether it must be told that it is unchoked.
  mutating func becameInterested(_ peer: ChokerPeer, now: Instant, slots: Int) -> Bool {
    let mayUnchoke = canUnchokeNow(slots: slots)
    records[peer.slot.index].isInterested = true
    guard mayUnchoke, !peer.isSnubbed, !isUnchoked(peer.slot) else { return false }
    unchoke(peer, now: now)
    records[peer.slot.index].optimistic = now
    return true
  }

  /// `peer` is interested no longer: its slot is free, though it stays unchoked until the next round.
  mutating func lostInterest(_ peer: PeerSlot) { records[peer.index].isInterested = false }

  mutating func unchoke(_ peer: ChokerPeer, now: Instant) {
    records[peer.slot.index].isUnchoked = true
    records[peer.slot.index].changed = now
    records[peer.slot.index].uploadedBefore = peer.uploaded
  }
}
