import Bytes
internal import CSystem
import Digest
internal import Glibc
import Metainfo
internal import Synchronization

/// What one thread of a check works with: a buffer, and where in which file it is from. Confined to one
/// thread at a time.
@safe
final class CheckWorker {
  private static let chunk = 256 << 10

  private let check: PieceCheck
  private let storage: TorrentStorage
  var thread: DiskThread
  private let buffer: UnsafeMutableRawBufferPointer
  private var file: OpenFile?
  /// The place that `buffer` has bytes of, from where, and how many.
  private var place = -1
  private var start: Int64 = 0
  private var fill = 0

  init(_ check: PieceCheck, _ thread: DiskThread) {
    self.check = check
    storage = check.storage
    self.thread = thread
    unsafe buffer = .allocate(byteCount: Self.chunk, alignment: 4096)
  }

  deinit { unsafe buffer.deallocate() }

  /// Checks those pieces of `unit` that are to be; their bytes.
  func check(_ unit: Range<Int>) -> Int64 {
    var bytes: Int64 = 0
    var good: [Int] = []
    hint(unit)
    for piece in unit where check.pieces?[piece] ?? true {
      let size = storage.info.pieceSize(piece)
      bytes += Int64(size)
      if isGood(piece, size) { good.append(piece) } else { blame(piece, size) }
    }
    // Between units the file may be closed and the buffer grow stale.
    file = nil
    place = -1
    check.state.withLock { state in
      for piece in good { state.good[piece] = true }
    }
    return bytes
  }

  /// Has the system read the unit that this thread will probably come to next.
  private func hint(_ unit: Range<Int>) {
    let next = unit.upperBound..<min(unit.upperBound + unit.count, storage.info.pieceCount)
    guard let first = next.first(where: { check.pieces?[$0] ?? true }) else { return }
    storage.willRead(piece: first, offset: 0, length: storage.info.pieceSize(first))
  }

  private func isGood(_ piece: Int, _ size: Int) -> Bool {
    guard let expected = PieceExpectation(piece: piece, info: storage.info, layers: check.layers) else {
      return false
    }
    var hasData = false
    for segment in storage.info.segmentSequence(piece: piece, offset: 0, length: size)
    where !segment.isPadding {
      let place = storage.place(of: segment, piece: piece)
      let (home, offset) = (place.home, place.offset)
      guard let found = check.sizes[home], offset + Int64(segment.length) <= found.size else { return false }
      if !hasData { hasData = !found.isSparse || !isHole(home, offset, segment.length) }
    }
    let hasher = thread.hasher
    if !hasData { return isZero(expected, size) }
    hasher.begin(v1: expected.v1 != nil, treeLength: expected.checkedTreeLength)
    for segment in storage.info.segmentSequence(piece: piece, offset: 0, length: size) {
      if segment.isPadding {
        takeZeros(segment.length)
      } else {
        let place = storage.place(of: segment, piece: piece)
        guard take(place.home, place.offset, segment) else {
          hasher.abandon()
          return false
        }
      }
    }
    return hasher.matches(expected)
  }

  private func take(_ home: Int, _ start: Int64, _ segment: Segment) -> Bool {
    var offset = start
    var left = segment.length
    while left > 0 {
      guard let bytes = unsafe read(home, offset, segment.file) else { return false }
      let count = min(left, bytes.count)
      unsafe thread.hasher.take(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      offset += Int64(count)
      left -= count
    }
    return true
  }

  /// Bytes of a place from `offset` on, at least one, from the buffer or the disk.
  private func read(_ home: Int, _ offset: Int64, _ named: Int) -> UnsafeRawBufferPointer? {
    if home == place, offset >= start, offset < start + Int64(fill) {
      return unsafe UnsafeRawBufferPointer(rebasing: buffer[Int(offset - start)..<fill])
    }
    do throws(StorageError) {
      if home != place { file = try storage.open(home, writing: false) }
      place = home
      start = offset
      fill = 0
      guard let file else { return nil }
      while true {
        try storage.inject(.read, storage.path(home))
        let got = unsafe pread(file.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
        if got < 0, errno == EINTR { continue }
        guard got >= 0 else { throw StorageError(code: errno, path: storage.shown(storage.path(home))) }
        guard got > 0 else { throw .short(path: storage.shown(storage.path(home)), size: offset) }
        fill = got
        return unsafe UnsafeRawBufferPointer(rebasing: buffer[..<got])
      }
    } catch {
      place = -1
      check.state.withLock { $0.files[named] = .unreadable(error) }
      return nil
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
    takeZeros(size)
    var digests = shape
    digests.v1 = hasher.v1()
    digests.root = hasher.root(width: shape.treeWidth)
    if size == storage.info.pieceLength { check.state.withLock { $0.zeroDigests = digests } }
    return (expected.v1 == nil || expected.v1 == digests.v1)
      && (expected.root == nil || expected.root == digests.root)
  }

  private func takeZeros(_ length: Int) {
    place = -1
    if let address = unsafe buffer.baseAddress { unsafe memset(address, 0, min(length, Self.chunk)) }
    var left = length
    while left > 0 {
      let count = min(left, Self.chunk)
      unsafe thread.hasher.take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      left -= count
    }
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
