import Foundation
import TestSupport
import Testing

/// A torrent, its seed and its tracker in the world, and whoever wants it inside.
struct ProxyStage {
  let stage: Stage
  let network: ProxiedNetwork
  var torrent: TestTorrent
  let source: String

  init(on stage: Stage, size: Int = 3 << 20) async throws {
    self.stage = stage
    network = try await ProxiedNetwork(on: stage)
    torrent = TestTorrent(size: size)
    source = try stage.folder.folder("source")
    try torrent.writeContent(in: source)
  }

  var infoHash: String { torrent.infoHash.map { String(format: "%02x", $0) }.joined() }

  /// A magnet link with more behind it.
  func magnet(_ more: String) -> String { "magnet:?xt=urn:btih:\(infoHash)\(more)" }

  func write() throws -> String { try torrent.write(to: stage.folder["payload.torrent"]) }

  /// `apus tracker` at `one.world`.
  func startTracker() async throws {
    let process = try network.startInWorld(
      ApusClient.executable, ["tracker", "--listen", "10.78.0.1:6969", "--interval", "5"])
    try await network.waitForWorld(process, at: "10.78.0.1", port: 6969)
  }

  /// opentracker at `four.world`, over UDP.
  func startUDPTracker() async throws {
    let home = stage.unique("opentracker")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    try writeFile(Array((infoHash + "\n").utf8), home + "/allowed")
    let users = (try? String(contentsOfFile: "/proc/self/uid_map", encoding: .utf8)) ?? ""
    let isRoot = getuid() == 0 && !users.contains("4294967295")
    let command = [
      "opentracker", "-i", "10.78.0.4", "-p", "6969", "-P", "6969", "-d", home, "-u", "nobody", "-w",
      "allowed",
    ]
    let process = try network.startInWorld(
      isRoot ? "unshare" : command[0], isRoot ? ["--map-user=65534"] + command : Array(command.dropFirst()))
    try await network.waitForWorld(process, at: "10.78.0.4", port: 6969)
  }

  /// nginx with the content at `five.world`.
  func startWebSeed() async throws {
    let home = stage.unique("nginx")
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(home)/temp;" }
    let configuration = """
      daemon off; master_process off; pid \(home)/pid; error_log \(home)/errors; events {}
      http { \(folders.joined()) access_log off; server { listen 10.78.0.5:80; root \(source); } }
      """
    try writeFile(Array(configuration.utf8), home + "/configuration")
    let process = try network.startInWorld("nginx", ["-c", home + "/configuration", "-e", home + "/errors"])
    try await network.waitForWorld(process, at: "10.78.0.5", port: 80)
  }

  /// `apus seed` at `three.world`.
  @discardableResult
  func startSeed(_ options: [String] = ["--no-dht"]) async throws -> ChildProcess {
    let process = try network.startInWorld(
      ApusClient.executable,
      ["seed", try write(), "--dir", source, "--listen", "10.78.0.3:7000", "--no-lsd", "--json"] + options)
    try await eventually("the seed is ready", within: .seconds(10)) {
      if let status = process.status { throw TestFailure("it ended: \(status)\(process.tail)") }
      return process.output.contains(#""state":"seeding""#)
    }
    return process
  }

  /// Downloads inside. The routers of the world are left out, unless something else is given.
  func start(_ what: String, into target: String, _ options: [String], environment: [String: String] = [:])
    throws
    -> ChildProcess
  {
    try network.startInside(
      ApusClient.executable,
      ["download", what, "--dir", target, "--json", "--dht-state", stage.folder["nodes"]] + options,
      environment: ["APUS_DHT_ROUTERS": "none"].merging(environment) { $1 })
  }

  /// Downloads inside to the end, and expects that nothing went past the proxy.
  @discardableResult
  func download(
    _ what: String, _ options: [String], environment: [String: String] = [:],
    within limit: Duration = .seconds(60)
  ) async throws -> ChildProcess {
    let target = try stage.folder.folder("target")
    let process = try start(what, into: target, options, environment: environment)
    #expect(try await process.waitForExit(within: limit) == .exited(0), "\(process.tail)")
    #expect(try torrent.faults(in: target) == [])
    try await expectNoLeak()
    return process
  }

  /// Nothing went past the proxy, of as many packets at least.
  func expectNoLeak(among least: Int = 20) async throws {
    let (count, foreign) = try await network.packets()
    #expect(foreign == [])
    #expect(count > least)
  }
}
