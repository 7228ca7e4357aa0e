public import Bytes
import Digest

/// The 20 bytes by which a peer names itself in handshakes and to trackers (BEP 3).
public struct PeerID: FixedBytes {
  /// The size in bytes.
  public static let byteCount = 20

  /// The prefix that names this program and its version in the manner of BEP 20.
  public static let prefix = "-AP0100-"

  @usableFromInline let first: UInt64
  @usableFromInline let second: UInt64
  @usableFromInline let third: UInt32

  /// Reads the id that starts at `offset`; the caller has checked that 20 bytes follow.
  @inlinable
  public init(_ bytes: RawSpan, at offset: Int) {
    first = bytes.bigEndian(UInt64.self, at: offset)
    second = bytes.bigEndian(UInt64.self, at: offset + 8)
    third = bytes.bigEndian(UInt32.self, at: offset + 16)
  }

  /// A new id: `prefix`, cut to 20 bytes, then random bytes.
  public static func random(prefix: String = PeerID.prefix) -> PeerID {
    var bytes = [UInt8](prefix.utf8.prefix(byteCount))
    bytes.append(contentsOf: [UInt8].random(count: byteCount - bytes.count))
    return PeerID(bytes.rawBytes)
  }

  /// Appends the 20 bytes to `buffer`.
  public func append(to buffer: inout [UInt8]) {
    buffer.append(bigEndian: first)
    buffer.append(bigEndian: second)
    buffer.append(bigEndian: third)
  }
}

extension PeerID: CustomStringConvertible {
  /// The printable bytes as they are, the others as `%xx`; safe to show on a terminal.
  public var description: String {
    var text = ""
    for byte in bytes {
      if byte > 0x20, byte < 0x7f, byte != 0x25 {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%" + [byte].hexadecimal
      }
    }
    return text
  }

  /// Byte order.
  public static func < (one: Self, other: Self) -> Bool {
    (one.first, one.second, one.third) < (other.first, other.second, other.third)
  }
}
