/// Puts an info dictionary together from pieces that peers send (BEP 9), and finds out who lies.
///
/// Peers that name the same size work on one copy together. When a copy of several authors turns out wrong,
/// everyone has to deliver a whole copy alone from then on: one that is wrong then has one author. Bounded: a
/// size over the limit is refused, and all copies together hold no more than two of the largest, but for the
/// best supported, whatever peers claim.
///
/// Sans-I/O: peers are numbers that the owner chooses and gives up with `left`; `now` is in nanoseconds of
/// any clock that only goes forward; whether a whole copy is right is for the owner to say (`settled`).
///
/// Files: +Requests (whom to ask for what), +Answers (what comes back).
public struct MetadataAssembly: Sendable {
  /// How much is accepted, asked for and waited for.
  public struct Limits: Hashable, Sendable {
    /// Bytes of an info dictionary.
    public var size = 32 << 20
    /// Requests in flight to one peer.
    public var perPeer = 4
    /// Peers that may be asked for the same piece, once each piece was asked for.
    public var duplicates = 2
    /// Nanoseconds after which a request does not keep others from asking for the same.
    public var grace: UInt64 = 2_000_000_000
    /// Nanoseconds until a request is taken to be lost.
    public var timeout: UInt64 = 10_000_000_000
    /// Nanoseconds until a peer is asked again after it refused or lost a request.
    public var patience: UInt64 = 20_000_000_000
    /// Refusals and lost requests after which a peer is of no use.
    public var failures = 4

    /// The defaults.
    public init() {}
  }

  /// A whole copy, whose hash the owner has to look at.
  public struct Copy: Hashable, Sendable {
    /// Names it for `settled`.
    public let number: Int
    /// The bytes.
    public let bytes: [UInt8]
  }

  /// What comes of what a peer did.
  public enum Outcome: Hashable, Sendable {
    /// Go on.
    case taken
    /// That completed a copy.
    case whole(Copy)
    /// Nobody asked this of the peer.
    case unrequested
    /// Not what the peer itself said before.
    case contradiction
    /// The peer gives nothing.
    case useless
  }

  /// Who works on a copy.
  enum Group: Hashable, Sendable {
    case together(size: Int)
    case alone(peer: Int)
  }

  struct Piece: Sendable {
    var bytes: [UInt8] = []
    var sender = -1
    /// Peers that are being asked for it, and since when.
    var asked: [(peer: Int, since: UInt64)] = []
  }

  struct Draft: Sendable {
    let number: Int
    let size: Int
    var pieces: [Piece]
    var missing: Int
    var held = 0
    /// Whether the owner looks at it.
    var isWhole = false
    var members: Set<Int> = []
  }

  struct Peer: Sendable {
    var size: Int
    var group: Group
    var asked: [(piece: Int, deadline: UInt64)] = []
    var failures = 0
    var pausedUntil: UInt64 = 0
  }

  let limits: Limits
  var peers: [Int: Peer] = [:]
  var drafts: [Group: Draft] = [:]
  /// Whether a copy of several authors was wrong: everybody works alone.
  public private(set) var isDistrustful = false
  private var nextNumber = 0

  /// An assembly that has nothing.
  public init(limits: Limits = Limits()) { self.limits = limits }

  /// The part of the dictionary that is here, 0 to 1: of the copy that is furthest.
  public var progress: Double {
    drafts.values.map { Double($0.pieces.count - $0.missing) / Double($0.pieces.count) }.max() ?? 0
  }

  /// Bytes that are held.
  public var heldBytes: Int { drafts.values.reduce(0) { $0 + $1.held } }

  /// Peers that can be asked.
  public var peerCount: Int { peers.count }

  /// A peer says that it has the dictionary, of `size` bytes. False if that cannot be.
  public mutating func joined(_ peer: Int, size: Int) -> Bool {
    guard size > 0, size <= limits.size else { return false }
    if let known = peers[peer] { return known.size == size }
    let group = isDistrustful ? Group.alone(peer: peer) : .together(size: size)
    peers[peer] = Peer(size: size, group: group)
    enter(peer, group, size)
    return true
  }

  /// A peer has gone. What it gave stays, unless nobody else works on it.
  public mutating func left(_ peer: Int) {
    guard let gone = peers.removeValue(forKey: peer) else { return }
    release(peer, gone)
    leave(peer, gone.group)
  }

  /// The owner has looked at a copy.
  ///
  /// - Returns: peers that are known to lie.
  public mutating func settled(_ number: Int, isRight: Bool) -> [Int] {
    guard let (group, draft) = drafts.first(where: { $0.value.number == number }), !isRight else { return [] }
    drafts[group] = nil
    let authors = Set(draft.pieces.map(\.sender))
    if authors.count > 1 { isDistrustful = true }
    for member in draft.members.sorted() {
      guard var peer = peers[member] else { continue }
      peer.asked.removeAll()
      if isDistrustful { peer.group = .alone(peer: member) }
      peers[member] = peer
      enter(member, peer.group, peer.size)
    }
    guard authors.count == 1, let liar = authors.first else { return [] }
    left(liar)
    return [liar]
  }

  private mutating func enter(_ peer: Int, _ group: Group, _ size: Int) {
    if drafts[group] == nil {
      nextNumber += 1
      let count = MetadataMessage.pieceCount(size)
      drafts[group] = Draft(
        number: nextNumber, size: size, pieces: [Piece](repeating: Piece(), count: count), missing: count)
    }
    drafts[group]?.members.insert(peer)
  }

  private mutating func leave(_ peer: Int, _ group: Group) {
    drafts[group]?.members.remove(peer)
    guard let draft = drafts[group], draft.members.isEmpty, !draft.isWhole else { return }
    // Somebody else may come with the same size: a shared copy is kept while there is no other.
    if case .together = group, !isDistrustful, draft.held > 0, drafts.count == 1 { return }
    drafts[group] = nil
  }

  /// What a peer was asked for goes to others.
  mutating func release(_ number: Int, _ peer: Peer) {
    for (piece, _) in peer.asked { drafts[peer.group]?.pieces[piece].asked.removeAll { $0.peer == number } }
  }
}
