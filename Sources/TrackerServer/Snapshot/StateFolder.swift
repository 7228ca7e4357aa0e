internal import Glibc

/// The folder in which a tracker keeps what the next run needs: the snapshot of its swarms, the socket over which a
/// new process takes over.
struct StateFolder: Sendable {
  let path: String

  /// Makes the folder, if it is not there, for its owner alone.
  init(_ path: String) throws(SnapshotFault) {
    self.path = path
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      unsafe mkdir(String(path[..<end]), 0o700)
    }
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("cannot use the folder '\(path)'", code: errno) }
    close(descriptor)
  }

  var snapshot: String { path + "/swarms.snapshot" }
  /// What changed while a new process read the snapshot.
  var changes: String { path + "/swarms.changes" }
  var handOver: String { path + "/hand-over.socket" }

  /// Replaces a snapshot: at any moment the file is the old one or the new one, whole. `isDurable`: on the disk
  /// when it returns.
  func write(
    _ table: SwarmTable, to path: String, since: UInt32? = nil, isDurable: Bool = true, clock: () -> UInt32
  ) throws(SnapshotFault) -> SnapshotSummary {
    let temporary = "\(path).new"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .system("cannot write '\(temporary)'", code: errno) }
    do throws(SnapshotFault) {
      defer { close(descriptor) }
      let summary = try table.writeSnapshot(
        to: descriptor, wall: Self.wallClock(), since: since, clock: clock)
      guard !isDurable || fsync(descriptor) == 0 else {
        throw .system("cannot write '\(temporary)'", code: errno)
      }
      guard unsafe rename(temporary, path) == 0 else {
        throw .system("cannot replace '\(path)'", code: errno)
      }
      if isDurable { syncFolder() }
      return summary
    } catch {
      unsafe unlink(temporary)
      throw error
    }
  }

  private func syncFolder() {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// Takes in a snapshot; `nil` if there is none.
  func read(
    _ path: String, into table: SwarmTable, now: UInt32, replacing: Bool = false, threads: Int
  ) throws(SnapshotFault) -> SnapshotSummary? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return nil }
      throw .system("cannot read it", code: errno)
    }
    defer { close(descriptor) }
    return try table.restore(
      .file(descriptor), now: now, wall: Self.wallClock(), replacing: replacing, threads: threads)
  }

  /// Puts a file that cannot be used aside, where the next snapshot does not replace it; its new path.
  func putAside(_ path: String) -> String? {
    let aside = "\(path).bad"
    return unsafe rename(path, aside) == 0 ? aside : nil
  }

  static func wallClock() -> UInt64 { UInt64(max(0, time(nil))) }
}
