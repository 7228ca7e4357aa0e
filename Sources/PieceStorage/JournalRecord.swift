import Bytes
import Digest

/// One record of a resume journal. On disk: length of the payload (4 bytes), kind (1), payload,
/// CRC-32C of all before (4). Numbers are big-endian.
enum JournalRecord: Equatable {
  /// All that is known; what came before does not count. First in every journal.
  case snapshot(have: Bitfield, files: [Int: FileIdentity])
  /// From here on files are being written to. `system` names this run of the operating system.
  case opened(system: [UInt8])
  /// A piece is about to be written.
  case writing(Int)
  /// A piece was written; its files as they are now.
  case written(Int, files: [Int: FileIdentity])
  /// These pieces are on the disk; files as they were just before they were synced.
  case epoch([Int], files: [Int: FileIdentity])
  /// These pieces are not there any more.
  case lost([Int])

  /// Bytes around a payload.
  static let overhead = 9

  private var kind: UInt8 {
    switch self {
    case .snapshot: 1
    case .opened: 2
    case .writing: 3
    case .written: 4
    case .epoch: 5
    case .lost: 6
    }
  }

  /// Appends the record as it goes to the disk.
  func append(to bytes: inout [UInt8]) {
    let start = bytes.count
    bytes.append(bigEndian: UInt32(0))
    bytes.append(kind)
    switch self {
    case .snapshot(let have, let files):
      bytes.append(contentsOf: have.wire)
      Self.append(files, to: &bytes)
    case .opened(let system): bytes.append(contentsOf: system)
    case .writing(let piece): bytes.append(bigEndian: UInt32(piece))
    case .written(let piece, let files):
      bytes.append(bigEndian: UInt32(piece))
      Self.append(files, to: &bytes)
    case .epoch(let pieces, let files):
      bytes.append(bigEndian: UInt32(pieces.count))
      for piece in pieces { bytes.append(bigEndian: UInt32(piece)) }
      Self.append(files, to: &bytes)
    case .lost(let pieces):
      for piece in pieces { bytes.append(bigEndian: UInt32(piece)) }
    }
    let length = UInt32(bytes.count - start - 5)
    for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index)) }
    bytes.append(bigEndian: CRC32C.of(bytes.rawBytes.extracting(start..<bytes.count)))
  }

  private static func append(_ files: [Int: FileIdentity], to bytes: inout [UInt8]) {
    for (file, identity) in files {
      bytes.append(bigEndian: UInt32(file))
      bytes.append(bigEndian: identity.size)
      bytes.append(bigEndian: identity.modified)
    }
  }

  /// The record at `offset` and where it ends; `nil` if there is no sound one of a torrent with that
  /// many pieces and places for files.
  static func read(
    _ bytes: RawSpan, at offset: Int, pieces: Int, files: Int
  ) -> (record: JournalRecord, end: Int)? {
    guard bytes.byteCount - offset >= overhead else { return nil }
    let length = Int(bytes.bigEndian(UInt32.self, at: offset))
    guard length <= bytes.byteCount - offset - overhead else { return nil }
    let end = offset + length + overhead
    let sum = CRC32C.of(bytes.extracting(offset..<end - 4))
    guard bytes.bigEndian(UInt32.self, at: end - 4) == sum else { return nil }
    let payload = bytes.extracting(offset + 5..<end - 4)
    let kind = bytes.byte(at: offset + 4)
    guard let record = decode(kind, payload, pieces: pieces, files: files) else { return nil }
    return (record, end)
  }

  private static func decode(_ kind: UInt8, _ payload: RawSpan, pieces: Int, files: Int) -> JournalRecord? {
    let size = payload.byteCount
    switch kind {
    case 1:
      let split = (pieces + 7) / 8
      guard size >= split, let have = Bitfield(wire: payload.extracting(0..<split), count: pieces),
        let identities = identities(payload.extracting(split..<size), limit: files)
      else { return nil }
      return .snapshot(have: have, files: identities)
    case 2: return .opened(system: payload.array(0..<size))
    case 3: return Self.pieces(payload, limit: pieces).flatMap { $0.count == 1 ? .writing($0[0]) : nil }
    case 4:
      guard size >= 4, let piece = Self.pieces(payload.extracting(0..<4), limit: pieces)?.first,
        let identities = identities(payload.extracting(4..<size), limit: files)
      else { return nil }
      return .written(piece, files: identities)
    case 5:
      guard size >= 4 else { return nil }
      let count = Int(payload.bigEndian(UInt32.self, at: 0))
      guard count <= (size - 4) / 4,
        let list = Self.pieces(payload.extracting(4..<4 + 4 * count), limit: pieces),
        let identities = identities(payload.extracting(4 + 4 * count..<size), limit: files)
      else { return nil }
      return .epoch(list, files: identities)
    case 6: return Self.pieces(payload, limit: pieces).map { .lost($0) }
    default: return nil
    }
  }

  private static func pieces(_ payload: RawSpan, limit: Int) -> [Int]? {
    guard payload.byteCount % 4 == 0 else { return nil }
    var pieces: [Int] = []
    for offset in stride(from: 0, to: payload.byteCount, by: 4) {
      let piece = Int(payload.bigEndian(UInt32.self, at: offset))
      guard piece < limit else { return nil }
      pieces.append(piece)
    }
    return pieces
  }

  private static func identities(_ payload: RawSpan, limit: Int) -> [Int: FileIdentity]? {
    guard payload.byteCount % 20 == 0 else { return nil }
    var identities: [Int: FileIdentity] = [:]
    for offset in stride(from: 0, to: payload.byteCount, by: 20) {
      let file = Int(payload.bigEndian(UInt32.self, at: offset))
      guard file < limit else { return nil }
      identities[file] = FileIdentity(
        size: payload.bigEndian(Int64.self, at: offset + 4),
        modified: payload.bigEndian(Int64.self, at: offset + 12))
    }
    return identities
  }
}
