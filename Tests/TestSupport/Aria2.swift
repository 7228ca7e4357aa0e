import Foundation
import Synchronization

/// aria2c, driven by its command line.
public final class Aria2: Client {
  /// Which program it is.
  public var kind: ClientKind { .aria2 }
  /// Where it takes connections.
  public let address = TestNetwork.address()
  private let stage: Stage
  private let marker: String
  private let process = Mutex<ChildProcess?>(nil)
  private let dht: [String]

  /// Prepares one; with `dht`, it enters the DHT through that node.
  public init(on stage: Stage, dht: TestAddress? = nil) {
    self.stage = stage
    let port = address.port
    self.dht =
      dht.map {
        [
          "--enable-dht=true", "--dht-entry-point=\($0)", "--dht-listen-port=\(port)",
          "--dht-file-path=\(stage.unique("aria2-dht"))",
        ]
      } ?? ["--enable-dht=false"]
    marker = stage.unique("aria2-complete")
  }

  /// Starts seeding, after a check of the content.
  public func seed(_ torrent: String, in folder: String) throws {
    try start(torrent, folder, ["--check-integrity=true"])
  }

  /// Starts downloading.
  public func download(_ torrent: String, into folder: String) throws { try start(torrent, folder, []) }

  private func start(_ torrent: String, _ folder: String, _ more: [String]) throws {
    let hook = stage.unique("aria2-hook")
    try writeFile(Array("#!/bin/sh\n: >'\(marker)'\n".utf8), hook)
    chmod(hook, 0o755)
    let started = try stage.start(
      "aria2c",
      [
        "--no-conf", "--enable-dht6=false", "--bt-enable-lpd=false",
        "--enable-peer-exchange=false", "--seed-ratio=0.0", "--file-allocation=none", "--summary-interval=0",
        "--interface=\(address.ip)", "--listen-port=\(address.port)", "--dir=\(folder)",
        "--on-bt-download-complete=\(hook)",
      ] + dht + more + [torrent])
    process.withLock { $0 = started }
  }

  /// Whether the download has ended.
  public func isComplete() throws -> Bool {
    if access(marker, F_OK) == 0 { return true }
    if let status = process.withLock({ $0?.status }) { throw TestFailure("aria2c ended: \(status)") }
    return false
  }
}
