// PeerProtocol: what two peers say to each other over a stream, as values: handshakes, framed messages,
// extension handshakes, v2 hash exchange. No sockets, no clocks.
// May import Bytes, Digest, Addresses, Bencode.

/// The eight reserved bytes of a handshake, read as one big-endian integer: what a peer says it can do.
public struct ReservedBits: OptionSet, Hashable, Sendable {
  /// The bytes, the first one highest.
  public let rawValue: UInt64

  /// Takes the bytes as they are; unknown bits are kept.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Mainline DHT: the `port` message is understood (BEP 5).
  public static let dht = ReservedBits(rawValue: 0x01)
  /// The fast extension (BEP 6).
  public static let fast = ReservedBits(rawValue: 0x04)
  /// In a handshake with the v1 info-hash of a hybrid: v2 is understood as well, and the answer may
  /// carry the v2 info-hash (BEP 52).
  public static let v2 = ReservedBits(rawValue: 0x10)
  /// The extension protocol (BEP 10).
  public static let extensionProtocol = ReservedBits(rawValue: 0x10_0000)
}
