import Bytes
internal import Glibc
internal import Synchronization
import Threads

/// The bytes of a snapshot: a file, or memory in tests.
enum SnapshotSource: Sendable {
  case file(Int32)
  case bytes([UInt8])

  var size: Int {
    switch self {
    case .bytes(let bytes): return bytes.count
    case .file(let descriptor):
      let end = lseek(descriptor, 0, SEEK_END)
      return max(0, Int(end))
    }
  }

  /// The bytes at an offset; `nil` if they are not all there.
  func read(_ length: Int, at offset: Int) -> [UInt8]? {
    guard length >= 0, offset >= 0 else { return nil }
    switch self {
    case .bytes(let bytes):
      guard offset <= bytes.count, length <= bytes.count - offset else { return nil }
      return Array(bytes[offset..<offset + length])
    case .file(let descriptor):
      var failed = false
      let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
        while count < length {
          let got = unsafe pread(
            descriptor, buffer.baseAddress.map { unsafe $0 + count }, length - count, off_t(offset + count))
          if got < 0, errno == EINTR { continue }
          guard got > 0 else {
            failed = true
            return
          }
          count += got
        }
      }
      return failed ? nil : bytes
    }
  }
}

/// What a snapshot's headers say.
struct SnapshotOutline {
  var shift: UInt32
  var wall: UInt64
  var sections: [SnapshotSection] = []

  /// Reads header, section headers and end, which must fit together to the byte.
  init(_ source: SnapshotSource) throws(SnapshotFault) {
    let size = source.size
    guard size > 0 else { throw .cutShort }
    guard let start = source.read(min(size, 8), at: 0), start.count == 8,
      start.rawBytes.bigEndian(UInt64.self, at: 0) == SnapshotFormat.magic
    else { throw .foreign }
    guard let header = source.read(SnapshotFormat.headerSize, at: 0) else { throw .cutShort }
    let version = header.rawBytes.bigEndian(UInt32.self, at: 8)
    guard SnapshotFormat.isSealed(header) else { throw .damaged("the header") }
    guard version == SnapshotFormat.version else { throw .version(version) }
    shift = header.rawBytes.bigEndian(UInt32.self, at: 12)
    wall = header.rawBytes.bigEndian(UInt64.self, at: 16)
    guard shift < 18 else { throw .damaged("the header") }
    let end = size - SnapshotFormat.endSize
    var offset = SnapshotFormat.headerSize
    var (torrents, peers) = (0, 0)
    while offset < end {
      guard let bytes = source.read(SnapshotFormat.sectionSize, at: offset) else { throw .cutShort }
      let span = bytes.rawBytes
      guard SnapshotFormat.isSealed(bytes), span.bigEndian(UInt32.self, at: 0) == SnapshotFormat.sectionMagic
      else {
        throw Self.isEnd(source, offset) ? .damaged("bytes after the end") : .damaged("a section's header")
      }
      let section = SnapshotSection(
        offset: offset + SnapshotFormat.sectionSize, length: Int(span.bigEndian(UInt32.self, at: 4)),
        torrents: span.bigEndian(UInt32.self, at: 8), peers: span.bigEndian(UInt32.self, at: 12),
        delay: span.bigEndian(UInt32.self, at: 16), checksum: span.bigEndian(UInt32.self, at: 20))
      guard section.length <= SnapshotFormat.largestPayload else { throw .damaged("a section's length") }
      guard section.length <= size - section.offset else { throw .cutShort }
      sections.append(section)
      torrents += Int(section.torrents)
      peers += Int(section.peers)
      offset = section.offset + section.length
    }
    guard offset == end, let last = source.read(SnapshotFormat.endSize, at: end),
      last.rawBytes.bigEndian(UInt64.self, at: 0) == SnapshotFormat.endMagic
    else { throw .cutShort }
    guard SnapshotFormat.isSealed(last),
      last.rawBytes.bigEndian(UInt64.self, at: 8) == UInt64(sections.count),
      last.rawBytes.bigEndian(UInt64.self, at: 16) == UInt64(peers),
      last.rawBytes.bigEndian(UInt32.self, at: 24) == UInt32(truncatingIfNeeded: torrents)
    else { throw .damaged("its end does not fit") }
  }

  private static func isEnd(_ source: SnapshotSource, _ offset: Int) -> Bool {
    guard let bytes = source.read(8, at: offset) else { return false }
    return bytes.rawBytes.bigEndian(UInt64.self, at: 0) == SnapshotFormat.endMagic
  }
}

extension SwarmTable {
  /// Takes in the bytes of a snapshot file as they are in memory; if it throws, nothing, and what was there before is
  /// gone as well. `now` is the table's clock, `wall` seconds since 1970: peers are older by the time since the
  /// snapshot was taken.
  public func restore(snapshot bytes: [UInt8], now: UInt32, wall: UInt64) throws(SnapshotFault)
    -> SnapshotSummary
  {
    try restore(.bytes(bytes), now: now, wall: wall)
  }

  /// Takes in a snapshot, all of it or, if it throws, nothing (and what was there before is gone as well). `now` is
  /// the table's clock, `wall` seconds since 1970: peers are older by the time since the snapshot. What announced to
  /// this table before stays as it is; with `replacing`, what the snapshot has of a torrent takes its place.
  func restore(
    _ source: SnapshotSource, now: UInt32, wall: UInt64, replacing: Bool = false, threads: Int = 1
  ) throws(SnapshotFault) -> SnapshotSummary {
    let outline = try SnapshotOutline(source)
    let passed = UInt32(clamping: wall > outline.wall ? wall - outline.wall : 0)
    let progress = RestoreProgress()
    let work: @Sendable () -> Void = {
      while let number = progress.take(below: outline.sections.count) {
        let section = outline.sections[number]
        guard let payload = source.read(section.length, at: section.offset) else {
          progress.fail(.cutShort)
          return
        }
        guard CRC32C.of(payload.rawBytes) == section.checksum else {
          progress.fail(.damaged("section \(number + 1) of \(outline.sections.count)"))
          return
        }
        let reading = SnapshotReading(
          shift: outline.shift, passed: passed > section.delay ? passed - section.delay : 0, now: now,
          isReplacing: replacing)
        guard let counts = self.restore(payload, reading), counts.torrents == section.torrents,
          counts.peers == section.peers
        else {
          progress.fail(.damaged("the content of section \(number + 1)"))
          return
        }
      }
    }
    let helpers = (1..<max(1, min(threads, outline.sections.count))).map { number in
      WorkerThread(name: "restore \(number)", work)
    }
    work()
    for helper in helpers { helper.join() }
    if let fault = progress.fault {
      removeAll()
      throw fault
    }
    let held = statistics
    return SnapshotSummary(torrents: held.torrents, peers: held.peers)
  }
}

/// Which section is next, and the first thing that went wrong.
private final class RestoreProgress: Sendable {
  private let next = Atomic<Int>(0)
  private let first = Mutex<SnapshotFault?>(nil)

  var fault: SnapshotFault? { first.withLock { $0 } }

  func take(below count: Int) -> Int? {
    guard fault == nil else { return nil }
    let number = next.add(1, ordering: .relaxed).oldValue
    return number < count ? number : nil
  }

  func fail(_ fault: SnapshotFault) { first.withLock { $0 = $0 ?? fault } }
}
