public import Bytes

/// The digests of up to 16 pieces at once, taken as their bytes pass by: SHA-1 for v1, the Merkle tree of
/// 16 KiB leaves for v2, or both, each byte read once. Reused from piece to piece: no allocation after the
/// first. Confined to one thread.
///
/// Each piece has a lane. `begin` it; `set` its next bytes and `update`, again and again; read `v1` and
/// `root`. Trees fill the vector lanes with the leaves of one piece; SHA-1 needs several pieces for that.
@safe
public final class PieceHasher {
  /// Pieces at once.
  public static let width = SHA1Lanes.width
  /// What goes through both digests before the next bytes do, so that the second finds it in the cache.
  private static let stripe = 256 << 10

  @safe
  private struct Lane {
    var hasV1 = false
    /// Bytes of the piece that the tree has yet to take in.
    var treeLeft = 0
    var leafCount = 0
    /// Digests of leaves, and which of them are known to be right: those are not hashed.
    var known: [SHA256Digest] = []
    var isKnown: Bitfield?
    /// What was set.
    var bytes = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    /// Digests of the leaves, in wire form; the tree is built in place over them.
    var row = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }

  private var sha1 = SHA1Lanes()
  private var sha256 = SHA256Lanes()
  private var lanes: [Lane]
  /// Which leaf of which piece each lane of `sha256` has.
  private var leaves: [(lane: Int, index: Int)]
  private var queued = 0
  /// Lanes whose SHA-1 is not ended yet.
  private var running = 0..<0

  /// A hasher, with all that it needs but for rows of leaves.
  public init() {
    lanes = [Lane](repeating: Lane(), count: Self.width)
    leaves = [(lane: Int, index: Int)](repeating: (0, 0), count: SHA256Lanes.width)
  }

  deinit { for lane in lanes { unsafe lane.row.deallocate() } }

  /// Starts a piece. `treeLength`: how many of its first bytes are under its Merkle tree; 0 for v1.
  public func begin(lane: Int = 0, v1: Bool, treeLength: Int) {
    lanes[lane].hasV1 = v1
    lanes[lane].treeLeft = treeLength
    lanes[lane].leafCount = 0
    lanes[lane].isKnown = nil
    unsafe lanes[lane].bytes = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    if v1 {
      sha1.begin(lane: lane)
      running =
        running.isEmpty ? lane..<lane + 1 : min(running.lowerBound, lane)..<max(running.upperBound, lane + 1)
    }
    let size = (MerkleTree.leafCount(Int64(treeLength)) + 1) * SHA256Digest.byteCount
    guard treeLength > 0, unsafe size > lanes[lane].row.count else { return }
    unsafe lanes[lane].row.deallocate()
    unsafe lanes[lane].row = .allocate(byteCount: size, alignment: 16)
  }

  /// Names the next bytes of the piece in `lane`; they must stay until `update`. Any number, but where they
  /// are under a tree a multiple of 16 KiB unless they reach its end.
  public func set(_ bytes: UnsafeRawBufferPointer, lane: Int) { unsafe lanes[lane].bytes = bytes }

  /// Tells digests of leaves of the piece in `lane`: those whose bit is set in `checked` were found right before
  /// and are taken as they are; their bytes count for v1 only.
  public func know(_ leaves: [SHA256Digest], checked: Bitfield, lane: Int) {
    lanes[lane].known = leaves
    lanes[lane].isKnown = checked
  }

  /// Takes in what was set. O(bytes).
  public func update() {
    var count = 0
    var hasBoth = false
    for lane in lanes where unsafe !lane.bytes.isEmpty {
      count += 1
      if lane.hasV1, lane.treeLeft > 0 { hasBoth = true }
    }
    guard count > 0 else { return }
    let size = MerkleTree.leafSize
    let step = hasBoth ? max(1, Self.stripe / size / count) * size : .max
    while takeStripe(step) {}
    endLeaves()
  }

  /// The next bytes of a single piece: `set` and `update`.
  public func take(_ bytes: UnsafeRawBufferPointer) {
    unsafe set(bytes, lane: 0)
    update()
  }

  /// Takes in up to `step` bytes of each piece; returns whether there were any.
  private func takeStripe(_ step: Int) -> Bool {
    var hasBytes = false
    var hasV1 = false
    for lane in lanes.indices where unsafe !lanes[lane].bytes.isEmpty {
      let bytes = unsafe lanes[lane].bytes
      let part = unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(step))
      unsafe lanes[lane].bytes = unsafe UnsafeRawBufferPointer(rebasing: bytes[part.count...])
      unsafe takeLeaves(part, lane)
      if lanes[lane].hasV1 {
        unsafe sha1.set(part, lane: lane)
        hasV1 = true
      }
      hasBytes = true
    }
    if hasV1 { sha1.update() }
    return hasBytes
  }

  private func takeLeaves(_ part: UnsafeRawBufferPointer, _ lane: Int) {
    let length = min(part.count, lanes[lane].treeLeft)
    guard length > 0 else { return }
    let size = MerkleTree.leafSize
    precondition(length % size == 0 || length == lanes[lane].treeLeft, "a leaf was cut")
    for start in stride(from: 0, to: length, by: size) {
      let leaf = lanes[lane].leafCount
      if let isKnown = lanes[lane].isKnown, leaf < min(isKnown.count, lanes[lane].known.count), isKnown[leaf]
      {
        unsafe lanes[lane].known[leaf].store(to: lanes[lane].row, at: leaf * SHA256Digest.byteCount)
        lanes[lane].leafCount += 1
        continue
      }
      sha256.begin(lane: queued)
      unsafe sha256.set(
        UnsafeRawBufferPointer(rebasing: part[start..<min(start + size, length)]), lane: queued)
      leaves[queued] = (lane, lanes[lane].leafCount)
      lanes[lane].leafCount += 1
      queued += 1
      if queued == SHA256Lanes.width { endLeaves() }
    }
    lanes[lane].treeLeft -= length
  }

  /// Hashes the leaves that are queued.
  private func endLeaves() {
    guard queued > 0 else { return }
    sha256.update()
    sha256.finish(0..<queued)
    for index in 0..<queued {
      let leaf = leaves[index]
      unsafe sha256.digest(lane: index).store(
        to: lanes[leaf.lane].row, at: leaf.index * SHA256Digest.byteCount)
    }
    queued = 0
  }

  /// Whether it takes the SHA-1 of the piece in `lane`.
  public func hasV1(lane: Int = 0) -> Bool { lanes[lane].hasV1 }

  /// Leaves of the piece in `lane` that are complete.
  public func leafCount(lane: Int = 0) -> Int { lanes[lane].leafCount }

  /// The digest of a leaf; before `root`, which overwrites them.
  public func leaf(_ index: Int, lane: Int = 0) -> SHA256Digest {
    precondition(index >= 0 && index < lanes[lane].leafCount)
    return unsafe SHA256Digest(
      RawSpan(_unsafeBytes: UnsafeRawBufferPointer(lanes[lane].row)), at: index * SHA256Digest.byteCount)
  }

  /// The SHA-1 of the piece in `lane`, which has it. Ends that of all pieces.
  public func v1(lane: Int = 0) -> SHA1Digest {
    precondition(lanes[lane].hasV1)
    if !running.isEmpty { sha1.finish(running) }
    running = 0..<0
    return sha1.digest(lane: lane)
  }

  /// The root of the tree of the piece in `lane`, padded with zero leaves to `width` of them. Overwrites the
  /// leaves.
  public func root(lane: Int = 0, width: Int) -> SHA256Digest {
    let row = unsafe lanes[lane].row
    let size = SHA256Digest.byteCount
    var width = width
    var level = 0
    var count = lanes[lane].leafCount
    lanes[lane].leafCount = 0
    guard count > 0 else { return MerkleTree.padding(level: width.trailingZeroBitCount) }
    while width > 1 {
      if count % 2 == 1 {
        unsafe MerkleTree.padding(level: level).store(to: row, at: count * size)
        count += 1
      }
      count /= 2
      unsafe SHA256.parents(row, count: count)
      width /= 2
      level += 1
    }
    return unsafe SHA256Digest(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(row)))
  }
}
