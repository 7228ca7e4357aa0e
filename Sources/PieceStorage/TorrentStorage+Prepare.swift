internal import CSystem
internal import Glibc
import Metainfo
internal import Synchronization

extension TorrentStorage {
  /// Gets the folder ready: makes the download folder, empty files and the symbolic links of BEP 47
  /// (those of the torrent's own; what is already in their place stays), and decides which unwanted
  /// files live in the part store. Bytes of files that are wanted now move from there to the files.
  ///
  /// To be called before anything else, and again to go on after an error: a folder that was put in
  /// the place of the old one is accepted only here.
  public func prepare() throws(StorageError) {
    for file in info.files where file.path.first?.lowercased() == stateFolder && !file.isPadding {
      throw .reserved(path: file.path.joined(separator: "/"))
    }
    close()
    state.withLock { $0.root = nil }
    try makeDirectory()
    _ = try openRoot()
    var walk = StatusWalk(self)
    let unwanted = info.files.indices.filter {
      !isWanted($0) && info.files[$0].length > 0 && !info.files[$0].isPadding
    }
    let apart = unwanted.filter { walk.status($0) == nil }
    var isApart = [Bool](repeating: false, count: apart.isEmpty ? 0 : info.files.count)
    for file in apart { isApart[file] = true }
    state.withLock { $0.apart = isApart }
    if walk.status(partStore) != nil {
      try claimParts(&walk)
      if apart.isEmpty { try dropPartStore() }
    }
    try makeEmptyEntries(&walk)
  }

  private func makeDirectory() throws(StorageError) {
    var prefix = directory.hasPrefix("/") ? "/" : ""
    for component in directory.split(separator: "/") {
      let parent = prefix.isEmpty ? "." : prefix
      prefix += prefix.isEmpty || prefix.hasSuffix("/") ? "\(component)" : "/\(component)"
      var found = apus_file_status()
      if unsafe apus_status_at(AT_FDCWD, prefix, &found) == 0 { continue }
      if unsafe mkdir(prefix, 0o777) != 0 {
        if errno == EEXIST { continue }
        throw StorageError(code: errno, path: prefix)
      }
      let above = unsafe apus_open(parent, O_RDONLY | O_DIRECTORY, 0)
      if above >= 0 { fsync(OpenFile(above, isWritable: false).descriptor) }
    }
  }

  private func makeEmptyEntries(_ walk: inout StatusWalk) throws(StorageError) {
    for (index, file) in info.files.enumerated() where isWanted(index) && file.length == 0 && !file.isPadding
    {
      guard walk.status(index) == nil else { continue }
      let folder = try openFolder(file.path.dropLast(), creating: true)
      let name = file.path.last ?? ""
      guard case .symbolicLink(let target) = file.kind else {
        _ = try open(index, writing: true)
        continue
      }
      let up = [String](repeating: "..", count: file.path.count - 1)
      // Under the same top folder the shortest way does not leave it.
      let common = zip(file.path.dropLast(), target).prefix { $0 == $1 }.count
      let way = up.dropFirst(common) + target.dropFirst(common)
      let made = unsafe symlinkat(way.isEmpty ? "." : way.joined(separator: "/"), folder.descriptor, name)
      guard made == 0 || errno == EEXIST else { throw StorageError(code: errno, path: shown(file.path)) }
      mark(newEntryIn: file.path.dropLast())
    }
  }

  /// Moves what the part store has of files that are wanted now and not there yet.
  private func claimParts(_ walk: inout StatusWalk) throws(StorageError) {
    let parts = try open(partStore, writing: false)
    for (index, file) in info.files.enumerated()
    where isWanted(index) && file.length > 0 && !file.isPadding && walk.status(index) == nil {
      var position = file.offset
      let end = file.offset + file.length
      while position < end {
        let data = Int64(apus_next_data(parts.descriptor, off_t(position)))
        guard data >= 0, data < end else { break }
        let hole = Int64(apus_next_hole(parts.descriptor, off_t(data)))
        position = min(end, hole > data ? hole : end)
        try copy(from: parts, data..<position, to: index, at: data - file.offset)
      }
    }
  }

  private func dropPartStore() throws(StorageError) {
    try sync()
    close()
    let path = path(partStore)
    let folder = try openFolder(path.dropLast(), creating: false)
    guard unsafe unlinkat(folder.descriptor, path[1], 0) == 0 else {
      throw StorageError(code: errno, path: shown(path))
    }
  }

  private func copy(
    from parts: OpenFile, _ range: Range<Int64>, to file: Int, at start: Int64
  ) throws(StorageError) {
    let target = try open(file, writing: true)
    var buffer = [UInt8](repeating: 0, count: 65536)
    var position = range.lowerBound
    while position < range.upperBound {
      let length = Int(min(Int64(buffer.count), range.upperBound - position))
      let got = unsafe pread(parts.descriptor, &buffer, length, off_t(position))
      guard got > 0 else { throw StorageError(code: got < 0 ? errno : EIO, path: shown(path(partStore))) }
      let put = unsafe pwrite(target.descriptor, buffer, got, off_t(start + position - range.lowerBound))
      guard put > 0 else { throw StorageError(code: put < 0 ? errno : ENOSPC, path: shown(path(file))) }
      position += Int64(put)
    }
    state.withLock { _ = $0.unsyncedFiles.insert(file) }
  }
}
