/// Messages of the peer wire protocol (BEP 3), written by hand so that tests depend on no code under test.
public enum WireMessage {
  /// The 68 bytes that open a connection. `reserved` are the extension bits.
  public static func handshake(
    infoHash: [UInt8], peerID: [UInt8] = peerID(), reserved: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
  ) -> [UInt8] {
    [19] + Array("BitTorrent protocol".utf8) + reserved + infoHash + peerID
  }

  /// A peer id that no other has.
  public static func peerID() -> [UInt8] {
    Array("-XX0001-".utf8) + (0..<12).map { _ in UInt8.random(in: 33...126) }
  }

  /// A message with its length in front.
  public static func message(_ id: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    number(payload.count + 1) + [id] + payload
  }

  /// A number in four bytes, big-endian.
  public static func number(_ value: Int) -> [UInt8] {
    let bits = UInt32(truncatingIfNeeded: value)
    return [UInt8(bits >> 24), UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255)]
  }

  /// choke
  public static let choke = message(0)
  /// unchoke
  public static let unchoke = message(1)
  /// interested
  public static let interested = message(2)
  /// have
  public static func have(_ piece: Int) -> [UInt8] { message(4, number(piece)) }
  /// bitfield, with its bytes as they go out
  public static func bitfield(_ bytes: [UInt8]) -> [UInt8] { message(5, bytes) }
  /// bitfield of someone who has all `count` pieces
  public static func fullBitfield(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 255, count: (count + 7) / 8)
    if count % 8 != 0 { bytes[bytes.count - 1] = ~(255 >> UInt8(count % 8)) }
    return bitfield(bytes)
  }
  /// request
  public static func request(_ piece: Int, _ begin: Int, _ length: Int) -> [UInt8] {
    message(6, number(piece) + number(begin) + number(length))
  }
  /// piece
  public static func piece(_ piece: Int, _ begin: Int, _ content: [UInt8]) -> [UInt8] {
    message(7, number(piece) + number(begin) + content)
  }
}
