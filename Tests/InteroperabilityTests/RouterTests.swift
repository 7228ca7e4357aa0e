import Foundation
import TestSupport
import Testing

/// A router on the network that opens doors by UPnP, found by asking the network.
@Suite(.throttled, .enabled(if: TestNetwork.isIsolated, "needs the namespace of scripts/test"))
struct RouterTests {
  private func run(
    _ more: [String], _ body: (_ router: ChildProcess, _ seed: ChildProcess) async throws -> Void
  ) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 100_000)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let network = try await NetworkNamespace(on: stage, addresses: 2)
      let router = try network.start(
        "/usr/bin/python3",
        [FakeGateway.driver, "--upnp", "10.66.0.2", "--ssdp", "--external", "198.51.100.4"])
      try await eventually("the router is there") { router.output.contains("ready ssdp") }
      let seed = try network.start(
        ApusClient.executable,
        ["seed", path, "--dir", source, "--listen", "10.66.0.1:7000", "--json", "--no-lsd", "--no-dht"] + more
      )
      try await eventually("the seed is ready") { seed.output.contains(#""state":"seeding""#) }
      try await body(router, seed)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func doorsAreOpenedToldAndClosedAtTheEnd() async throws {
    try await run([]) { router, seed in
      try await eventually("both doors are told") {
        seed.output.contains(
          #"{"transport":"tcp","port":7000,"external_port":7000,"external_address":"198.51.100.4","method":"upnp"},"#
            + #"{"transport":"udp","port":7000,"external_port":7000,"external_address":"198.51.100.4","method":"upnp"}"#
        )
      }
      #expect(router.output.contains("map tcp 7000 -> 7000 for 7200 at 10.66.0.1\n"))
      #expect(router.output.contains("map udp 7000 -> 7000 for 7200 at 10.66.0.1\n"))
      seed.kill(SIGTERM)
      try await seed.waitForExit(within: .seconds(10))
      #expect(router.output.contains("unmap tcp 7000\n"))
      #expect(router.output.contains("unmap udp 7000\n"))
    }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [["--no-port-mapping"], ["--interface", "net0"]])
  func nobodyIsAskedWhereThatIsNotWished(_ options: [String]) async throws {
    try await run(options) { router, seed in
      try await Task.sleep(for: .seconds(3))
      #expect(!router.output.contains("search"))
      #expect(seed.status == nil)
    }
  }
}
