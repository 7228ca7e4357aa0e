import Addresses
import Bytes
internal import Digest

/// The connection ids of BEP 15: they show that a client gets what is sent to its address, and cost the tracker no
/// memory.
///
/// An id is a byte of epoch (minutes since 1970, modulo 256) and 56 bits of SipHash-2-4 over address and epoch, so
/// that a check is one hash whatever the window. Good for ten to eleven minutes: clients that keep one for longer
/// than the minute that BEP 15 gives them are not turned away. All trackers that have the same secret and about
/// the same time know each other's ids.
struct ConnectionIDs: Sendable {
  /// Seconds of an epoch.
  static let epochLength: UInt64 = 60
  /// Epochs, before the present one, whose ids are good.
  private static let tolerance: UInt64 = 10
  private static let hashBits: UInt64 = 56
  private static let hashMask: UInt64 = 1 << hashBits - 1

  private let hash: SipHash

  /// Ids of a tracker whose secret are these bytes; any number of them.
  init(secret: [UInt8]) {
    let key = SHA256.hash(secret.rawBytes).bytes
    let words = [key[0..<8], key[8..<16]].map { $0.reduce(0) { word, byte in word << 8 | UInt64(byte) } }
    hash = SipHash(key: words[0], words[1])
  }

  /// The id for a client at `address`, in an epoch.
  @inline(__always)
  func issue(to address: IPAddress, epoch: UInt64) -> UInt64 {
    let words = address.words
    return hash.hash(words.high, words.low, epoch) & Self.hashMask | epoch << Self.hashBits
  }

  /// Whether `id` was issued to `address`, not long ago. One hash at most.
  @inline(__always)
  func isGood(_ id: UInt64, from address: IPAddress, epoch: UInt64) -> Bool {
    // The clock of another node may be a little ahead of ours.
    let newest = epoch &+ 1
    let age = (newest &- id >> Self.hashBits) & 0xff
    guard age <= Self.tolerance + 1 else { return false }
    return issue(to: address, epoch: newest &- age) == id
  }
}
