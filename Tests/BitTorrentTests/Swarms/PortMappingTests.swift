import Addresses
import Foundation
import PortMapping
import TestSupport
import Testing
import TrackerServer

@testable import BitTorrent

/// Sessions behind a router that lets connections in.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SessionPortMappingTests {
  @Test func thePortOfTheRouterIsAnnouncedAndTakenBackAtTheEnd() async throws {
    try await withStage { stage in
      let router = try stage.start(
        "/usr/bin/python3", [FakeGateway.driver, "--natpmp", "127.88.1.1", "--shift", "100"])
      try await eventually("the router is there") { router.output.contains("ready") }
      let tracker = try Tracker(
        TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 1800))
      defer { tracker.stop() }
      let announce = "http://\(try #require(tracker.endpoints.first))/announce"
      try await SwarmStage.with([("a", 100_000)]) { swarm in
        var metainfo = swarm.metainfo
        metainfo.trackers = [[announce]]
        let session = try await SwarmStage.session { configuration in
          configuration.listen = [Endpoint(.anyV4, port: 0)]
          configuration.mapsPorts = true
          configuration.gateway = IPAddress("127.88.1.1")
          configuration.dht.isEnabled = false
        }
        let port = try #require(session.listening.first).port
        try await eventually("mapped") { session.portMappings.count == 2 }
        #expect(session.portMappings.map(\.externalPort) == [port + 100, port + 100])
        #expect(
          session.portMappings.map(\.externalAddress) == [IPAddress("203.0.113.7"), IPAddress("203.0.113.7")])
        _ = try await session.add(metainfo, AddOptions(directory: swarm.seedFolder)).waitUntilComplete()
        // Somebody else is told where it is.
        let leech = try await SwarmStage.session()
        let handle = try await leech.add(metainfo, AddOptions(directory: swarm.downloadFolder("copy")))
        try await eventually("the leech knows it") {
          let book = await handle.seat.loop.perform { loop in handle.seat.value(on: loop).torrent?.book }
          return book?.knows(Endpoint(.loopbackV4, port: port + 100)) == true
        }
        await leech.stop()
        await session.stop()
      }
      try await eventually("the doors are closed") {
        router.output.split(separator: "\n").count { $0.hasPrefix("unmap") } == 2
      }
    }
  }

  @Test(
    arguments: [
      (["127.0.0.1:6881", "[::1]:6881"], [], nil),
      (["0.0.0.0:6881", "[::]:6881"], ["tcp 6881", "udp 6881"], nil),
      (["10.0.0.1:6881"], ["tcp 6881", "udp 6881"], "10.0.0.1"),
      (
        ["10.0.0.1:6881", "10.0.1.1:7000", "10.0.2.1:7000"],
        ["tcp 6881", "udp 6881", "tcp 7000", "udp 7000"], nil
      ),
      (["[2001:db8::1]:6881"], [], nil),
    ] as [([String], [String], String?)])
  func portsOfIPv4ThatOthersMayReachAreMapped(listening: [String], ports: [String], address: String?) {
    let options = Session.mapperOptions(listening.compactMap { Endpoint($0) }, SessionConfiguration())
    #expect((options?.ports ?? []).map { "\($0.transport.rawValue) \($0.number)" } == ports)
    #expect(options?.address == address.flatMap { IPAddress($0) })
  }
}
