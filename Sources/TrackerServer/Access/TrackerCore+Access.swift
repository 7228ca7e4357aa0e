internal import CSystem
internal import Glibc
import Logging

extension TrackerCore {
  /// Reads the files of the lists and has them count. In the log, -1 is a list that there is not.
  func load(_ configuration: AccessConfiguration) throws(TrackerError) {
    var seeds = SystemRandomNumberGenerator()
    let lists = try configuration.lists(
      lifetime: self.configuration.limits.peerLifetime, seed: seeds.next(), read: Self.read)
    access.replace(by: lists, now: clock())
    guard let lists else { return }
    self.configuration.log?.info(
      "lists_read",
      [
        LogField("allow", lists.allowed?.count ?? -1), LogField("deny", lists.denied?.count ?? -1),
        LogField("passkeys", lists.passkeys?.count ?? -1),
      ])
  }

  /// Bytes of a list at most: ten million info-hashes.
  private static let maximumList = 512 << 20

  private static func read(_ path: String) throws(TrackerError) -> [UInt8] {
    let descriptor = unsafe apus_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure(path) }
      guard count > 0 else { return bytes }
      guard bytes.count + count <= maximumList else {
        throw TrackerError(description: "'\(path)' is larger than 512 MiB: too large for a list")
      }
      bytes.append(contentsOf: chunk[..<count])
    }
  }

  private static func failure(_ path: String) -> TrackerError {
    TrackerError(description: unsafe "cannot read '\(path)': \(String(cString: strerror(errno)))")
  }
}
