internal import CSystem
internal import Glibc
public import Metainfo
internal import Synchronization

/// The files of one torrent on disk. Thread-safe; every call may block, so none belongs on a loop.
///
/// Files are made when first written to, sparse and at their full length; folders likewise. Below the
/// download folder no symbolic link is ever followed: each folder of a path is opened on its own. A
/// file that is not wanted and not there is not made: what pieces shared with its neighbours hold of
/// it goes to a part store, a sparse file laid out like piece space.
public final class TorrentStorage: Sendable {
  struct State {
    /// Device and inode of the download folder, so that one that takes its place is noticed.
    var root: (device: UInt64, inode: UInt64)?
    /// Which files are wanted; empty for all.
    var wanted: [Bool] = []
    /// What is in the part store; `nil` if there is none.
    var parts: PartMap?
    var isPartMapRead = false
    /// Files written to since they were last synced, and folders that got new entries.
    var unsyncedFiles: Set<Int> = []
    var unsyncedFolders: Set<[String]> = []
  }

  /// The torrent.
  public let info: Info
  /// The download folder, as given.
  public let directory: String
  /// Whether there are pad files: their space in a piece is zeros whatever arrives for it.
  let hasPadding: Bool
  let openFiles: OpenFiles
  let faults: FaultInjection?
  let state = Mutex(State())
  /// Held while the part store gets a mark.
  let marking = Mutex(())
  /// Held while an epoch is synced and recorded: epochs must not overlap.
  let epoch = Mutex(())

  /// Storage of `info`'s files in `directory`. Touches nothing yet.
  ///
  /// - Parameters:
  ///   - info: the torrent.
  ///   - directory: the download folder; made by `prepare` if it is missing.
  ///   - wanted: for each file of the torrent whether it is wanted; all if `nil`.
  ///   - openFiles: the session's cache of descriptors.
  ///   - faults: for tests: makes operations fail or wait.
  public init(
    info: Info, directory: String, wanted: [Bool]? = nil, openFiles: OpenFiles = OpenFiles(),
    faults: FaultInjection? = nil
  ) {
    self.info = info
    self.directory = directory.isEmpty ? "." : directory
    self.openFiles = openFiles
    hasPadding = info.files.contains { $0.isPadding }
    self.faults = faults
    setWanted(wanted)
  }

  deinit { close() }

  /// Closes what this torrent has open; it opens again by itself.
  public func close() { openFiles.close(ObjectIdentifier(self)) }

  // MARK: Names

  /// Stands for the part store where a file's index is asked for.
  var partStore: Int { info.files.count }
  private static let rootKey = -1

  func path(_ file: Int) -> [String] {
    file == partStore ? [stateFolder, "\(info.infoHash).parts"] : info.files[file].path
  }

  /// The path that people know a file by.
  func shown(_ path: some Collection<String>) -> String { ([directory] + path).joined(separator: "/") }

  func isWanted(_ file: Int) -> Bool { state.withLock { $0.wanted.isEmpty || $0.wanted[file] } }

  /// Changes which files are wanted; all if `nil`. Moves nothing.
  func setWanted(_ wanted: [Bool]?) {
    let all = wanted.map { wanted in info.files.indices.map { $0 < wanted.count && wanted[$0] } } ?? []
    state.withLock { $0.wanted = all.contains(false) ? all : [] }
  }

  // MARK: Opening

  /// The file, from the cache or the disk. `writing` makes it and its folders if they are missing.
  func open(_ file: Int, writing: Bool) throws(StorageError) -> OpenFile {
    let key = OpenFiles.Key(owner: ObjectIdentifier(self), file: file)
    if let found = openFiles.find(key, writing: writing) { return found }
    let path = path(file)
    try inject(.open, path)
    let folder = try openFolder(path.dropLast(), creating: writing)
    let opened = try openEntry(path, file: file, in: folder, writing: writing)
    openFiles.keep(opened, as: key)
    return opened
  }

  /// The download folder.
  func openRoot() throws(StorageError) -> OpenFile {
    let key = OpenFiles.Key(owner: ObjectIdentifier(self), file: Self.rootKey)
    if let found = openFiles.find(key, writing: false) { return found }
    let descriptor = unsafe apus_open(directory, O_RDONLY | O_DIRECTORY, 0)
    guard descriptor >= 0 else { throw StorageError(code: errno, path: directory) }
    let root = OpenFile(descriptor, isWritable: false)
    let found = try status(root, path: [])
    let isSame = state.withLock { state in
      guard let known = state.root else {
        state.root = (found.device, found.inode)
        return true
      }
      return known == (found.device, found.inode)
    }
    // Another folder has its name, an empty mount point for instance.
    guard isSame else { throw .vanished(path: directory) }
    openFiles.keep(root, as: key)
    return root
  }

  /// The folder at `path` below the download folder, one component at a time and through no link.
  func openFolder(_ path: ArraySlice<String>, creating: Bool) throws(StorageError) -> OpenFile {
    var folder = try openRoot()
    for depth in path.indices {
      let prefix = path[...depth]
      var descriptor = unsafe apus_openat(
        folder.descriptor, path[depth], O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
      if descriptor < 0, errno == ENOENT, creating {
        let made = unsafe mkdirat(folder.descriptor, path[depth], 0o777)
        if made != 0, errno != EEXIST { throw StorageError(code: errno, path: shown(prefix)) }
        if made == 0 { mark(newEntryIn: Array(prefix.dropLast())) }
        descriptor = unsafe apus_openat(
          folder.descriptor, path[depth], O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
      }
      guard descriptor >= 0 else { throw obstruction(errno, path[depth], in: folder, shown(prefix)) }
      folder = OpenFile(descriptor, isWritable: false)
    }
    return folder
  }

  private func openEntry(
    _ path: [String], file: Int, in folder: OpenFile, writing: Bool
  ) throws(StorageError) -> OpenFile {
    let name = path.last ?? ""
    // O_NONBLOCK: opening a pipe that someone put there must not wait for its other end.
    let flags = (writing ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK
    var descriptor = unsafe apus_openat(folder.descriptor, name, flags, 0)
    if descriptor < 0, errno == ENOENT, writing {
      let mode: UInt32 =
        file < partStore && info.files[file].kind == .regular(isExecutable: true) ? 0o777 : 0o666
      descriptor = unsafe apus_openat(folder.descriptor, name, flags | O_CREAT | O_EXCL, mode)
      if descriptor >= 0 { mark(newEntryIn: path.dropLast()) }
      // Another thread was faster.
      if descriptor < 0, errno == EEXIST {
        descriptor = unsafe apus_openat(folder.descriptor, name, flags, 0)
      }
    }
    guard descriptor >= 0 else { throw obstruction(errno, name, in: folder, shown(path)) }
    let opened = OpenFile(descriptor, isWritable: writing)
    let found = try status(opened, path: path)
    guard found.kind == 1 else {
      throw .obstructed(path: shown(path), by: found.kind == 2 ? .folder : .special)
    }
    if writing, file < partStore, found.size != info.files[file].length {
      guard ftruncate(descriptor, off_t(info.files[file].length)) == 0 else {
        throw StorageError(code: errno, path: shown(path))
      }
    }
    return opened
  }

  /// What a failed opening comes to: `openat` says the same for links and files in a folder's place.
  private func obstruction(
    _ code: Int32, _ name: String, in folder: OpenFile, _ shown: String
  ) -> StorageError {
    guard code == ENOTDIR || code == ELOOP else { return StorageError(code: code, path: shown) }
    var found = apus_file_status()
    guard unsafe apus_status_at(folder.descriptor, name, &found) == 0 else {
      return StorageError(code: code, path: shown)
    }
    switch found.kind {
    case 1: return .obstructed(path: shown, by: .file)
    case 2: return .obstructed(path: shown, by: .folder)
    case 3: return .obstructed(path: shown, by: .link)
    default: return .obstructed(path: shown, by: .special)
    }
  }

  func status(_ file: OpenFile, path: some Collection<String>) throws(StorageError) -> apus_file_status {
    var found = apus_file_status()
    guard unsafe apus_status(file.descriptor, &found) == 0 else {
      throw StorageError(code: errno, path: shown(path))
    }
    return found
  }

  func inject(_ operation: FileOperation, _ path: @autoclosure () -> [String]) throws(StorageError) {
    guard let faults else { return }
    let path = path()
    let code = faults(operation, path.joined(separator: "/"))
    if code != 0 { throw StorageError(code: code, path: shown(path)) }
  }

  func mark(newEntryIn folder: [String]) {
    state.withLock { _ = $0.unsyncedFolders.insert(folder) }
  }
}
