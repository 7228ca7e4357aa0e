import Foundation
import Synchronization

/// transmission-daemon, driven by its settings file and its RPC. It needs ``TestNetwork/isIsolated``.
public final class TransmissionDaemon: Client {
  /// Which program it is.
  public var kind: ClientKind { .transmission }
  /// Where it takes connections.
  public let address = TestNetwork.address()
  private let stage: Stage
  private let control: TestAddress
  private let session = Mutex("")
  private let process = Mutex<ChildProcess?>(nil)

  private let isEncrypted: Bool
  private let usesUTP: Bool
  private let dht: TestAddress?

  /// Prepares one; with `encrypted`, it speaks to nobody who does not encrypt; with `utp`, over uTP, too; it enters
  /// the DHT through the node `dht`, if there is one.
  public init(on stage: Stage, encrypted: Bool = false, utp: Bool = false, dht: TestAddress? = nil) {
    self.dht = dht
    self.stage = stage
    usesUTP = utp
    isEncrypted = encrypted
    control = TestAddress(ip: address.ip, port: address.port + 12000)
  }

  /// Starts seeding; it checks the content when it first looks at it.
  public func seed(_ torrent: String, in folder: String) async throws {
    let home = stage.unique("transmission")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    let settings: [String: any Sendable] = [
      "bind-address-ipv4": address.ip, "peer-port": Int(address.port),
      "rpc-bind-address": control.ip, "rpc-port": Int(control.port),
      "download-dir": folder, "incomplete-dir-enabled": false, "rename-partial-files": false,
      "dht-enabled": dht != nil, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": usesUTP,
      "port-forwarding-enabled": false, "encryption": isEncrypted ? 2 : 0, "preallocation": 0,
      "speed-limit-down-enabled": false, "speed-limit-up-enabled": false, "alt-speed-enabled": false,
      "download-queue-enabled": false, "seed-queue-enabled": false, "watch-dir-enabled": false,
      "rpc-authentication-required": false, "rpc-whitelist-enabled": false,
      "rpc-host-whitelist-enabled": false,
    ]
    try JSONSerialization.data(withJSONObject: settings).write(
      to: URL(fileURLWithPath: home + "/settings.json"))
    if let dht { try writeFile(Array("\(dht.ip) \(dht.port)\n".utf8), home + "/dht.bootstrap") }
    let started = try stage.start("transmission-daemon", ["--foreground", "--config-dir", home])
    process.withLock { $0 = started }
    try await eventually("transmission's RPC", within: .seconds(20), every: .milliseconds(50)) {
      if let status = started.status { throw TestFailure("transmission ended: \(status)") }
      return (try? await self.request("session-get", [:])) != nil
    }
    _ = try await request("torrent-add", ["filename": torrent])
  }

  /// Starts downloading.
  public func download(_ torrent: String, into folder: String) async throws {
    try await seed(torrent, in: folder)
  }

  /// Whether everything is there.
  public func isComplete() async throws -> Bool {
    let answer = try await request("torrent-get", ["fields": ["percentDone", "errorString"]])
    guard let torrents = answer["torrents"] as? [[String: Any]], let torrent = torrents.first else {
      return false
    }
    return (torrent["percentDone"] as? NSNumber)?.doubleValue == 1
  }

  /// One call of the RPC. The first is refused and carries the session's id.
  private func request(_ method: String, _ arguments: [String: any Sendable]) async throws -> [String: Any] {
    let body = try JSONSerialization.data(withJSONObject: ["method": method, "arguments": arguments])
    let control = control
    for _ in 0..<2 {
      let id = session.withLock { $0 }
      let answer = try await onThread {
        try HTTPExchange(
          "POST", "/transmission/rpc", at: control, headers: ["X-Transmission-Session-Id": id],
          body: [UInt8](body))
      }
      if answer.status == 409 {
        session.withLock { $0 = answer.headers["x-transmission-session-id"] ?? "" }
        continue
      }
      let value = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any]
      guard value?["result"] as? String == "success" else {
        throw TestFailure("transmission: \(method): \(value?["result"] ?? "no result")")
      }
      return value?["arguments"] as? [String: Any] ?? [:]
    }
    throw TestFailure("transmission gives no session id")
  }
}
