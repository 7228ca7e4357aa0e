internal import CLanes

/// SHA-256 of up to 16 messages at once: three times as fast as one after the other with AVX-512, half as
/// fast again with the SHA instructions of x86, the same elsewhere. Used like `SHA1Lanes`; `hash(leaves:into:)`
/// is made of it for the commonest case.
public struct SHA256Lanes: ~Copyable {
  /// Messages side by side.
  public static let width = LaneState.width

  private var state: LaneState

  /// Lanes without messages.
  public init() { self.init(kernel: .best) }

  /// Lanes that hash in one certain way, for tests.
  init(kernel: LaneKernel) { state = LaneState(.sha256, kernel: kernel) }

  /// Starts a message in `lane`.
  public func begin(lane: Int) { state.begin(lane) }

  /// Names the next bytes of the message in `lane`, any number; they must stay until `update`.
  public func set(_ bytes: UnsafeRawBufferPointer, lane: Int) { unsafe state.set(bytes, lane) }

  /// Takes in what was set. O(bytes).
  public mutating func update() { state.update() }

  /// Ends the messages in `lanes`, all at once.
  public mutating func finish(_ lanes: Range<Int>) { state.finish(lanes) }

  /// The digest of the message in `lane`, which was ended.
  public func digest(lane: Int) -> SHA256Digest {
    SHA256Digest(
      first: state.pair(0, lane), second: state.pair(2, lane), third: state.pair(4, lane),
      fourth: state.pair(6, lane))
  }

  /// Stores the digests of the leaves that `bytes` have (16 KiB each, the last may be shorter) to `row`, in
  /// wire form one after the other; it must have room for them. Uses all lanes. O(bytes), best for 16 leaves.
  public mutating func hash(leaves bytes: UnsafeRawBufferPointer, into row: UnsafeMutableRawBufferPointer) {
    let size = MerkleTree.leafSize
    let count = MerkleTree.leafCount(Int64(bytes.count))
    precondition(row.count >= count * SHA256Digest.byteCount)
    for first in stride(from: 0, to: count, by: Self.width) {
      let width = min(Self.width, count - first)
      for lane in 0..<width {
        let start = (first + lane) * size
        begin(lane: lane)
        unsafe set(
          UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)]), lane: lane)
      }
      update()
      finish(0..<width)
      for lane in 0..<width {
        unsafe digest(lane: lane).store(to: row, at: (first + lane) * SHA256Digest.byteCount)
      }
    }
  }
}

extension SHA256 {
  /// Replaces a row of `2 * count` nodes at the start of `row` by the row of their `count` parents: the digests
  /// of two neighbours each (BEP 52). Many at once, like `SHA256Lanes`. No allocation.
  public static func parents(_ row: UnsafeMutableRawBufferPointer, count: Int) {
    unsafe parents(row, count: count, kernel: .best)
  }

  static func parents(_ row: UnsafeMutableRawBufferPointer, count: Int, kernel: LaneKernel) {
    precondition(kernel.isSupported && count >= 0 && row.count >= 2 * count * SHA256Digest.byteCount)
    guard count > 0, let address = unsafe row.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    var parameters = kernel.parameters
    unsafe apus_sha256_parents(address, address, count, &parameters)
  }
}
