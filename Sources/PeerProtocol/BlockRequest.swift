import Bytes

/// Which bytes of which piece: the payload of request, cancel and reject.
public struct BlockRequest: Hashable, Sendable {
  static let byteCount = 12
  /// Bytes of a whole `request` message, its length and id included.
  public static let frameByteCount = 17

  /// The piece's index.
  public var piece: Int
  /// The first byte within the piece.
  public var begin: Int
  /// Bytes asked for; usually 16 KiB.
  public var length: Int

  /// Names a block; the numbers must fit 32 bits.
  public init(piece: Int, begin: Int, length: Int) {
    self.piece = piece
    self.begin = begin
    self.length = length
  }

  init(_ bytes: RawSpan, at offset: Int) {
    piece = Int(bytes.bigEndian(UInt32.self, at: offset))
    begin = Int(bytes.bigEndian(UInt32.self, at: offset + 4))
    length = Int(bytes.bigEndian(UInt32.self, at: offset + 8))
  }

  func append(to buffer: inout [UInt8]) {
    buffer.append(bigEndian: UInt32(piece))
    buffer.append(bigEndian: UInt32(begin))
    buffer.append(bigEndian: UInt32(length))
  }
}
