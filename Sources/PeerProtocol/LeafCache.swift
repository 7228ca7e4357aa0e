import Digest

/// Leaf hashes of the pieces that were used last, in a bounded number of bytes.
///
/// Two generations: what is used is in the young one; when that holds half of the limit it becomes the old
/// one, and what nobody used since is gone. O(1) a use.
struct LeafCache: Sendable {
  struct Key: Hashable, Sendable {
    /// The root of the file's tree.
    let root: SHA256Digest
    /// The piece of the file.
    let piece: Int
  }

  /// What an entry costs beside its hashes.
  private static let overhead = 96

  private let limit: Int
  private var young: [Key: [SHA256Digest]] = [:]
  private var old: [Key: [SHA256Digest]] = [:]
  private var youngBytes = 0
  private var oldBytes = 0

  init(limit: Int) { self.limit = limit }

  /// Bytes that are held.
  var byteCount: Int { youngBytes + oldBytes }

  private static func cost(_ leaves: [SHA256Digest]) -> Int {
    leaves.count * SHA256Digest.byteCount + overhead
  }

  /// The hashes for `key`, which are in use from now on.
  mutating func find(_ key: Key) -> [SHA256Digest]? {
    if let leaves = young[key] { return leaves }
    guard let leaves = old.removeValue(forKey: key) else { return nil }
    oldBytes -= Self.cost(leaves)
    insert(leaves, for: key)
    return leaves
  }

  /// Adds the hashes for `key`; those too many to be kept are passed over.
  mutating func insert(_ leaves: [SHA256Digest], for key: Key) {
    let cost = Self.cost(leaves)
    guard cost <= limit / 2 else { return }
    if let known = old.removeValue(forKey: key) { oldBytes -= Self.cost(known) }
    if let known = young.updateValue(leaves, forKey: key) { youngBytes -= Self.cost(known) }
    youngBytes += cost
    guard youngBytes > limit / 2 else { return }
    // The newest stays young, so that both halves together keep to the limit.
    young[key] = nil
    old = young
    oldBytes = youngBytes - cost
    young = [key: leaves]
    youngBytes = cost
  }
}
