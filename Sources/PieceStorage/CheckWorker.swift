import Bytes
internal import CSystem
import Digest
internal import Glibc
import Metainfo
internal import Synchronization

/// What one thread of a check works with: memory for parts of up to 16 pieces, which are read and hashed side
/// by side. Confined to one thread at a time.
@safe
final class CheckWorker {
  /// Small enough to stay in the processor's cache between reading and hashing.
  static let memory = 512 << 10
  /// What the system is asked to have ready of each piece.
  private static let window = 1 << 20

  /// A piece that is read and hashed.
  private struct Reading {
    var piece: Int
    var size: Int
    var expected: PieceExpectation
    var isReadable = true
  }

  private let check: PieceCheck
  private let storage: TorrentStorage
  var thread: DiskThread
  private let buffer: UnsafeMutableRawBufferPointer
  private var readings: [Reading] = []
  private var good: [Int] = []
  /// The file read last, and its place.
  private var file: OpenFile?
  private var opened = -1

  init(_ check: PieceCheck, _ thread: DiskThread) {
    self.check = check
    storage = check.storage
    self.thread = thread
    unsafe buffer = .allocate(byteCount: Self.memory, alignment: 4096)
  }

  deinit { unsafe buffer.deallocate() }

  /// Checks those pieces of `unit` that are to be, at most 16; their bytes.
  func check(_ unit: Range<Int>) -> Int64 {
    var bytes: Int64 = 0
    good.removeAll(keepingCapacity: true)
    readings.removeAll(keepingCapacity: true)
    for piece in unit where check.pieces?[piece] ?? true {
      let size = storage.info.pieceSize(piece)
      bytes += Int64(size)
      look(at: piece, size)
    }
    if !readings.isEmpty { read() }
    for (lane, reading) in readings.enumerated() {
      if reading.isReadable, thread.hasher.matches(reading.expected, lane: lane) {
        good.append(reading.piece)
      } else {
        blame(reading.piece, reading.size)
      }
    }
    // Between units the file may be closed.
    file = nil
    opened = -1
    check.state.withLock { state in
      for piece in good { state.good[piece] = true }
    }
    return bytes
  }

  /// Judges a piece that need not be read, or puts it with those that are.
  private func look(at piece: Int, _ size: Int) {
    guard let expected = PieceExpectation(piece: piece, info: storage.info, layers: check.layers) else {
      return blame(piece, size)
    }
    var hasData = false
    for segment in storage.info.segmentSequence(piece: piece, offset: 0, length: size)
    where !segment.isPadding {
      let place = storage.place(of: segment, piece: piece)
      let (home, offset) = (place.home, place.offset)
      guard let found = check.sizes[home], offset + Int64(segment.length) <= found.size else {
        return blame(piece, size)
      }
      if !hasData { hasData = !found.isSparse || !isHole(home, offset, segment.length) }
    }
    if hasData {
      readings.append(Reading(piece: piece, size: size, expected: expected))
    } else if isZero(expected, size) {
      good.append(piece)
    } else {
      blame(piece, size)
    }
  }

  /// Reads and hashes the pieces, a stretch of each at a time.
  private func read() {
    let hasher = thread.hasher
    var longest = 0
    for (lane, reading) in readings.enumerated() {
      hasher.begin(
        lane: lane, v1: reading.expected.v1 != nil, treeLength: reading.expected.checkedTreeLength)
      longest = max(longest, reading.size)
    }
    // A multiple of a leaf: 16 pieces have 32 KiB each.
    let leaf = MerkleTree.leafSize
    let chunk = min(Self.memory / readings.count, longest + leaf - 1) / leaf * leaf
    for offset in stride(from: 0, to: longest, by: chunk) {
      for lane in readings.indices where readings[lane].isReadable {
        let reading = readings[lane]
        let length = min(chunk, reading.size - offset)
        guard length > 0 else { continue }
        if offset % Self.window < chunk { expect(reading, from: offset) }
        let part = unsafe UnsafeMutableRawBufferPointer(
          rebasing: buffer[lane * chunk..<lane * chunk + length])
        if unsafe fill(part, reading.piece, from: offset) {
          unsafe hasher.set(UnsafeRawBufferPointer(part), lane: lane)
        } else {
          readings[lane].isReadable = false
        }
      }
      hasher.update()
    }
  }

  /// Has the system read what comes after the present window of a piece.
  private func expect(_ reading: Reading, from offset: Int) {
    let start = offset == 0 ? 0 : offset + Self.window
    let length = min(offset + 2 * Self.window, reading.size) - start
    if length > 0 { storage.willRead(piece: reading.piece, offset: start, length: length) }
  }

  /// Fills `part` with bytes of a piece; padding is zeros.
  private func fill(_ part: UnsafeMutableRawBufferPointer, _ piece: Int, from offset: Int) -> Bool {
    var position = 0
    for segment in storage.info.segmentSequence(piece: piece, offset: offset, length: part.count) {
      let range = unsafe UnsafeMutableRawBufferPointer(rebasing: part[position..<position + segment.length])
      if segment.isPadding {
        unsafe range.initializeMemory(as: UInt8.self, repeating: 0)
      } else {
        let place = storage.place(of: segment, piece: piece)
        do throws(StorageError) {
          try unsafe read(place.home, at: place.offset, into: range)
        } catch {
          opened = -1
          check.state.withLock { $0.files[segment.file] = .unreadable(error) }
          return false
        }
      }
      position += segment.length
    }
    return true
  }

  private func read(
    _ home: Int, at offset: Int64, into target: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    if home != opened {
      file = try storage.open(home, writing: false)
      opened = home
    }
    guard let file else { return }
    var done = 0
    while done < target.count {
      try storage.inject(.read, storage.path(home))
      let got = unsafe pread(
        file.descriptor, target.baseAddress.map { unsafe $0 + done }, target.count - done,
        off_t(offset) + done)
      if got < 0, errno == EINTR { continue }
      guard got >= 0 else { throw StorageError(code: errno, path: storage.shown(storage.path(home))) }
      guard got > 0 else {
        throw .short(path: storage.shown(storage.path(home)), size: offset + Int64(done))
      }
      done += got
    }
  }

  private func isHole(_ home: Int, _ offset: Int64, _ length: Int) -> Bool {
    guard let file = try? storage.open(home, writing: false) else { return false }
    let data = Int64(apus_next_data(file.descriptor, off_t(offset)))
    return data < 0 ? errno == ENXIO : data >= offset + Int64(length)
  }

  /// Whether a piece of nothing but zeros would be right. Hashed once for all full pieces.
  private func isZero(_ expected: PieceExpectation, _ size: Int) -> Bool {
    let shape = ZeroDigests(size: size, treeLength: expected.checkedTreeLength, treeWidth: expected.treeWidth)
    if let known = check.state.withLock({ $0.zeroDigests }), known.hasShape(of: shape) {
      return (expected.v1 == nil || expected.v1 == known.v1)
        && (expected.root == nil || expected.root == known.root)
    }
    let hasher = thread.hasher
    hasher.begin(v1: true, treeLength: shape.treeLength)
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
    for offset in stride(from: 0, to: size, by: Self.memory) {
      unsafe hasher.take(UnsafeRawBufferPointer(rebasing: buffer[..<min(Self.memory, size - offset)]))
    }
    var digests = shape
    digests.v1 = hasher.v1()
    digests.root = hasher.root(width: shape.treeWidth)
    if size == storage.info.pieceLength { check.state.withLock { $0.zeroDigests = digests } }
    return (expected.v1 == nil || expected.v1 == digests.v1)
      && (expected.root == nil || expected.root == digests.root)
  }

  private func blame(_ piece: Int, _ size: Int) {
    check.state.withLock { state in
      for segment in storage.info.segmentSequence(piece: piece, offset: 0, length: size)
      where !segment.isPadding && storage.isWanted(segment.file) {
        state.damagedPerFile[segment.file, default: 0] += 1
      }
    }
  }
}

/// The digests of a piece of zeros.
struct ZeroDigests {
  var size: Int
  var treeLength: Int
  var treeWidth: Int
  var v1: SHA1Digest?
  var root: SHA256Digest?

  func hasShape(of other: ZeroDigests) -> Bool {
    size == other.size && treeLength == other.treeLength && treeWidth == other.treeWidth
  }
}
