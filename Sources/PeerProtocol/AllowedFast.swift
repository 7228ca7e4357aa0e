public import Addresses
import Bytes
public import Digest

/// The pieces that a peer may request while choked (BEP 6).
public enum AllowedFast {
  /// How many pieces are usually offered.
  public static let usualCount = 10

  /// The first `count` pieces of the set that belongs to the peer at `address`, in the BEP's order.
  ///
  /// All who serve the torrent compute the same set for the same /24, so that a peer gains nothing from
  /// asking many of them. Empty for IPv6, which the BEP leaves out; all pieces if there are no more than
  /// `count`. O(count²) for a small `count`.
  public static func pieces(for address: IPAddress, infoHash: InfoHash, count: Int, pieceCount: Int) -> [Int]
  {
    guard address.isV4, count > 0, pieceCount > 0 else { return [] }
    guard pieceCount > count else { return Array(0..<pieceCount) }
    var seed: [UInt8] = []
    seed.append(bigEndian: address.v4 & 0xffff_ff00)
    infoHash.append(to: &seed)
    let hasher = SHA1()
    var pieces: [Int] = []
    while pieces.count < count {
      hasher.update(seed.rawBytes)
      seed.removeAll(keepingCapacity: true)
      hasher.finish().append(to: &seed)
      for offset in stride(from: 0, to: SHA1Digest.byteCount, by: 4) where pieces.count < count {
        let piece = Int(seed.rawBytes.bigEndian(UInt32.self, at: offset)) % pieceCount
        if !pieces.contains(piece) { pieces.append(piece) }
      }
    }
    return pieces
  }
}
