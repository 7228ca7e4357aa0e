import Bytes

/// Which pieces a seed suggests to whom (BEP 6), so that each leaves it once before any leaves it twice: what
/// super-seeding (BEP 16) is for, without hiding anything. Only pieces that no connected peer has are
/// suggested, each to one peer at a time; of the others the peers themselves find the rarest.
///
/// A peer that follows gets pieces from us that nobody has; one that does not loses nothing. As a value
/// without peers; the torrent sends what it says.
struct Suggestions: Sendable {
  /// Suggestions that a peer has and has not begun to follow: with fewer it might run out of them while the
  /// next is on its way.
  static let ahead = 3

  /// The pieces that were suggested to somebody who is unchoked and has not got them yet.
  private var given: [Bool] = []
  /// Per peer: suggestions that wait to be followed, and those that it follows and has not finished.
  private var waiting: [[Int32]] = []
  private var begun: [[Int32]] = []
  private var cursor = 0
  /// Whether nothing was found, and nobody was choked or left since.
  private var isOver = false
  private var generator: SeededGenerator

  /// Takes no memory before the first suggestion.
  init(random generator: SeededGenerator) { self.generator = generator }

  /// The next piece to suggest to `peer`, if it has too few suggestions; call until `nil`. O(pieces), but
  /// O(1) amortised while there are pieces that were never suggested, and O(1) once there are none.
  ///
  /// - Parameters:
  ///   - peer: one that we have unchoked, or are about to.
  ///   - has: what it has.
  ///   - availability: how many connected peers have a piece.
  /// - Returns: the piece, which counts as suggested from now on.
  mutating func next(for peer: PeerSlot, has: Bitfield, availability: (Int) -> Int) -> Int? {
    guard !isOver, !has.isFull else { return nil }
    if given.isEmpty {
      given = [Bool](repeating: false, count: has.count)
      cursor = generator.number(below: has.count)
    }
    while waiting.count <= peer.index {
      waiting.append([])
      begun.append([])
    }
    guard waiting[peer.index].count < Self.ahead else { return nil }
    for step in 0..<given.count {
      let piece = cursor + step < given.count ? cursor + step : cursor + step - given.count
      guard !given[piece], !has[piece], availability(piece) == 0 else { continue }
      given[piece] = true
      waiting[peer.index].append(Int32(piece))
      cursor = piece + 1 < given.count ? piece + 1 : 0
      return piece
    }
    isOver = true
    return nil
  }

  /// `peer` asks for a block of `piece`. Whether that begins a suggestion, so that the next is due.
  mutating func asked(_ piece: Int, _ peer: PeerSlot) -> Bool {
    guard peer.index < waiting.count, let place = waiting[peer.index].firstIndex(of: Int32(piece)) else {
      return false
    }
    begun[peer.index].append(waiting[peer.index].remove(at: place))
    return true
  }

  /// `peer` has `piece` now. Whether it was suggested, so that the next may be due.
  mutating func gained(_ piece: Int, _ peer: PeerSlot) -> Bool {
    guard peer.index < waiting.count else { return false }
    if let place = begun[peer.index].firstIndex(of: Int32(piece)) {
      begun[peer.index].remove(at: place)
    } else if let place = waiting[peer.index].firstIndex(of: Int32(piece)) {
      waiting[peer.index].remove(at: place)
    } else {
      return false
    }
    given[piece] = false
    return true
  }

  /// `peer` is choked or has left: what it has not got may be suggested to others.
  mutating func withdrawn(_ peer: PeerSlot) {
    isOver = false
    guard peer.index < waiting.count else { return }
    for piece in waiting[peer.index] { given[Int(piece)] = false }
    for piece in begun[peer.index] { given[Int(piece)] = false }
    waiting[peer.index].removeAll(keepingCapacity: true)
    begun[peer.index].removeAll(keepingCapacity: true)
  }
}
