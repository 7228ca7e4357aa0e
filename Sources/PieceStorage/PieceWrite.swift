public import Bytes
public import Digest
public import EventLoop
import Metainfo

/// A whole piece in memory: checked, then written once. Submit it to a `DiskPool`; those that wait there
/// together are hashed side by side.
///
/// Unchecked `Sendable`: the disk thread has it between submission and delivery, the loop before and
/// after.
public final class PieceWrite: DiskJob, Completion, @unchecked Sendable {
  /// What became of the piece.
  public enum Outcome: Sendable, Equatable {
    /// The content is right and written, not yet synced: ours after the next `SyncEpoch` with it.
    case written
    /// The content is wrong; nothing was written. The blocks known to be bad by their index; empty if
    /// the torrent does not say which.
    case mismatch(badBlocks: [Int])
    /// The content is right but could not be written. `buffer` still has it: submit it again later.
    case failed(StorageError)
  }

  /// The piece.
  public let piece: Int
  /// Its bytes. Space of pad files in it is zeroed, whatever was received for it.
  public let buffer: PieceBuffer
  /// What it must hash to.
  public let expected: PieceExpectation
  /// Whether `blockDigests` is wanted for a good piece as well: to find out who lied before.
  public var wantsBlockDigests = false
  /// The SHA-256 of each 16 KiB of the piece's content (the leaves of its tree, in v2), after a
  /// mismatch or if they were wanted: to compare who sent what.
  public private(set) var blockDigests: [SHA256Digest] = []
  /// Leaves that are known to have the digests in `expected.leaves`: they are not hashed again, but for v1.
  public var checkedLeaves: Bitfield?
  /// The leaf hashes of a good piece (BEP 52), for peers that ask for them; empty in v1.
  public private(set) var leaves: [SHA256Digest] = []
  /// The result; `nil` before it is delivered.
  public private(set) var outcome: Outcome?
  /// Whether the content is right, once it was checked; and which blocks are known to be bad.
  private var verdict: (isGood: Bool, badBlocks: [Int]) = (false, [])
  private let storage: TorrentStorage
  private let journal: ResumeJournal?
  private let loop: Loop
  private var then: ((isolated Loop, PieceWrite) -> Void)?

  /// A piece to be checked and written.
  ///
  /// - Parameters:
  ///   - piece: which one.
  ///   - buffer: its bytes, `pieceSize` of them; not to be touched until the result is there.
  ///   - storage: the torrent's files.
  ///   - journal: learns that the piece is about to be written, so that a crash leaves a trace of it.
  ///   - expected: what it must hash to.
  ///   - loop: where the result goes.
  ///   - then: called there, once for each submission.
  public init(
    piece: Int, buffer: PieceBuffer, storage: TorrentStorage, journal: ResumeJournal?,
    expected: PieceExpectation, loop: Loop, then: @escaping (isolated Loop, PieceWrite) -> Void
  ) {
    self.piece = piece
    self.buffer = buffer
    self.storage = storage
    self.journal = journal
    self.expected = expected
    self.loop = loop
    self.then = then
  }

  /// Checks and writes, then delivers itself.
  public func run(on thread: DiskThread) {
    thread.writes.append(self)
    Self.runAll(on: thread)
  }

  /// Checks the pieces that the thread has, up to 16, side by side; then writes one after the other, and each
  /// delivers itself and is let go of.
  static func runAll(on thread: DiskThread) {
    let hasher = thread.hasher
    for (lane, write) in thread.writes.enumerated() { write?.begin(hasher, lane) }
    hasher.update()
    for (lane, write) in thread.writes.enumerated() { write?.judge(hasher, lane) }
    for index in thread.writes.indices {
      guard let write = thread.writes[index].take() else { continue }
      write.outcome = write.finish(hasher)
      write.loop.deliver(write)
    }
    thread.writes.removeAll(keepingCapacity: true)
  }

  /// Tells the owner.
  public func complete(on loop: isolated Loop) {
    guard let then else { return }
    // Kept only if a new submission is sensible; else what it holds is let go of on its own loop.
    if case .failed = outcome {} else { self.then = nil }
    then(loop, self)
  }

  /// Drops the closure: for an owner that does not submit a failed piece again.
  public func abandon() { then = nil }

  private func begin(_ hasher: PieceHasher, _ lane: Int) {
    var offset = 0
    if storage.hasPadding {
      for segment in storage.info.segmentSequence(piece: piece, offset: 0, length: buffer.count) {
        if segment.isPadding { buffer.zero(offset..<offset + segment.length) }
        offset += segment.length
      }
    }
    hasher.begin(lane: lane, v1: expected.v1 != nil, treeLength: expected.checkedTreeLength)
    if let checkedLeaves, let leaves = expected.leaves, expected.root != nil {
      hasher.know(leaves, checked: checkedLeaves, lane: lane)
    }
    unsafe hasher.set(UnsafeRawBufferPointer(buffer.memory), lane: lane)
  }

  private func judge(_ hasher: PieceHasher, _ lane: Int) {
    // The leaves before the root, which is built over them.
    if expected.root != nil {
      leaves = expected.leaves ?? (0..<hasher.leafCount(lane: lane)).map { hasher.leaf($0, lane: lane) }
    }
    let badBlocks = badBlocks(hasher, lane)
    verdict = (hasher.matches(expected, lane: lane), badBlocks)
    if !verdict.isGood { leaves = [] }
  }

  private func finish(_ hasher: PieceHasher) -> Outcome {
    if !verdict.isGood || wantsBlockDigests { blockDigests = digests(hasher) }
    guard verdict.isGood else { return .mismatch(badBlocks: verdict.badBlocks) }
    do throws(StorageError) {
      try journal?.willWrite(piece)
      try unsafe storage.write(piece: piece, UnsafeRawBufferPointer(buffer.memory))
      try journal?.didWrite(piece)
    } catch {
      return .failed(error)
    }
    return .written
  }

  private func badBlocks(_ hasher: PieceHasher, _ lane: Int) -> [Int] {
    guard let leaves = expected.leaves, expected.root != nil else { return [] }
    return (0..<min(leaves.count, hasher.leafCount(lane: lane))).filter {
      hasher.leaf($0, lane: lane) != leaves[$0]
    }
  }

  /// Taken anew: the tree was built over them, or there was none. Rare.
  private func digests(_ hasher: PieceHasher) -> [SHA256Digest] {
    let length = expected.treeLength > 0 ? min(expected.treeLength, buffer.count) : buffer.count
    hasher.begin(v1: false, treeLength: length)
    unsafe hasher.take(UnsafeRawBufferPointer(rebasing: buffer.memory[..<length]))
    return (0..<hasher.leafCount()).map { hasher.leaf($0) }
  }
}
