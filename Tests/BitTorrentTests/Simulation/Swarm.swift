import Bytes
import EventLoop

@testable import BitTorrent

/// A whole swarm in virtual time: peers, their links, a tracker, and what is to happen next. The same
/// scenario and seed give the same run, event by event.
final class Swarm {
  // The engine's settings, and what a machine takes for its disk.
  static let halfOpen = 20
  static let allowedFastCount = 10
  static let writeSeconds = 0.005
  static let syncSeconds = 0.02

  let scenario: Scenario
  let geometry: PieceGeometry
  var random: SeededGenerator
  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var peers: [SimulatedPeer] = []
  private var connections: [SimulatedConnection] = []
  private var queue = EventQueue()
  private var present: [Int] = []
  private var unfinished = 0
  private(set) var events = 0
  let hasLiars: Bool
  /// What the tracker knows of who gives most.
  private let ranks: SimulatedRanks
  /// What the uplinks did, if the run was told to look.
  private(set) var curve = SwarmCurve()

  init(_ scenario: Scenario, seed: UInt64) {
    self.scenario = scenario
    random = SeededGenerator(seed: seed)
    geometry = PieceGeometry(
      length: scenario.pieces * scenario.blocks * Block.size, pieceLength: scenario.blocks * Block.size)
    ranks = SimulatedRanks(scenario)
    hasLiars = scenario.members.contains { $0.character == .liar }
    for (number, member) in scenario.members.enumerated() {
      peers.append(SimulatedPeer(number, member, in: self))
      plan(.join, after: member.joins, number)
      if Self.counts(member) { unfinished += 1 }
    }
  }

  /// Whether the run waits for this one to finish.
  static func counts(_ member: Scenario.Member) -> Bool {
    !member.isSeed && member.pieces.isEmpty
  }

  /// Virtual seconds since the start.
  var seconds: Double { Double(now.nanoseconds - 1_000_000_000) / 1e9 }

  /// Runs until all have everything, or the scenario's limit.
  func run(sampling interval: Double? = nil) -> SwarmReport {
    var next = interval ?? .infinity
    while unfinished > 0, seconds < scenario.limit, let event = queue.next() {
      now = Instant(nanoseconds: event.time)
      if let interval, seconds >= next {
        curve.sample(self)
        next += interval
      }
      events += 1
      handle(event)
    }
    let report = SwarmReport(self)
    // Peers and connections refer to each other and to the swarm.
    for connection in connections { connection.other = nil }
    for peer in peers {
      peer.connections = []
      peer.ring = []
      peer.sending = nil
    }
    connections = []
    peers = []
    return report
  }

  private func handle(_ event: SimulatedEvent) {
    let target = Int(event.target)
    switch event.kind {
    case .join: peers[target].join()
    case .leave: peers[target].leave()
    case .tick: peers[target].tick()
    case .sent: peers[target].sent()
    case .written: if peers[target].isPresent { peers[target].written(Int(event.piece)) }
    case .epoch: if peers[target].isPresent { peers[target].epochIfDue() }
    case .synced: if peers[target].isPresent { peers[target].synced() }
    case .greeted: peers[target].greeted(peers[Int(event.piece)])
    default:
      let end = connections[target]
      if event.kind == .block, let other = end.other { other.owner.acknowledged(other) }
      if end.isOpen { end.owner.handle(event, end) }
    }
  }

  func plan(
    _ kind: SimulatedEvent.Kind, after seconds: Double, _ target: Int, piece: Int32 = 0, index: Int32 = 0
  ) {
    queue.plan(kind, at: (now + seconds).nanoseconds, target, piece: piece, index: index)
  }

  func plan(
    _ kind: SimulatedEvent.Kind, at time: UInt64, _ target: Int, piece: Int32, index: Int32
  ) {
    queue.plan(kind, at: time, target, piece: piece, index: index)
  }

  // MARK: The network

  /// Seconds from one peer to another.
  func delay(_ one: Int, _ other: Int) -> Double { peers[one].member.delay + peers[other].member.delay }

  func connection(of peer: SimulatedPeer, delay: Double) -> SimulatedConnection {
    let slot = peer.freeSlot()
    let connection = SimulatedConnection(connections.count, of: peer, slot: slot, delay: delay, now: now)
    connections.append(connection)
    if slot.index == peer.connections.count {
      peer.connections.append(connection)
    } else {
      peer.connections[slot.index] = connection
    }
    return connection
  }

  // MARK: The tracker

  /// Tells a peer of some others, and others of it.
  func announce(_ peer: SimulatedPeer) {
    peer.lastAnnounce = seconds
    var some = present.filter { $0 != peer.number }
    let count = min(scenario.announced, some.count)
    for place in 0..<count {
      some.swapAt(place, place + random.number(below: some.count - place))
    }
    peer.learn(ranks.put(peer, Array(some.prefix(count)), isChoice: count < some.count, in: self))
    if !present.contains(peer.number) { present.append(peer.number) }
  }

  func left(_ peer: SimulatedPeer) {
    present.removeAll { $0 == peer.number }
    if Self.counts(peer.member), peer.finished == nil { unfinished -= 1 }
  }

  func finished(_ peer: SimulatedPeer) { if Self.counts(peer.member) { unfinished -= 1 } }
}
