internal import CSystem
internal import Glibc
import Metainfo
internal import Synchronization

extension TorrentStorage {
  /// Waits until all that was written before the call is on the disk, new folder entries included.
  ///
  /// After an error nothing that was written since the last successful sync may be counted on, even
  /// if a later sync succeeds: the system may have dropped the pages that it could not write.
  public func sync() throws(StorageError) { _ = try syncFiles() }

  /// The same; gives the synced files as they were just before: what is on the disk is not older.
  func syncFiles() throws(StorageError) -> [Int: FileIdentity] {
    var (files, folders) = state.withLock { state in
      let taken = (state.unsyncedFiles, state.unsyncedFolders)
      state.unsyncedFiles = []
      state.unsyncedFolders = []
      return taken
    }
    defer {
      // What is left was not synced.
      state.withLock { state in
        state.unsyncedFiles.formUnion(files)
        state.unsyncedFolders.formUnion(folders)
      }
    }
    var identities: [Int: FileIdentity] = [:]
    for file in files {
      identities[file] = try syncFile(file)
      files.remove(file)
    }
    for folder in folders {
      try inject(.sync, folder)
      let opened = try openFolder(folder[...], creating: false)
      guard fsync(opened.descriptor) == 0 || errno == EINVAL else {
        throw StorageError(code: errno, path: shown(folder))
      }
      folders.remove(folder)
    }
    return identities
  }

  private func syncFile(_ file: Int) throws(StorageError) -> FileIdentity {
    let path = path(file)
    let opened = try open(file, writing: false)
    let found = try status(opened, path: path)
    // Deleted or replaced under us: the bytes would go when the descriptor does.
    guard found.links > 0 else { throw .vanished(path: shown(path)) }
    try inject(.sync, path)
    // Not fdatasync: the time of the last change must survive with the data, or after a power cut
    // the file would look like one that somebody changed.
    while fsync(opened.descriptor) != 0 {
      let code = errno
      guard code == EINTR else {
        // Pages that could not be written count as clean now: later reads should see the disk.
        apus_forget(opened.descriptor)
        throw StorageError(code: code, path: shown(path))
      }
    }
    return FileIdentity(found)
  }

  /// Has the next sync include files that somebody else wrote: those whose pieces were just checked.
  func needsSync(_ files: some Sequence<Int>) {
    state.withLock { $0.unsyncedFiles.formUnion(files) }
  }

  /// The files with bytes of a piece, as places on the disk, and how they are now.
  func identities(ofPiece piece: Int) throws(StorageError) -> [Int: FileIdentity] {
    var identities: [Int: FileIdentity] = [:]
    for file in homes(ofPiece: piece) {
      identities[file] = FileIdentity(try status(try open(file, writing: false), path: path(file)))
    }
    return identities
  }

  /// Places on the disk of a piece's bytes.
  func homes(ofPiece piece: Int) -> Set<Int> {
    var homes: Set<Int> = []
    for segment in info.segmentSequence(piece: piece, offset: 0, length: info.pieceSize(piece))
    where !segment.isPadding {
      homes.insert(place(of: segment, piece: piece).home)
    }
    return homes
  }
}
