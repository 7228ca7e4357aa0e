import Bytes

/// The file of a snapshot; integers are big-endian.
///
/// A header (32 bytes): "ApusSwrm", the version (4), the seconds of a unit of age as a power of two (4), when it was
/// begun as seconds since 1970 (8), zero (4), the checksum of all that (4).
///
/// Sections, each a header (28) and a payload. The header: "Swrm", bytes of the payload (4), torrents (4) and peers
/// (4) in it, seconds since the file was begun (4), the payload's checksum (4), that of the section's header (4).
/// The payload: torrents one after the other, each an info-hash (20), then as numbers of seven bits a byte, lowest
/// first: completed downloads, seconds since the last announce, peers of IPv4, of IPv6; for each family the addresses
/// (6 or 18 bytes), then two bytes a peer: 13 bits of age, "partial seed", "completed", "seed" from bit 13 on.
///
/// An end (32): "SwrmDone", sections (8), peers (8), torrents (4), the checksum of all that (4).
///
/// A torrent may come twice. Checksums are CRC-32C. Ages, not times: clocks differ and may have been wrong.
enum SnapshotFormat {
  static let version: UInt32 = 1
  static let magic: UInt64 = 0x4170_7573_5377_726d
  static let sectionMagic: UInt32 = 0x5377_726d
  static let endMagic: UInt64 = 0x5377_726d_446f_6e65
  static let headerSize = 32
  static let sectionSize = 28
  static let endSize = 32
  /// Bytes of a payload that a reader accepts: the largest swarm there can be.
  static let largestPayload = 1 << 30
  /// Bytes after which a writer ends a section.
  static let usualPayload = 256 << 10

  static func header(shift: UInt32, wall: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: magic)
    bytes.append(bigEndian: version)
    bytes.append(bigEndian: shift)
    bytes.append(bigEndian: wall)
    bytes.append(bigEndian: UInt32(0))
    return sealed(bytes)
  }

  static func sectionHeader(_ section: SnapshotSection, checksum: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: sectionMagic)
    bytes.append(bigEndian: UInt32(section.length))
    bytes.append(bigEndian: section.torrents)
    bytes.append(bigEndian: section.peers)
    bytes.append(bigEndian: section.delay)
    bytes.append(bigEndian: checksum)
    return sealed(bytes)
  }

  static func end(sections: UInt64, torrents: UInt32, peers: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: endMagic)
    bytes.append(bigEndian: sections)
    bytes.append(bigEndian: peers)
    bytes.append(bigEndian: torrents)
    return sealed(bytes)
  }

  private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    bytes.append(bigEndian: CRC32C.of(bytes.rawBytes))
    return bytes
  }

  /// Whether the last four bytes are the checksum of those before.
  static func isSealed(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 4 else { return false }
    let body = bytes.rawBytes.extracting(0..<bytes.count - 4)
    return bytes.rawBytes.bigEndian(UInt32.self, at: bytes.count - 4) == CRC32C.of(body)
  }
}

/// A section, as its header says.
struct SnapshotSection {
  /// Where the payload begins in the file, and its bytes.
  var offset = 0
  var length = 0
  var torrents: UInt32 = 0
  var peers: UInt32 = 0
  var delay: UInt32 = 0
  var checksum: UInt32 = 0
}

/// Why a snapshot cannot be written or read.
public enum SnapshotFault: Error, Equatable, CustomStringConvertible {
  /// What the system did not let us do, and its error number.
  case system(String, code: Int32)
  /// It is something else.
  case foreign
  /// It is of another version than ours.
  case version(UInt32)
  /// Something is missing at the end.
  case cutShort
  /// A checksum or a number is wrong.
  case damaged(String)

  /// One line for people.
  public var description: String {
    switch self {
    case .system(let what, let code): "\(what): \(SystemMessage.text(code))"
    case .foreign: "it is no snapshot of a tracker"
    case .version(let version): "it has version \(version), this program reads \(SnapshotFormat.version)"
    case .cutShort: "it ends before its end"
    case .damaged(let what): "it is damaged: \(what)"
    }
  }
}
