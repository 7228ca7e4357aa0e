import Bytes
import FuzzDriver
import PeerProtocol

/// Peers that come, give, lie, refuse, stall and leave in the order that an input gives; afterwards an honest one
/// must still bring the whole, and nobody honest may have been called a liar.
struct MetadataScript {
  private static let right = (0..<5 * 16384 - 100).map { UInt8(truncatingIfNeeded: $0 &* 7) }
  private static let limits: MetadataAssembly.Limits = {
    var limits = MetadataAssembly.Limits()
    limits.size = 8 * 16384
    return limits
  }()

  private var core = MetadataAssembly(limits: limits)
  private var asked: [(peer: Int, piece: Int)] = []
  private var sizes: [Int: Int] = [:]
  private var now: UInt64 = 0
  private var isDone = false

  mutating func run(_ script: inout Script) {
    for _ in 0..<300 where !isDone {
      guard let operation = script.byte(), let argument = script.byte() else { break }
      step(Int(operation), Int(argument))
      precondition(core.heldBytes <= 3 * Self.limits.size)
    }
    for peer in 100..<110 where !isDone {
      now += 1 << 40
      for useless in core.expire(now: now) { core.left(useless) }
      precondition(core.joined(peer, size: Self.right.count))
      sizes[peer] = Self.right.count
      while !isDone, let piece = core.next(for: peer, now: now) { give(piece, from: peer) }
    }
    precondition(isDone)
  }

  /// Peers with an even number are honest.
  private mutating func step(_ operation: Int, _ argument: Int) {
    let peer = argument % 6
    switch operation % 8 {
    case 0:
      let size = peer % 2 == 0 ? Self.right.count : Self.right.count - argument / 64
      if core.joined(peer, size: size), sizes[peer] == nil { sizes[peer] = size }
    case 1, 2:
      if let piece = core.next(for: peer, now: now) { asked.append((peer, piece)) }
    case 3, 4:
      guard !asked.isEmpty else { return }
      let (peer, piece) = asked.remove(at: argument % asked.count)
      give(piece, from: peer)
    case 5:
      guard !asked.isEmpty else { return }
      let (peer, piece) = asked.remove(at: argument % asked.count)
      if core.rejected(piece, by: peer, now: now) == .useless { leave(peer) }
    case 6:
      now += UInt64(argument) * 200_000_000
      for useless in core.expire(now: now) { leave(useless) }
    default: leave(peer)
    }
  }

  private mutating func leave(_ peer: Int) {
    core.left(peer)
    sizes[peer] = nil
  }

  private mutating func give(_ piece: Int, from peer: Int) {
    guard let size = sizes[peer], let range = MetadataMessage.range(of: piece, size: size) else { return }
    let bytes = peer % 2 == 0 ? Array(Self.right[range]) : [UInt8](repeating: 0xee, count: range.count)
    guard case .whole(let copy) = core.received(piece, total: size, bytes.rawBytes, from: peer) else {
      return
    }
    isDone = copy.bytes == Self.right
    let liars = core.settled(copy.number, isRight: isDone)
    precondition(liars.allSatisfy { $0 % 2 == 1 })
    for liar in liars { leave(liar) }
  }
}
