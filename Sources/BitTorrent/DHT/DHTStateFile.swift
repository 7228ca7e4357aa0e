import Bytes
import Glibc
import MainlineDHT

/// The file in which a DHT's state waits for the next run. Replaced as a whole, so that a crash leaves the old
/// or the new one. To be used on disk threads.
struct DHTStateFile: Sendable {
  let path: String

  /// What the file has; `nil` if there is none that is whole.
  func load() -> DHTState? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: DHTState.maximumBytes + 1)
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe read(descriptor, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
      }
      guard got > 0 else { break }
      count += got
    }
    return DHTState(file: Array(bytes.prefix(count)))
  }

  /// Replaces the file; false if the folder does not let us. Makes the last folder of the path.
  @discardableResult
  func save(_ state: DHTState) -> Bool {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    if !folder.isEmpty { makeFolder(folder) }
    let temporary = "\(path).\(getpid()).new"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return false }
    let bytes = state.file
    let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    let isWhole = written == bytes.count && fsync(descriptor) == 0
    close(descriptor)
    guard isWhole, unsafe rename(temporary, path) == 0 else {
      unsafe unlink(temporary)
      return false
    }
    let parent = unsafe open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if parent >= 0 {
      fsync(parent)
      close(parent)
    }
    return true
  }

  private func makeFolder(_ path: String) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      unsafe mkdir(String(path[..<end]), 0o700)
    }
  }
}
