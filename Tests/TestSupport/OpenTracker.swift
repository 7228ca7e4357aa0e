import Foundation

/// opentracker, which as Debian builds it serves only the torrents of a list.
public final class OpenTracker: Sendable {
  /// Where it serves announces over HTTP.
  public let address = TestNetwork.address()
  private let stage: Stage

  /// Prepares one.
  public init(on stage: Stage) { self.stage = stage }

  /// The announce URL.
  public var url: String { "http://\(address)/announce" }

  /// The announce URL over UDP (BEP 15).
  public var udpURL: String { "udp://\(address)/announce" }

  /// Starts it for the torrents of these info-hashes, in hexadecimal.
  public func start(serving infoHashes: [String]) async throws {
    let home = stage.unique("opentracker")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    try writeFile(Array((infoHashes.joined(separator: "\n") + "\n").utf8), home + "/allowed")
    // It changes its root to the folder of -d; the list's path is relative to that.
    var command = ["opentracker", "-i", address.ip, "-p", "\(address.port)", "-P", "\(address.port)"]
    command += ["-d", home, "-u", "nobody", "-w", "allowed"]
    // It insists on not being root. Where root is only a name, in a user namespace, no other user
    // exists to change to: there it starts as nobody in a namespace of its own.
    let users = (try? String(contentsOfFile: "/proc/self/uid_map", encoding: .utf8)) ?? ""
    if getuid() == 0, !users.contains("4294967295") { command = ["unshare", "--map-user=65534"] + command }
    let process = try stage.start(command[0], Array(command.dropFirst()))
    try await eventually("opentracker listens", within: .seconds(120)) { [address] in
      if let status = process.status { throw TestFailure("opentracker ended: \(status)") }
      return (try? await onThread { try Connection(to: address).close() }) != nil
    }
  }
}
