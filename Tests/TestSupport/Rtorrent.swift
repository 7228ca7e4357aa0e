import Foundation
import Synchronization

/// rTorrent, driven by a configuration file. It takes part in tests of trackers only.
public final class Rtorrent: Sendable {
  /// Where it takes connections.
  public let address = TestNetwork.address()
  private let stage: Stage
  private let marker: String
  private let process = Mutex<ChildProcess?>(nil)

  /// Prepares one.
  public init(on stage: Stage) {
    self.stage = stage
    marker = stage.unique("rtorrent-complete")
  }

  /// Starts downloading.
  public func download(_ torrent: String, into folder: String) throws {
    let home = stage.unique("rtorrent")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    let configuration = """
      system.daemon.set = true
      network.bind_address.set = \(address.ip)
      network.port_range.set = \(address.port)-\(address.port)
      network.port_random.set = no
      dht.mode.set = disable
      protocol.pex.set = no
      protocol.encryption.set = none
      trackers.use_udp.set = yes
      session.path.set = \(home)
      directory.default.set = \(folder)
      method.set_key = event.download.finished, test, "execute2 = touch, \(marker)"
      load.start = \(torrent)

      """
    try writeFile(Array(configuration.utf8), home + "/config")
    let started = try stage.start("rtorrent", ["-n", "-o", "import=\(home)/config"])
    process.withLock { $0 = started }
  }

  /// Whether the download has ended.
  public func isComplete() throws -> Bool {
    if access(marker, F_OK) == 0 { return true }
    if let status = process.withLock({ $0?.status }) { throw TestFailure("rtorrent ended: \(status)") }
    return false
  }
}
