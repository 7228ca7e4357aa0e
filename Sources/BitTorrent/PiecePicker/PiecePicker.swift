import Bytes

/// Decides which blocks to ask which peer for (BEP 3), as a value without socket, clock or peer.
///
/// The order of choice, for one peer: pieces with deadlines, the nearest first; its own open piece; open pieces that slower peers share; a new piece,
/// the most urgent first and of those the rarest, or the first (`PickerOptions.isSequential`); open pieces of
/// other peers; and when no block is left that it could serve, blocks that
/// a much slower peer holds. A piece is *free* (may be begun), *open* (under way, or whole and in
/// verification), *ours*, or *skipped*. An open piece needs a buffer from its first block received until it
/// is verified, failed or discarded, so `PickerOptions.maximumOpenPieces` bounds memory.
///
/// Per block it costs O(1): nothing is allocated once the arrays have grown to their size. What only reads
/// and is called on the way is inlined always, or each call would retain and release all the arrays.
struct PiecePicker: Sendable {
  /// One open piece.
  struct OpenPiece: Sendable {
    var piece: Int32
    var blockCount: Int32
    /// Blocks that nobody was asked for.
    var free: Int32
    var received: Int32 = 0
    /// The peer that has it for itself, -1 if none.
    var owner: Int32 = -1
    /// The index in `shared` or `owned`, -1 if no block is free.
    var place: Int32 = -1
    /// No word of free blocks before it has a bit set.
    var firstWord: Int32 = 0
    /// When it should be here, in nanoseconds of the clock; `.max` if it has no deadline.
    var deadline = UInt64.max
    var isVerifying: Bool { received == blockCount }
  }

  /// One request: a link in its peer's queue and in its block's chain.
  struct Request: Sendable {
    var block: Int32
    var peer: Int32
    var next: Int32
    var previous: Int32
    var sibling: Int32
  }

  /// What is known of one peer.
  struct Peer: Sendable {
    var isJoined = false
    /// Counted in `seeds`, not piece by piece.
    var isSeed = false
    var isSnubbed = false
    var isMeasured = false
    /// Sent a part of a piece that failed: it is given whole pieces for itself, until one passes.
    var isOnParole = false
    /// Seconds that it takes for a block; a guess until a rate was measured.
    var blockSeconds = 1.0
    /// Its requests, the oldest first.
    var head: Int32 = -1
    var tail: Int32 = -1
    var outstanding = 0
    /// The open slot that it owns and that has free blocks, -1 if none.
    var owned: Int32 = -1
  }

  static let noRequest: Int32 = -1
  static let isReceived: Int32 = -2
  static let mostCredit = 1 << 16
  /// What a block that comes in adds to `credit`, and a peer that is measured.
  static let creditPerBlock = 32
  static let creditPerMeasure = 256

  /// How pieces divide into blocks.
  let geometry: PieceGeometry
  /// How it chooses; may be changed at any time. A lower limit of open pieces closes none.
  var options: PickerOptions
  /// Pieces that are ours.
  var have: Bitfield
  /// Pieces that are wanted and not ours: what interest is about. Those of padding alone are not in it.
  var missing: Bitfield
  /// Connected peers that had everything when they joined.
  var seeds = 0
  /// Peers on parole.
  var paroled = 0
  /// Open pieces, those in verification included.
  var openCount = 0
  /// Open pieces that are whole and wait for `pieceVerified` or `pieceFailed`.
  var verifyingCount = 0

  var order: RarityOrder
  var generator: SeededGenerator
  /// Pieces that failed and were not verified since: only one peer at a time fetches them.
  var doubtful: Bitfield
  let blockStride: Int
  let wordStride: Int
  var opened: [OpenPiece] = []
  var vacantOpen: [Int32] = []
  var slots: [Int32]
  /// Per open slot and block: its first request, or one of the two marks above.
  var chains: [Int32] = []
  var freeBlocks: [UInt64] = []
  /// Open slots with free blocks that nobody owns, and that somebody owns.
  var shared: [Int32] = []
  var owned: [Int32] = []
  var requests: [Request] = []
  var vacantRequest: Int32 = -1
  var peers: [Peer] = []
  /// Missing pieces with deadlines, the nearest first.
  var urgent: [Deadline] = []
  /// Whether the last choice found a piece with a deadline and no buffer for it.
  var lacksRoom = false
  var walked = 0
  /// Steps that looking for slow requests may take until more blocks come; see `slowestBlock`.
  var credit = Self.mostCredit

  /// A picker that wants every piece outside `have`. O(pieces).
  init(
    geometry: PieceGeometry, have: Bitfield, random generator: SeededGenerator,
    options: PickerOptions = PickerOptions()
  ) {
    precondition(have.count == geometry.pieceCount)
    self.geometry = geometry
    self.have = have
    self.generator = generator
    self.options = options
    blockStride = geometry.maximumBlocks
    wordStride = (geometry.maximumBlocks + 63) / 64
    missing = Bitfield(count: geometry.pieceCount)
    doubtful = Bitfield(count: geometry.pieceCount)
    slots = [Int32](repeating: -1, count: geometry.pieceCount)
    order = RarityOrder(pieceCount: geometry.pieceCount)
    for piece in 0..<geometry.pieceCount where !have[piece] && geometry.blockCount(piece) > 0 {
      missing[piece] = true
      order.insert(piece)
    }
    order.shuffle(using: &self.generator)
  }

  /// Whether every wanted piece is ours.
  var isDone: Bool { missing.isEmpty }

  /// Whether no block is left that was asked of nobody and that somebody could serve. O(1).
  var isEndgame: Bool {
    @inline(__always) get {
      shared.isEmpty && owned.isEmpty && (order.isEmpty || (seeds == 0 && !order.hasAvailable))
    }
  }

  /// Blocks requested from `peer` and neither received nor released.
  func outstanding(_ peer: PeerSlot) -> Int { peer.index < peers.count ? peers[peer.index].outstanding : 0 }

  /// Connected peers that have `piece`.
  func availability(_ piece: Int) -> Int { Int(order.availability[piece]) + seeds }

  /// How much `piece` is wanted.
  @inline(__always)
  func priority(_ piece: Int) -> PiecePriority { order.priorities[piece] }

  /// Whether `piece` failed and was not verified since. Only one peer at a time is asked for it, as far as
  /// others have something else to do, so that a second failure names the liar.
  func isDoubtful(_ piece: Int) -> Bool { doubtful[piece] }

  /// Whether `piece` is open and not whole yet.
  func isGathering(_ piece: Int) -> Bool {
    slots[piece] >= 0 && !opened[Int(slots[piece])].isVerifying
  }

  /// Pieces, requests and peers looked at so far: what the choices cost, for metrics and tests.
  var steps: Int { order.steps + walked }

  /// The peers that `block` is requested from. O(requesters), allocates: for tests and displays.
  func requesters(of block: Block) -> [PeerSlot] {
    var found: [PeerSlot] = []
    guard let slot = slot(of: block) else { return [] }
    var request = chains[chainIndex(slot, block.index)]
    while request >= 0 {
      found.append(PeerSlot(requests[Int(request)].peer))
      request = requests[Int(request)].sibling
    }
    return found
  }

  /// The open slot of the piece of a block that exists, if the piece is open.
  @inline(__always)
  func slot(of block: Block) -> Int? {
    let piece = Int(block.piece)
    guard piece >= 0, piece < slots.count, block.index >= 0, slots[piece] >= 0 else { return nil }
    let slot = Int(slots[piece])
    return block.index < opened[slot].blockCount ? slot : nil
  }

  /// The index in `chains` of a block of an open slot.
  @inline(__always)
  func chainIndex(_ slot: Int, _ index: Int32) -> Int { slot * blockStride + Int(index) }
}
