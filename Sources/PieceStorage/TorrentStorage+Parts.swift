internal import CSystem
internal import Glibc
import Metainfo
internal import Synchronization

// The part store: bytes of unwanted files that lie in wanted pieces. An unwanted file is neither made nor
// written to; what it has already is read from it.
extension TorrentStorage {
  /// Where bytes are: in a file by its index, or in the part store.
  struct Place {
    var home: Int
    var offset: Int64
  }

  /// Where the bytes of a run are. O(1).
  func place(of segment: Segment, piece: Int) -> Place {
    state.withLock { state in
      // Most torrents have no part store: nothing else is looked at then.
      guard let parts = state.parts, parts.marks[segment.file] != 0,
        let edge = PartMap.edge(of: info.files[segment.file], in: piece),
        parts.marks[segment.file] & edge != 0
      else { return Place(home: segment.file, offset: segment.fileOffset) }
      return Place(
        home: partStore, offset: parts.position(of: segment.file, segment.fileOffset, edge: edge, info))
    }
  }

  /// Whether bytes of `file` in `piece` are in the part store.
  func isApart(_ file: Int, piece: Int) -> Bool {
    state.withLock { $0.parts?.holds(file, of: info, in: piece) ?? false }
  }

  /// Where to write a run: that of a file which is not wanted goes to the part store, marked there first.
  func placeForWriting(_ segment: Segment, piece: Int) throws(StorageError) -> Place {
    if !isWanted(segment.file), let edge = PartMap.edge(of: info.files[segment.file], in: piece) {
      try mark(edge, of: segment.file)
    }
    return place(of: segment, piece: piece)
  }

  private func mark(_ edge: UInt8, of file: Int) throws(StorageError) {
    try marking.withLock { (_) throws(StorageError) in
      let known = state.withLock { $0.parts?.marks[file] }
      guard (known ?? 0) & edge == 0 else { return }
      let store = try open(partStore, writing: true)
      if known == nil {
        guard ftruncate(store.descriptor, 0) == 0 else { throw failure() }
        try put(PartMap.magic + [UInt8](repeating: 0, count: info.files.count), in: store, at: 0)
        state.withLock { $0.parts = PartMap(info) }
      }
      // Set before the bytes are there: their piece does not count before its epoch, which syncs both.
      try put([(known ?? 0) | edge], in: store, at: PartMap.position(ofMark: file))
      state.withLock { state in
        state.parts?.marks[file] |= edge
        _ = state.unsyncedFiles.insert(partStore)
      }
    }
  }

  private func failure() -> StorageError { StorageError(code: errno, path: shown(path(partStore))) }

  private func put(_ bytes: [UInt8], in store: OpenFile, at offset: Int64) throws(StorageError) {
    try inject(.write, path(partStore))
    let written = unsafe pwrite(store.descriptor, bytes, bytes.count, off_t(offset))
    if written < 0 { throw failure() }
    guard written == bytes.count else { throw .noSpace(path: shown(path(partStore))) }
  }

  /// Reads what the part store has, if that is not known yet. A store that is damaged or of another kind
  /// counts as empty: its pieces are fetched again.
  func readPartMap(anew: Bool = false) {
    guard anew || !state.withLock({ $0.isPartMapRead }) else { return }
    let marks = readMarks()
    let map = marks.map { PartMap(info, marks: $0) }
    state.withLock { state in
      state.isPartMapRead = true
      state.parts = map
    }
  }

  private func readMarks() -> [UInt8]? {
    guard let store = try? open(partStore, writing: false) else { return nil }
    var bytes = [UInt8](repeating: 0, count: PartMap.magic.count + info.files.count)
    let got = unsafe pread(store.descriptor, &bytes, bytes.count, 0)
    guard got == bytes.count, bytes.starts(with: PartMap.magic) else { return nil }
    return bytes.dropFirst(PartMap.magic.count).map { $0 & (PartMap.first | PartMap.last) }
  }

  // MARK: Moving to the files

  /// Files that are wanted and have bytes in the part store.
  var filesToClaim: [Int] {
    state.withLock { state in
      guard let parts = state.parts else { return [] }
      return parts.marks.indices.filter { parts.marks[$0] != 0 && (state.wanted.isEmpty || state.wanted[$0]) }
    }
  }

  /// Copies what the part store has of `files`, as far as `isOurs` says that the piece is good.
  func copyParts(of files: [Int], isOurs: (Int) -> Bool) throws(StorageError) {
    for file in files {
      let entry = info.files[file]
      for (edge, piece) in [
        (PartMap.first, entry.pieces.lowerBound), (PartMap.last, entry.pieces.upperBound - 1),
      ] {
        guard let range = PartMap.range(of: edge, entry, info), isOurs(piece),
          let start = state.withLock({ state -> Int64? in
            guard let parts = state.parts, parts.marks[file] & edge != 0 else { return nil }
            return parts.position(of: file, range.lowerBound, edge: edge, info)
          })
        else { continue }
        try copy(from: start, range, to: file)
      }
    }
  }

  private func copy(from start: Int64, _ range: Range<Int64>, to file: Int) throws(StorageError) {
    let parts = try open(partStore, writing: false)
    let target = try open(file, writing: true)
    defer { state.withLock { _ = $0.unsyncedFiles.insert(file) } }
    var buffer = [UInt8](repeating: 0, count: 65536)
    var position = range.lowerBound
    while position < range.upperBound {
      let length = Int(min(Int64(buffer.count), range.upperBound - position))
      let got = unsafe pread(parts.descriptor, &buffer, length, off_t(start + position - range.lowerBound))
      guard got > 0 else { throw StorageError(code: got < 0 ? errno : EIO, path: shown(path(partStore))) }
      try inject(.write, path(file))
      let put = unsafe pwrite(target.descriptor, buffer, got, off_t(position))
      guard put > 0 else { throw StorageError(code: put < 0 ? errno : ENOSPC, path: shown(path(file))) }
      position += Int64(put)
    }
  }

  /// What `files` had in the part store is in the files, durably: from here on it is read there. The store
  /// goes when nothing is left in it.
  ///
  /// The marks are off the disk before anything else happens. If an old one came back after a power cut, what
  /// the store has would be written over what the file got since.
  func clearMarks(of files: [Int]) throws(StorageError) {
    let store = try open(partStore, writing: true)
    state.withLock { state in
      for file in files { state.parts?.marks[file] = 0 }
    }
    for file in files { try put([0], in: store, at: PartMap.position(ofMark: file)) }
    try inject(.sync, path(partStore))
    guard fsync(store.descriptor) == 0 else { throw failure() }
    guard state.withLock({ $0.parts?.isEmpty ?? false }) else { return }
    let path = path(partStore)
    let folder = try openFolder(path.dropLast(), creating: false)
    guard unsafe unlinkat(folder.descriptor, path[1], 0) == 0 || errno == ENOENT else { throw failure() }
    openFiles.close(ObjectIdentifier(self))
    state.withLock { state in
      state.parts = nil
      _ = state.unsyncedFiles.remove(partStore)
    }
  }
}
