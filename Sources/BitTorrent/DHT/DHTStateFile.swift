import Bytes
import Glibc
import MainlineDHT

/// The file in which a DHT's state waits for the next run. Replaced as a whole, so that a crash leaves the old
/// or the new one. To be used on disk threads.
///
/// A second process with the same file starts with the same nodes, but neither takes the first one's name nor
/// writes: a lock on a file beside it tells.
final class DHTStateFile: Sendable {
  private let path: String
  private let lock: Int32

  /// A file that need not exist yet. Makes the folders of the path.
  init(path: String) {
    self.path = path
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      Self.makeFolder(String(path[..<slash]))
    }
    let descriptor = unsafe open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      close(descriptor)
      lock = -1
    } else {
      lock = descriptor
    }
  }

  deinit { if lock >= 0 { close(lock) } }

  /// What the file has; `nil` if there is none that is whole. Without names if another process has them.
  func load() -> DHTState? {
    guard var state = read() else { return nil }
    if lock < 0 { (state.id, state.id6) = (nil, nil) }
    return state
  }

  private func read() -> DHTState? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: DHTState.maximumBytes + 1)
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
      }
      guard got > 0 else { break }
      count += got
    }
    return DHTState(file: Array(bytes.prefix(count)))
  }

  /// Replaces the file, if it is ours and the folder lets us.
  func save(_ state: DHTState) {
    guard lock >= 0 else { return }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let temporary = "\(path).\(getpid()).new"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return }
    let bytes = state.file
    let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    let isWhole = written == bytes.count && fsync(descriptor) == 0
    close(descriptor)
    guard isWhole, unsafe rename(temporary, path) == 0 else {
      unsafe unlink(temporary)
      return
    }
    let parent = unsafe open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if parent >= 0 {
      fsync(parent)
      close(parent)
    }
  }

  private static func makeFolder(_ path: String) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      unsafe mkdir(String(path[..<end]), 0o700)
    }
  }
}
