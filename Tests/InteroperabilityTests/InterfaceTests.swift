import Foundation
import TestSupport
import Testing

/// A download that may use one interface only, of two that both lead to its peers, trackers and nodes.
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct InterfaceTests {
  /// Two machines with two wires in between, `vpn` and `wan`. The far one is at 10.99.0.1, over either.
  private final class Scene: Sendable {
    let stage: Stage
    let holder: ChildProcess
    let far: String

    static let wires = """
      ip link set lo up
      unshare --net sh -c 'ip link set lo up; echo up; exec sleep 1000' & far=$!
      while [ "$(readlink /proc/$far/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
      there() { nsenter --net=/proc/$far/ns/net "$@"; }
      there ip link set lo up
      there ip addr add 10.99.0.1/32 dev lo
      """

    /// One wire: what is not asked for would be counted, so there is no IPv6 on it.
    static func wire(_ name: String, _ net: Int) -> String {
      """

      ip link add \(name)0 type veth peer name \(name)1 netns $far
      ip link set \(name)0 addrgenmode none; there ip link set \(name)1 addrgenmode none
      there ip addr add 10.\(net).0.1/24 dev \(name)1; there ip link set \(name)1 up
      \(address(name, net))
      """
    }

    static func address(_ name: String, _ net: Int) -> String {
      """

      ip link set \(name)0 up
      ip addr add 10.\(net).0.2/24 dev \(name)0
      ip route add 10.99.0.0/24 via 10.\(net).0.1 dev \(name)0 metric \(net)
      """
    }

    init(on stage: Stage) async throws {
      self.stage = stage
      let script =
        Self.wires + Self.wire("vpn", 77) + Self.wire("wan", 78) + "\necho far $far; exec sleep 1000"
      holder = try stage.start("unshare", ["--net", "sh", "-ec", script])
      try await eventually("the wires are there") { [holder] in
        if let status = holder.status { throw TestFailure("unshare ended: \(status)\(holder.tail)") }
        return holder.output.contains("far ")
      }
      far = String(holder.output.split(separator: "\n").last?.split(separator: " ").last ?? "")
    }

    func start(_ where: String, _ arguments: [String]) throws -> ChildProcess {
      try stage.start("nsenter", ["--net=/proc/\(`where`)/ns/net", ApusClient.executable] + arguments)
    }

    /// Runs commands on the near machine.
    func shell(_ script: String) async throws {
      let setup = "far=\(far); there() { nsenter --net=/proc/$far/ns/net \"$@\"; }\n"
      let shell = try await stage.run(
        "nsenter", ["--net=/proc/\(holder.id)/ns/net", "sh", "-ec", setup + script])
      #expect(shell.status == .exited(0), "\(shell.tail)")
    }

    /// Packets that have left through the interface that is not to be used.
    func leaked() throws -> Int {
      let table = try String(contentsOfFile: "/proc/\(holder.id)/net/dev", encoding: .utf8)
      let line = try #require(table.split(separator: "\n").first { $0.contains("wan0:") })
      let numbers = line.split(separator: ":")[1].split(separator: " ")
      return try #require(Int(numbers[9]))
    }
  }

  private enum Loss: String, CaseIterable, CustomTestStringConvertible {
    case removed, down, addressless

    var testDescription: String { rawValue }

    var cut: String {
      switch self {
      case .removed: "ip link del vpn0"
      case .down: "ip link set vpn0 down"
      case .addressless: "ip addr flush dev vpn0"
      }
    }

    var mend: String {
      switch self {
      case .removed: Scene.wire("vpn", 77)
      case .down: "ip link set vpn0 up; ip route add 10.99.0.0/24 via 10.77.0.1 dev vpn0 metric 77"
      case .addressless: Scene.address("vpn", 77)
      }
    }
  }

  /// A seed and a tracker on the far machine, a download on the near one that has begun.
  private func run(
    _ more: [String], _ body: (Scene, ChildProcess, TestTorrent, _ target: String) async throws -> Void
  ) async throws {
    try await withStage { stage in
      let scene = try await Scene(on: stage)
      _ = try scene.start(scene.far, ["tracker", "--listen", "10.99.0.1:6969"])
      let torrent = TestTorrent(size: 4 << 20, tracker: "http://10.99.0.1:6969/announce")
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let seed = try scene.start(
        scene.far, ["seed", path, "--dir", source, "--listen", "10.99.0.1:7000", "--json", "--no-lsd"])
      try await eventually("the seed is ready") { seed.output.contains(#""state":"seeding""#) }
      let target = try stage.folder.folder("target")
      let leecher = try scene.start(
        "\(scene.holder.id)",
        [
          "download", path, "--dir", target, "--json", "--limit-down", "400K", "--peer", "10.99.0.1:7000",
          "--dht-bootstrap", "10.99.0.1:7000", "--no-port-mapping",
        ] + more)
      try await eventually("the download has begun") { leecher.output.contains(#""pieces_have":1"#) }
      try await body(scene, leecher, torrent, target)
    }
  }

  @Test(
    "nothing leaves by another way when the interface is lost", .timeLimit(.minutes(1)),
    arguments: Loss.allCases)
  private func failsClosed(_ loss: Loss) async throws {
    try await run(["--interface", "vpn0"]) { scene, leecher, torrent, target in
      #expect(try scene.leaked() == 0)
      try await scene.shell(loss.cut)
      try await eventually("the loss is told", within: .seconds(5)) {
        leecher.output.contains(#""state":"down","interface":"vpn0""#)
      }
      // Time enough for every part to try again.
      try await Task.sleep(for: .seconds(4))
      #expect(leecher.status == nil)
      #expect(try scene.leaked() == 0)
      #expect(!leecher.output.contains(#""event":"completed""#))
      try await scene.shell(loss.mend)
      try await eventually("the return is told", within: .seconds(5)) {
        leecher.output.contains(#""state":"up","interface":"vpn0","addresses":["10.77.0.2"]"#)
      }
      #expect(try await leecher.waitForExit(within: .seconds(30)) == .exited(0), "\(leecher.tail)")
      #expect(try torrent.faults(in: target) == [])
      #expect(try scene.leaked() == 0)
    }
  }

  @Test("without an interface of its own something leaves by the other way", .timeLimit(.minutes(1)))
  func othersLeaveByTheOtherWay() async throws {
    try await run([]) { scene, _, _, _ in
      try await scene.shell(Loss.removed.cut)
      try await eventually("a packet leaves") { try scene.leaked() > 0 }
    }
  }

  @Test("peers awaited beside a proxy find us again when the interface is back", .timeLimit(.minutes(1)))
  func listensAgainBesideAProxy() async throws {
    try await withStage { stage in
      let scene = try await Scene(on: stage)
      let torrent = TestTorrent(size: 1 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let seed = try scene.start(
        "\(scene.holder.id)",
        [
          "seed", path, "--dir", source, "--listen", "0.0.0.0:7000", "--interface", "vpn0", "--json",
          "--proxy", "socks5://10.77.0.1:1", "--proxy-listen",
        ])
      try await eventually("the seed is ready") { seed.output.contains(#""state":"seeding""#) }
      for round in ["before", "after"] {
        let target = try stage.folder.folder(round)
        let leecher = try scene.start(
          scene.far,
          [
            "download", path, "--dir", target, "--peer", "10.77.0.2:7000", "--listen", "10.77.0.1:7000",
            "--no-dht", "--no-lsd", "--no-port-mapping",
          ])
        #expect(try await leecher.waitForExit(within: .seconds(15)) == .exited(0), "\(leecher.tail)")
        #expect(try torrent.faults(in: target) == [])
        guard round == "before" else { break }
        try await scene.shell(Loss.removed.cut)
        try await eventually("the loss is told") { seed.output.contains(#""state":"down""#) }
        try await scene.shell(Loss.removed.mend)
        try await eventually("the return is told") { seed.output.contains(#""state":"up""#) }
      }
      #expect(try scene.leaked() == 0)
    }
  }

  @Test("an interface that is not there is a mistake", .timeLimit(.minutes(1)))
  func refusesWhatIsNotThere() async throws {
    try await withStage { stage in
      let torrent = try TestTorrent(size: 1000).write(to: stage.folder["a.torrent"])
      let run = try await stage.run(
        ApusClient.executable, ["download", torrent, "--dir", stage.folder["x"], "--interface", "nosuch0"])
      #expect(run.status == .exited(1))
      #expect(run.tail.contains("there is no interface 'nosuch0' with an address"))
    }
  }
}
