import Foundation
import Synchronization

/// Two networks with a cable between them: the world, which has everything, and an inside, whose only neighbour is the
/// world at ``proxyAddress`` and where every packet is watched. Names are known to the world alone; who asks for one
/// inside sends a packet that does not go to the proxy. Needs the namespace of `scripts/test`.
public final class ProxiedNetwork: Sendable {
  /// Where proxies listen.
  public static let proxyAddress = "10.77.0.1"
  /// The address of what is inside.
  public static let insideAddress = "10.77.0.2"

  private let stage: Stage
  private let world: ChildProcess
  private let inside: ChildProcess
  private let sniffer = Mutex<ChildProcess?>(nil)

  /// Makes both, and begins to watch. The world has 10.78.0.1 to 10.78.0.9, with the names `one.world` to `nine.world`.
  public init(on stage: Stage) async throws {
    self.stage = stage
    let names = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    let hosts = names.enumerated().map { "10.78.0.\($0 + 1) \($1).world\n" }.joined()
    try writeFile(Array(("127.0.0.1 localhost\n" + hosts).utf8), stage.folder["hosts"])
    try writeFile(
      Array("nameserver 10.78.0.9\noptions timeout:1 attempts:1\n".utf8), stage.folder["resolv.conf"])
    var script = "ip link set lo up; mount --bind '\(stage.folder["hosts"])' /etc/hosts"
    for number in 1...names.count { script += "; ip addr add 10.78.0.\(number)/32 dev lo" }
    world = try stage.start(
      "unshare", ["--net", "--mount", "sh", "-c", script + "; echo ready; exec sleep 1000"])
    try await Self.ready(world)
    inside = try stage.start(
      "nsenter",
      [
        "--net=/proc/\(world.id)/ns/net", "unshare", "--net", "--mount", "sh", "-c",
        "mount --bind '\(stage.folder["resolv.conf"])' /etc/resolv.conf; ip link set lo up; echo ready; exec sleep 1000",
      ])
    try await Self.ready(inside)
    try await run(
      inWorld(
        "sh",
        [
          "-c",
          """
          ip link add w0 type veth peer name i0 netns \(inside.id)
          ip addr add \(Self.proxyAddress)/24 dev w0; ip addr add fd77::1/64 dev w0 nodad; ip link set w0 up
          """,
        ]))
    try await run(
      inInside(
        "sh",
        [
          "-c",
          """
          ip addr add \(Self.insideAddress)/24 dev i0; ip addr add fd77::2/64 dev i0 nodad; ip link set i0 up
          ip route add default via \(Self.proxyAddress); ip route add default via fd77::1
          """,
        ]))
    let sniffer = try startInside("/usr/bin/python3", [driver("sniffer.py"), Self.proxyAddress])
    try await Self.ready(sniffer)
    self.sniffer.withLock { $0 = sniffer }
  }

  private static func ready(_ process: ChildProcess) async throws {
    try await eventually("\(process.name) is ready") {
      if let status = process.status { throw TestFailure("it ended: \(status)\(process.tail)") }
      return process.output.contains("ready\n")
    }
  }

  private func inWorld(_ executable: String, _ arguments: [String]) -> (String, [String]) {
    let files = "/proc/\(world.id)/ns/"
    return ("nsenter", ["--net=\(files)net", "--mount=\(files)mnt", executable] + arguments)
  }

  private func inInside(_ executable: String, _ arguments: [String]) -> (String, [String]) {
    let files = "/proc/\(inside.id)/ns/"
    return ("nsenter", ["--net=\(files)net", "--mount=\(files)mnt", executable] + arguments)
  }

  private func run(_ command: (String, [String])) async throws {
    let process = try await stage.run(command.0, command.1)
    guard process.status == .exited(0) else { throw TestFailure("\(command): \(process.tail)") }
  }

  /// Starts a program in the world.
  public func startInWorld(_ executable: String, _ arguments: [String]) throws -> ChildProcess {
    let command = inWorld(executable, arguments)
    return try stage.start(command.0, command.1)
  }

  /// Starts a program inside.
  public func startInside(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ChildProcess {
    let command = inInside(executable, arguments)
    return try stage.start(command.0, command.1, environment: environment)
  }

  /// What a program inside prints.
  public func outputInside(_ executable: String, _ arguments: [String]) async throws -> String {
    let command = inInside(executable, arguments)
    return try await stage.run(command.0, command.1).output
  }

  /// Waits until something in the world takes TCP connections there.
  public func waitForWorld(_ process: ChildProcess, at ip: String, port: Int) async throws {
    try await eventually("\(process.name) listens at \(ip):\(port)", within: .seconds(120)) { [self] in
      if let status = process.status { throw TestFailure("it ended: \(status)\(process.tail)") }
      let command = inWorld("bash", ["-c", "exec 3<>/dev/tcp/\(ip)/\(port)"])
      return try await stage.run(command.0, command.1).status == .exited(0)
    }
  }

  /// Starts the proxy of `Tests/Drivers/proxy.py`, which the world sees as `eight.world`.
  public func startProxy(_ kind: String, port: Int = 1080, _ options: [String] = []) async throws
    -> ChildProcess
  {
    let process = try startInWorld(
      "/usr/bin/python3",
      [driver("proxy.py"), kind, "\(Self.proxyAddress):\(port)", "--from", "10.78.0.8"] + options)
    try await Self.ready(process)
    return process
  }

  /// What was watched so far: all packets, and lines about those that did not go through the proxy.
  public func packets() async throws -> (count: Int, foreign: [String]) {
    guard let sniffer = sniffer.withLock({ $0 }) else { return (0, []) }
    let before = sniffer.output.split(separator: "\n").count { $0.hasPrefix("total") }
    // What is on its way to it is counted by the second total from now.
    try await eventually("the packets are counted") {
      sniffer.output.split(separator: "\n").count { $0.hasPrefix("total") } >= before + 2
    }
    let lines = sniffer.output.split(separator: "\n").map(String.init)
    let total = lines.last { $0.hasPrefix("total") }?.split(separator: " ").compactMap { Int($0) } ?? []
    guard total.count == 3, total[2] == 0 else { throw TestFailure("packets were missed: \(total)") }
    return (total[0], lines.filter { $0.hasPrefix("foreign") })
  }

  private func driver(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Drivers/" + name).path
  }
}
