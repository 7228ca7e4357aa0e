public import Bytes
internal import CSystem
import Digest
internal import Glibc
import Metainfo
internal import Synchronization

/// The record of which pieces of a torrent are ours, in `DIRECTORY/.apus/INFOHASH.resume`: append-only,
/// checksummed, replaced as a whole by renaming. Thread-safe; every call may block.
///
/// The rule that makes it right (docs/CRASH-SAFETY.md): a piece is recorded after its bytes are on the
/// disk, and a file is known again by its size and the time of its last change.
///
/// In order: `load`, a `PieceCheck` of what that says is doubtful, `adopt`; then `SyncEpoch`s with the
/// pieces that were written; then `close`.
public final class ResumeJournal: Sendable {
  struct Contents {
    var state: JournalState
    /// The journal while it is appended to, and its length up to the last whole record.
    var file: OpenFile?
    var length: Int64 = 0
    /// Length right after the last replacement: much growth since then calls for another one.
    var baseLength: Int64 = 0
    /// Why a sync failed. Nothing is ours any more until `load` looks anew.
    var failure: StorageError?
  }

  /// The torrent's files.
  public let storage: TorrentStorage
  let contents: Mutex<Contents>
  let system: SystemRun

  /// The journal of `storage`. Touches nothing yet.
  public convenience init(_ storage: TorrentStorage) { self.init(storage, system: .current) }

  /// For tests: `system` is the run of the operating system that all happens in.
  package init(_ storage: TorrentStorage, system: SystemRun) {
    self.storage = storage
    self.system = system
    contents = Mutex(Contents(state: JournalState(pieces: storage.info.pieceCount)))
  }

  /// The pieces that are ours.
  public var have: Bitfield { contents.withLock { $0.state.have } }

  // MARK: While pieces arrive

  /// Notes that a piece is about to be written. Costs one small write, and a sync the first time.
  func willWrite(_ piece: Int) throws(StorageError) {
    try contents.withLock { (contents) throws(StorageError) in
      if contents.state.system == nil || contents.file == nil {
        contents.state.apply(.opened(system: system.name))
        try replace(&contents)
      }
      try append(.writing(piece), &contents)
    }
  }

  /// Notes that it was written.
  func didWrite(_ piece: Int) throws(StorageError) {
    let files = try storage.identities(ofPiece: piece)
    try contents.withLock { (contents) throws(StorageError) in
      try append(.written(piece, files: files), &contents)
    }
  }

  /// Waits until all that was written before is on the disk, then records `pieces` as ours, durably.
  /// Once that has failed it fails until the next `load`.
  public func commit(_ pieces: [Int]) throws(StorageError) {
    try storage.epoch.withLock { (_) throws(StorageError) in
      if let failure = contents.withLock({ $0.failure }) { throw failure }
      let files: [Int: FileIdentity]
      do throws(StorageError) {
        files = try storage.syncFiles()
      } catch {
        contents.withLock { disown(&$0, error) }
        throw error
      }
      let file = try contents.withLock { (contents) throws(StorageError) -> OpenFile? in
        guard contents.file != nil, contents.length < max(1 << 18, 3 * contents.baseLength) else {
          contents.state.apply(.epoch(pieces, files: files))
          try replace(&contents)
          return nil
        }
        try append(.epoch(pieces, files: files), &contents)
        return contents.file
      }
      // Outside of the lock: other threads note their pieces meanwhile.
      guard let file else { return }
      try storage.inject(.sync, path)
      guard fdatasync(file.descriptor) == 0 else { throw failure() }
    }
  }

  /// After a failed sync: what was written since the last good one may be in memory only and yet count
  /// as written back, so that a look at it would show it whole and a later sync would succeed. It is
  /// not to be looked at, but to be fetched again.
  private func disown(_ contents: inout Contents, _ failure: StorageError) {
    contents.failure = failure
    let record = JournalRecord.lost(contents.state.uncommitted.keys.sorted())
    contents.state.apply(record)
    // The journal may be on the same bad disk: as well as it goes.
    try? append(record, &contents)
  }

  /// Records that pieces are not there any more, because reading them failed or gave something else.
  public func forget(_ pieces: [Int]) throws(StorageError) {
    try contents.withLock { (contents) throws(StorageError) in
      contents.state.apply(.lost(pieces))
      try replace(&contents)
    }
  }

  /// Ends the writing: syncs, records `pieces` and the files as they are now. What is on the disk can
  /// then be trusted without a look as long as sizes and times stay the same. The next write opens
  /// the journal again.
  public func close(committing pieces: [Int] = []) throws(StorageError) {
    try storage.epoch.withLock { (_) throws(StorageError) in
      let files = try storage.syncFiles()
      try contents.withLock { (contents) throws(StorageError) in
        guard contents.state.system != nil || !pieces.isEmpty else { return }
        contents.state.apply(.epoch(pieces, files: files))
        // Some file systems settle the time when they write back: it is read again.
        var walk = StatusWalk(storage)
        for file in contents.state.files.keys { contents.state.files[file] = walk.identity(file) }
        contents.state.apply(.snapshot(have: contents.state.have, files: contents.state.files))
        try replace(&contents)
        contents.file = nil
      }
    }
  }

  // MARK: On disk

  var path: [String] { [stateFolder, "\(storage.info.infoHash).resume"] }

  static let magic: [UInt8] = Array("apus resume 1\n".utf8)

  /// What a journal of this torrent begins with: magic, info-hash, counts of pieces and files, CRC.
  var header: [UInt8] {
    var bytes = Self.magic
    storage.info.infoHash.append(to: &bytes)
    bytes.append(bigEndian: UInt32(storage.info.pieceCount))
    bytes.append(bigEndian: UInt32(storage.info.files.count))
    bytes.append(bigEndian: CRC32C.of(bytes.rawBytes))
    return bytes
  }

  private func failure() -> StorageError { StorageError(code: errno, path: storage.shown(path)) }

  private func append(_ record: JournalRecord, _ contents: inout Contents) throws(StorageError) {
    guard let file = contents.file else { return }
    var bytes: [UInt8] = []
    record.append(to: &bytes)
    try storage.inject(.write, path)
    // At a place of its own, so that the rest of a failed attempt is written over.
    try write(bytes, to: file, at: contents.length)
    contents.length += Int64(bytes.count)
    contents.state.apply(record)
  }

  private func write(_ bytes: [UInt8], to file: OpenFile, at offset: Int64) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let written = unsafe bytes.withUnsafeBytes { bytes in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
        return unsafe pwrite(file.descriptor, rest.baseAddress, rest.count, off_t(offset + Int64(done)))
      }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else {
        let error = written < 0 ? failure() : .noSpace(path: storage.shown(path))
        ftruncate(file.descriptor, off_t(offset))
        throw error
      }
      done += written
    }
  }

  /// Writes the whole state to a new file and puts it in the place of the old one, durably.
  func replace(_ contents: inout Contents) throws(StorageError) {
    var bytes = header
    for record in contents.state.records { record.append(to: &bytes) }
    try storage.inject(.write, path)
    let name = path[1]
    let temporary = name + ".new"
    let folder = try storage.openFolder([stateFolder], creating: true)
    unsafe unlinkat(folder.descriptor, temporary, 0)
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
    let descriptor = unsafe apus_openat(folder.descriptor, temporary, flags, 0o666)
    guard descriptor >= 0 else { throw failure() }
    let file = OpenFile(descriptor, isWritable: true)
    do throws(StorageError) {
      try write(bytes, to: file, at: 0)
      try storage.inject(.sync, path)
      guard fsync(descriptor) == 0,
        unsafe renameat(folder.descriptor, temporary, folder.descriptor, name) == 0
      else {
        throw failure()
      }
    } catch {
      unsafe unlinkat(folder.descriptor, temporary, 0)
      throw error
    }
    guard fsync(folder.descriptor) == 0, fsync(try storage.openRoot().descriptor) == 0 else {
      throw failure()
    }
    contents.file = file
    contents.length = Int64(bytes.count)
    contents.baseLength = contents.length
  }

  /// The journal's bytes and the time of its last change; `nil` if there is none that can be read.
  func readFile() -> (bytes: [UInt8], modified: Int64)? {
    guard let folder = try? storage.openFolder([stateFolder], creating: false) else { return nil }
    let descriptor = unsafe apus_openat(folder.descriptor, path[1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
    guard descriptor >= 0 else { return nil }
    let file = OpenFile(descriptor, isWritable: false)
    // Nothing that Apus wrote is larger, whatever the torrent.
    guard let found = try? storage.status(file, path: path), found.kind == 1, found.size <= 1 << 30 else {
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: Int(found.size))
    var done = 0
    while done < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { bytes in
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
        return unsafe pread(file.descriptor, rest.baseAddress, rest.count, off_t(done))
      }
      guard got > 0 else { break }
      done += got
    }
    return (Array(bytes.prefix(done)), found.modified)
  }
}
