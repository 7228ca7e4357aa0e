import Bytes
import Digest
import EventLoop
import Glibc
import Metainfo
import PieceStorage
import Synchronization

/// A folder that is deleted with its owner.
final class Scratch: Sendable {
  let path: String

  init() {
    // In memory if possible: there are many syncs.
    let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(base)/apus-storage-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { name in
      name.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? ""
    }
  }

  deinit { Self.delete(path) }

  static func delete(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name != ".", name != ".." else { continue }
        var status = stat()
        lstat("\(path)/\(name)", &status)
        if status.st_mode & S_IFMT == S_IFDIR {
          delete("\(path)/\(name)")
        } else {
          unlink("\(path)/\(name)")
        }
      }
      closedir(folder)
    }
    rmdir(path)
  }

  func read(_ name: String) -> [UInt8]? {
    let descriptor = open("\(path)/\(name)", O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    fstat(descriptor, &status)
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    let got = Glibc.read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, got)))
  }

  func write(_ bytes: [UInt8], to name: String) {
    makeFolders(for: name)
    let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    precondition(descriptor >= 0 && Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    close(descriptor)
  }

  func makeFolders(for name: String) {
    var prefix = path
    for part in name.split(separator: "/").dropLast() {
      prefix += "/\(part)"
      mkdir(prefix, 0o755)
    }
  }

  /// Changes one byte in place, and the time of the last change by an hour.
  func damage(_ name: String, at offset: Int, laterBy seconds: Int = 3600) {
    let descriptor = open("\(path)/\(name)", O_RDWR)
    precondition(descriptor >= 0)
    var byte: UInt8 = 0
    pread(descriptor, &byte, 1, off_t(offset))
    byte ^= 0xff
    pwrite(descriptor, &byte, 1, off_t(offset))
    close(descriptor)
    touch(name, laterBy: seconds)
  }

  func touch(_ name: String, laterBy seconds: Int) {
    var status = stat()
    stat("\(path)/\(name)", &status)
    status.st_mtim.tv_sec += seconds
    var times = [timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2), status.st_mtim]
    utimensat(AT_FDCWD, "\(path)/\(name)", &times, 0)
  }

  func exists(_ name: String) -> Bool {
    var status = stat()
    return lstat("\(path)/\(name)", &status) == 0
  }

  /// All names below, folders left out, Apus's own files too.
  func names(_ prefix: String = "") -> [String] {
    guard let folder = opendir("\(path)/\(prefix)") else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != "..", name != ".apus" else { continue }
      let isFolder = entry.pointee.d_type == UInt8(DT_DIR)
      names += isFolder ? self.names("\(prefix)\(name)/") : ["\(prefix)\(name)"]
    }
    return names.sorted()
  }
}

/// A torrent with its folder and everything to move pieces in and out of it.
final class Rig: Sendable {
  let torrent: TestTorrent
  let scratch: Scratch
  let loop = Loop(name: "test")
  let pool = DiskPool(threads: 2)
  let buffers = PieceBufferPool(limit: 64 << 20)
  let storage: TorrentStorage
  let journal: ResumeJournal

  init(
    _ torrent: TestTorrent, _ scratch: Scratch = Scratch(), wanted: [Bool]? = nil,
    openFiles: OpenFiles = OpenFiles(), system: SystemRun? = nil, faults: FaultInjection? = nil
  ) throws {
    self.torrent = torrent
    self.scratch = scratch
    let storage = TorrentStorage(
      info: torrent.info, directory: scratch.path, wanted: wanted, openFiles: openFiles, faults: faults)
    self.storage = storage
    journal = system.map { ResumeJournal(storage, system: $0) } ?? ResumeJournal(storage)
    try storage.prepare()
  }

  deinit {
    pool.stop()
    loop.stop()
    loop.join()
  }

  /// Hashes and writes a piece; `bytes` instead of the right ones.
  func write(_ piece: Int, bytes: [UInt8]? = nil, change: (PieceWrite) -> Void = { _ in }) async
    -> PieceWrite.Outcome
  {
    await job(piece, bytes: bytes, change: change).outcome ?? .mismatch(badBlocks: [-1])
  }

  func job(
    _ piece: Int, bytes: [UInt8]? = nil, leaves: Bool = false, on other: DiskPool? = nil,
    change: (PieceWrite) -> Void = { _ in }
  ) async -> PieceWrite {
    let bytes = bytes ?? torrent.piece(piece)
    guard let buffer = buffers.take(bytes.count) else { fatalError("no memory") }
    buffer.store(bytes.rawBytes, at: 0)
    let good = torrent.piece(piece)
    let known =
      leaves
      ? stride(from: 0, to: good.count, by: 16384).map { start in
        SHA256.hash(good.rawBytes.extracting(start..<min(good.count, start + 16384)))
      } : nil
    guard
      let expected = PieceExpectation(piece: piece, info: torrent.info, layers: torrent.layers, leaves: known)
    else { fatalError("no hash of piece \(piece)") }
    return await withCheckedContinuation { continuation in
      let write = PieceWrite(
        piece: piece, buffer: buffer, storage: storage, journal: journal, expected: expected, loop: loop
      ) { continuation.resume(returning: $1) }
      change(write)
      (other ?? pool).submit(write)
    }
  }

  func writeAll() async {
    for piece in 0..<torrent.info.pieceCount { _ = await write(piece) }
  }

  func sync(_ pieces: [Int]) async -> StorageError? {
    await withCheckedContinuation { continuation in
      pool.submit(
        SyncEpoch(pieces: pieces, journal: journal, loop: loop) { continuation.resume(returning: $1.failure) }
      )
    }
  }

  func check(_ pieces: Bitfield? = nil) -> CheckReport {
    PieceCheck(storage, layers: torrent.layers, pieces: pieces).run(threads: 2)
  }

  /// What a start does: the pieces that are ours afterwards, and what `load` said.
  func resume() throws -> (have: Bitfield, resumption: Resumption) {
    let resumption = journal.load()
    let report = resumption.doubtful.isEmpty ? nil : check(resumption.doubtful)
    try journal.adopt(resumption, checked: report?.good)
    return (journal.have, resumption)
  }
}

extension Bitfield {
  var indices: [Int] { (0..<count).filter { self[$0] } }
}
