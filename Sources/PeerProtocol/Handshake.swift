import Bytes
public import Digest

/// The 68 bytes that open a connection (BEP 3): protocol name, reserved bits, info-hash, peer id.
public struct Handshake: Hashable, Sendable {
  /// The size in bytes.
  public static let byteCount = 68

  private static let name: StaticString = "\u{13}BitTorrent protocol"

  /// What the sender can do.
  public var reserved: ReservedBits
  /// The swarm that it means.
  public var infoHash: InfoHash
  /// The sender's own id.
  public var peerID: PeerID

  /// Puts a handshake together.
  public init(reserved: ReservedBits, infoHash: InfoHash, peerID: PeerID) {
    self.reserved = reserved
    self.infoHash = infoHash
    self.peerID = peerID
  }

  /// Whether `bytes`, of any number, may be the start of a handshake. Lets a garbage sender be dropped at
  /// its first bytes. O(20).
  public static func isPrefix(_ bytes: RawSpan) -> Bool {
    name.withUTF8Buffer { name in
      for index in 0..<min(bytes.byteCount, name.count) where unsafe bytes.byte(at: index) != name[index] {
        return false
      }
      return true
    }
  }

  /// Reads the handshake at the start of `bytes`; what follows it is left alone.
  public init(_ bytes: RawSpan) throws(Violation) {
    guard Self.isPrefix(bytes) else { throw .foreignProtocol }
    guard bytes.byteCount >= Self.byteCount else { throw .shortHandshake(count: bytes.byteCount) }
    reserved = ReservedBits(rawValue: bytes.bigEndian(UInt64.self, at: 20))
    infoHash = InfoHash(bytes, at: 28)
    peerID = PeerID(bytes, at: 48)
  }

  /// Appends the 68 bytes.
  public func append(to buffer: inout [UInt8]) {
    Self.name.withUTF8Buffer { unsafe buffer.append(contentsOf: $0) }
    buffer.append(bigEndian: reserved.rawValue)
    infoHash.append(to: &buffer)
    peerID.append(to: &buffer)
  }
}
