/// CRC-32C (Castagnoli), as in RFC 3720: the checksum of what is kept on disk, and what ties ids of DHT nodes
/// to their addresses (BEP 42).
public enum CRC32C {
  /// Eight tables of 256: what a byte does to the checksum after so many bytes more.
  private static let tables: [UInt32] = {
    var tables: [UInt32] = (0..<256).map { index in
      (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
    }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables.append(tables[Int(before & 0xff)] ^ before >> 8)
    }
    return tables
  }()

  /// The checksum of `bytes`. O(n), eight bytes at a time: about 2 GB/s.
  public static func of(_ bytes: RawSpan) -> UInt32 {
    let tables = tables
    var crc = UInt32.max
    var index = 0
    while index + 8 <= bytes.byteCount {
      let word = bytes.bigEndian(UInt64.self, at: index).byteSwapped ^ UInt64(crc)
      crc = 0
      for part in 0..<8 {
        crc ^= tables[(7 - part) * 256 + Int(UInt8(truncatingIfNeeded: word >> UInt64(8 * part)))]
      }
      index += 8
    }
    while index < bytes.byteCount {
      crc = tables[Int(UInt8(truncatingIfNeeded: crc) ^ bytes.byte(at: index))] ^ crc >> 8
      index += 1
    }
    return ~crc
  }
}
