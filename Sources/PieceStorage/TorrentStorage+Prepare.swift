internal import CSystem
internal import Glibc
import Metainfo
internal import Synchronization

extension TorrentStorage {
  /// Gets the folder ready: makes the download folder, empty files and the symbolic links of BEP 47
  /// (those of the torrent's own; what is already in their place stays), and reads what is in the part store.
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
    readPartMap(anew: true)
    try makeEmptyEntries()
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

  /// Makes the wanted files without content and the links that are missing.
  func makeEmptyEntries() throws(StorageError) {
    var walk = StatusWalk(self)
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
}
