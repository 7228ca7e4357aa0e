import Bytes
import EventLoop

@testable import BitTorrent

/// One client: the engine's own picker, choker, windows, meters and epochs, driven by the same calls in
/// the same order as `Torrent` and `PeerConnection` make them, on a virtual link.
///
/// Files as in the engine: +Messages (what each message does), +Requests (what to ask for), +Blocks (from
/// a block to a piece that is announced), +Uploads (what is asked of us, and the link), +Clock.
final class SimulatedPeer {
  let swarm: Swarm
  let number: Int
  let member: Scenario.Member
  var isPresent = false

  // Pieces.
  var picker: PiecePicker
  /// Verified and durable: what is served and announced.
  var have: Bitfield
  var isSeeding = false
  var epoch = EpochSchedule()
  var syncing: [Int] = []
  var piecesInDisk = 0
  /// Who sent which block of each open piece, kept only where somebody lies.
  var senders: [Int: [Int32: Int]] = [:]
  /// Senders of pieces that failed, until the piece passes.
  var suspects: [Int: Set<Int>] = [:]

  // Peers.
  var connections: [SimulatedConnection?] = []
  var freeSlots: [PeerSlot] = []
  var connecting = 0
  var linked: Set<Int> = []
  var banned: Set<Int> = []
  var known: [Int] = []
  var lastAnnounce = -1000.0
  var choker: Choker
  var suggestions: Suggestions
  var chokerPeers: [ChokerPeer] = []
  var others: [PeerSlot] = []
  var blocksToPick: [Block] = []

  // The link.
  var ring: [SimulatedConnection] = []
  var ringFirst = 0
  var sending: SimulatedConnection?
  var downFree: UInt64 = 0

  // Accounts.
  var up: RateMeter
  var bestUpRate = 0.0
  var idleSlots = 0
  var lastSlots = 0
  var lastSecond: Instant
  var lastRechoke = Instant(nanoseconds: 0)
  var joined = 0.0
  var finished: Double?
  /// When all but one piece were here.
  var almost: Double?
  var received = 0
  var duplicates = 0
  var failedPieces = 0
  var uploaded = 0
  var blocksSent = 0
  /// Blocks of each piece that were sent.
  var sentPieces: [Int]

  init(_ number: Int, _ member: Scenario.Member, in swarm: Swarm) {
    self.swarm = swarm
    self.number = number
    self.member = member
    have = Bitfield(count: swarm.geometry.pieceCount, allSet: member.isSeed)
    sentPieces = [Int](repeating: 0, count: swarm.geometry.pieceCount)
    for piece in member.pieces { have[piece] = true }
    picker = PiecePicker(
      geometry: swarm.geometry, have: have, random: SeededGenerator(seed: swarm.random.next()))
    choker = Choker(
      pieceLength: swarm.geometry.pieceLength, random: SeededGenerator(seed: swarm.random.next()))
    suggestions = Suggestions(random: SeededGenerator(seed: swarm.random.next()))
    isSeeding = have.isFull
    up = RateMeter(now: swarm.now)
    lastSecond = swarm.now
  }

  var now: Instant { swarm.now }
  var connectionCount: Int { connections.count - freeSlots.count }

  func forEachPeer(_ body: (SimulatedConnection) -> Void) {
    for case let peer? in connections where peer.isOpen { body(peer) }
  }

  // MARK: Joining and leaving

  func join() {
    isPresent = true
    joined = swarm.seconds
    swarm.announce(self)
    connectMore()
    swarm.plan(.tick, after: 0.5 * swarm.random.fraction(), number)
  }

  func leave() {
    guard isPresent else { return }
    isPresent = false
    swarm.left(self)
    forEachPeer { close($0) }
  }

  func learn(_ peers: [Int]) { for peer in peers where !known.contains(peer) { known.append(peer) } }

  func connectMore() {
    while connecting < Swarm.halfOpen, connectionCount + connecting < swarm.scenario.connections,
      !known.isEmpty
    {
      // Who asked for the best takes them in their order.
      let other = known.remove(at: member.asksForBest ? 0 : swarm.random.number(below: known.count))
      guard other != number, !linked.contains(other), !banned.contains(other) else { continue }
      connecting += 1
      linked.insert(other)
      swarm.plan(.greeted, after: 3 * swarm.delay(number, other), number, piece: Int32(other))
    }
  }

  /// The greeting with `other` is over; it may have no room for us, or have gone.
  func greeted(_ other: SimulatedPeer) {
    connecting -= 1
    guard isPresent, other.isPresent, !other.linked.contains(number), !other.banned.contains(number),
      other.connectionCount < swarm.scenario.connections
    else {
      if !other.linked.contains(number) { linked.remove(other.number) }
      return
    }
    other.linked.insert(number)
    let delay = swarm.delay(number, other.number)
    let mine = swarm.connection(of: self, delay: delay)
    let theirs = swarm.connection(of: other, delay: delay)
    (mine.other, theirs.other) = (theirs, mine)
    for end in [mine, theirs] {
      end.owner.picker.join(end.slot, has: end.has)
      end.owner.choker.joined(end.slot, now: now)
    }
    for end in [mine, theirs] { end.owner.sendOpening(end) }
  }

  func freeSlot() -> PeerSlot { freeSlots.popLast() ?? PeerSlot(Int32(connections.count)) }

  /// Our side ends the connection; the other hears of it.
  func close(_ peer: SimulatedConnection) {
    guard peer.isOpen else { return }
    if let other = peer.other { swarm.plan(.closed, after: peer.delay, other.number) }
    closed(peer)
  }

  /// As `Torrent.closed`.
  func closed(_ peer: SimulatedConnection) {
    guard peer.isOpen else { return }
    peer.isOpen = false
    connections[peer.slot.index] = nil
    freeSlots.append(peer.slot)
    if let other = peer.other { linked.remove(other.owner.number) }
    picker.leave(peer.slot, has: peer.has)
    choker.left(peer.slot)
    suggestions.withdrawn(peer.slot)
    guard isPresent else { return }
    fillAll()
    if !peer.isChoking { rechoke() }
  }
}

extension SeededGenerator {
  /// A number from 0 up to but not 1.
  mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
