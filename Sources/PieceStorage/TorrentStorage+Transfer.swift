internal import CSystem
internal import Glibc
import Metainfo
internal import Synchronization

extension TorrentStorage {
  /// Writes a whole piece, one system call a file; padding is skipped. The bytes are in the system's
  /// hands afterwards, not yet on the disk: see `sync`.
  public func write(piece: Int, _ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    var done = 0
    for segment in info.segmentSequence(piece: piece, offset: 0, length: bytes.count) {
      if !segment.isPadding {
        let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<done + segment.length])
        try unsafe write(segment, part, piece)
      }
      done += segment.length
    }
  }

  private func write(
    _ segment: Segment, _ bytes: UnsafeRawBufferPointer, _ piece: Int
  ) throws(StorageError) {
    let place = try placeForWriting(segment, piece: piece)
    let home = place.home
    let file = try open(home, writing: true)
    var offset = place.offset
    var rest = unsafe bytes
    // Marked whatever happens: a part may have been written. Not before, or a sync meanwhile would
    // take the mark away.
    defer { state.withLock { _ = $0.unsyncedFiles.insert(home) } }
    while unsafe !rest.isEmpty {
      try inject(.write, path(home))
      let written = unsafe pwrite(file.descriptor, rest.baseAddress, rest.count, off_t(offset))
      if written < 0 {
        if errno == EINTR { continue }
        throw StorageError(code: errno, path: shown(path(home)))
      }
      guard written > 0 else { throw .noSpace(path: shown(path(home))) }
      offset += Int64(written)
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Reads bytes of a piece into all of `target`; padding reads as zeros.
  public func read(
    piece: Int, offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws(StorageError) {
    var vector = unsafe iovec(iov_base: target.baseAddress, iov_len: target.count)
    try unsafe withUnsafeMutablePointer(to: &vector) { (vector) throws(StorageError) in
      let vectors = unsafe UnsafeMutableBufferPointer(start: vector, count: 1)
      try unsafe read(piece: piece, offset: offset, length: target.count, into: vectors)
    }
  }

  /// Reads `length` contiguous bytes of a piece into vectors of that many bytes, which are used up.
  func read(
    piece: Int, offset: Int, length: Int, into vectors: UnsafeMutableBufferPointer<iovec>
  ) throws(StorageError) {
    var cursor = unsafe VectorCursor(vectors)
    for segment in info.segmentSequence(piece: piece, offset: offset, length: length) {
      if segment.isPadding { cursor.zero(segment.length) } else { try read(segment, piece, &cursor) }
    }
  }

  private func read(
    _ segment: Segment, _ piece: Int, _ cursor: inout VectorCursor
  ) throws(StorageError) {
    var (home, offset, file) = try find(segment, piece)
    var left = segment.length
    while left > 0 {
      try inject(.read, path(home))
      let got = unsafe cursor.withFirst(left) { vectors in
        unsafe apus_preadv(file.descriptor, vectors.baseAddress, Int32(vectors.count), off_t(offset))
      }
      if got < 0 {
        if errno == EINTR { continue }
        throw StorageError(code: errno, path: shown(path(home)))
      }
      guard got > 0 else { throw .short(path: shown(path(home)), size: offset) }
      cursor.advance(got)
      offset += Int64(got)
      left -= got
    }
  }

  /// Reads bytes of one file, wherever they are; the range lies in the file.
  public func read(file: Int, range: Range<Int64>) throws(StorageError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    try unsafe bytes.withUnsafeMutableBufferPointer { (bytes) throws(StorageError) in
      var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
      try unsafe withUnsafeMutablePointer(to: &vector) { (vector) throws(StorageError) in
        var cursor = unsafe VectorCursor(UnsafeMutableBufferPointer(start: vector, count: 1))
        let entry = info.files[file]
        let last = PartMap.range(of: PartMap.last, entry, info)
        var position = range.lowerBound
        while position < range.upperBound {
          // One run inside of the file, and one for each of its edges, which may be elsewhere.
          let piece = Int((entry.offset + position) / Int64(info.pieceLength))
          let edge = PartMap.edge(of: entry, in: piece).flatMap { PartMap.range(of: $0, entry, info) }
          let end = min(range.upperBound, edge?.upperBound ?? last?.lowerBound ?? entry.length)
          let run = Segment(
            file: file, fileOffset: position, length: Int(end - position), isPadding: false)
          try read(run, piece, &cursor)
          position = end
        }
      }
    }
    return bytes
  }

  /// Where a run is, opened. What moves from the part store to its file meanwhile is found there.
  private func find(
    _ segment: Segment, _ piece: Int
  ) throws(StorageError) -> (home: Int, offset: Int64, file: OpenFile) {
    let place = place(of: segment, piece: piece)
    do throws(StorageError) {
      return (place.home, place.offset, try open(place.home, writing: false))
    } catch {
      let now = self.place(of: segment, piece: piece)
      guard now.home != place.home else { throw error }
      return (now.home, now.offset, try open(now.home, writing: false))
    }
  }

  /// Asks the system to have a stretch of a piece in memory soon. A hint: errors are ignored.
  public func willRead(piece: Int, offset: Int, length: Int) {
    for segment in info.segmentSequence(piece: piece, offset: offset, length: length) where !segment.isPadding
    {
      let place = place(of: segment, piece: piece)
      guard let file = try? open(place.home, writing: false) else { continue }
      apus_will_need(file.descriptor, off_t(place.offset), off_t(segment.length))
    }
  }
}

/// A position in a list of vectors; what lies before it has been filled.
@safe
private struct VectorCursor {
  private var vectors: UnsafeMutableBufferPointer<iovec>

  init(_ vectors: UnsafeMutableBufferPointer<iovec>) { unsafe self.vectors = unsafe vectors }

  /// Calls `body` with vectors that hold at most `length` bytes from here.
  func withFirst(_ length: Int, _ body: (UnsafeMutableBufferPointer<iovec>) -> Int) -> Int {
    var count = 0
    var sum = 0
    while unsafe count < vectors.count, sum < length {
      sum += unsafe vectors[count].iov_len
      count += 1
    }
    guard count > 0 else { return 0 }
    // The last one may reach further: it is cut for the call only.
    let excess = max(0, sum - length)
    unsafe vectors[count - 1].iov_len -= excess
    defer { unsafe vectors[count - 1].iov_len += excess }
    return unsafe body(UnsafeMutableBufferPointer(rebasing: vectors[..<count]))
  }

  mutating func advance(_ length: Int) {
    var left = length
    while left > 0, let first = unsafe vectors.first {
      let step = unsafe min(left, first.iov_len)
      left -= step
      if unsafe step == first.iov_len {
        unsafe vectors = UnsafeMutableBufferPointer(rebasing: vectors.dropFirst())
      } else {
        unsafe vectors[0].iov_base += step
        unsafe vectors[0].iov_len -= step
      }
    }
  }

  mutating func zero(_ length: Int) {
    var left = length
    while left > 0, let first = unsafe vectors.first {
      let step = unsafe min(left, first.iov_len)
      if let base = unsafe first.iov_base { unsafe memset(base, 0, step) }
      advance(step)
      left -= step
      if step == 0 { unsafe vectors = UnsafeMutableBufferPointer(rebasing: vectors.dropFirst()) }
    }
  }
}
