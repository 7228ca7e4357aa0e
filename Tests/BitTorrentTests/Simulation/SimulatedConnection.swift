import Bytes
import EventLoop

@testable import BitTorrent

/// One end of a connection: what `PeerConnection` keeps, without a socket.
final class SimulatedConnection {
  /// A message or a block that waits to be sent.
  struct Outgoing {
    let kind: SimulatedEvent.Kind
    let piece: Int32
    let index: Int32
    /// Whether it may not overtake blocks, because it is about these.
    var isInOrder: Bool { kind == .choke }
  }

  let number: Int
  let owner: SimulatedPeer
  let slot: PeerSlot
  /// The other end; `nil` once the connection is closed.
  var other: SimulatedConnection?
  var isOpen = true
  /// Seconds to the other end.
  let delay: Double

  // What the peer has and wants, what we told it.
  var has: Bitfield
  var peerIsChoking = true
  var peerIsInterested = false
  var isChoking = true
  var isInterested = false

  // What we ask for.
  var window = RequestWindow(peerLimit: 2000, limit: 2000)
  var asked = RequestLog()
  var allowedFast: [Int32] = []
  var suggested: [Int32] = []
  var isSnubbed = false
  var late = 0
  var lastBlock: Instant

  // What it asks for: not yet read from the disk, then in order of sending.
  var uploads: [Block] = []
  var uploadAllowed: [Int32] = []
  var outbox: [Outgoing] = []
  var outboxFirst = 0
  /// Messages in `outbox` that nothing may overtake.
  var inOrder = 0
  /// Blocks in `outbox`.
  var committed = 0
  /// Blocks that left and have not arrived.
  var inFlight = 0
  var isQueued = false
  var lastArrival: UInt64 = 0

  // Accounts.
  var down: RateMeter
  var up: RateMeter
  var downloaded: Int64 = 0
  var uploaded: Int64 = 0
  var slotUse = SlotUse()

  init(_ number: Int, of owner: SimulatedPeer, slot: PeerSlot, delay: Double, now: Instant) {
    self.number = number
    self.owner = owner
    self.slot = slot
    self.delay = delay
    has = Bitfield(count: owner.have.count)
    down = RateMeter(now: now)
    up = RateMeter(now: now)
    lastBlock = now
  }

  /// As `PeerConnection.patience`.
  var patience: Double {
    if isSnubbed { return 60 }
    return downloaded > 0 ? 20 : 30
  }

  /// As `PeerConnection.chokerView`.
  func chokerView(now: Instant) -> ChokerPeer {
    ChokerPeer(
      slot: slot, isInterested: peerIsInterested, isSnubbed: isSnubbed, downloadRate: down.rate(now: now),
      uploadRate: up.rate(now: now), pieces: has.ones, uploaded: uploaded)
  }

  /// As `PeerConnection.isServed`.
  var isServed: Bool { uploads.isEmpty && committed == 0 && inFlight == 0 }

  var hasOutgoing: Bool { outboxFirst < outbox.count }

  func takeOutgoing() -> Outgoing {
    let item = outbox[outboxFirst]
    outboxFirst += 1
    if item.isInOrder { inOrder -= 1 }
    if outboxFirst == outbox.count {
      outbox.removeAll(keepingCapacity: true)
      outboxFirst = 0
    }
    return item
  }
}
