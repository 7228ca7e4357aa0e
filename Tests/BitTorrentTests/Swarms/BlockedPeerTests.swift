import Addresses
import Blocklist
import Bytes
import EventLoop
import Testing

@testable import BitTorrent

/// Peers on the blocklist: not met, not let in, and let go of when they come onto it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct BlockedPeerTests {
  private static func list(_ text: String) throws -> Blocklist {
    var reader = BlocklistReader()
    let bytes = Array(text.utf8)
    try reader.take(bytes.rawBytes)
    _ = try reader.endOfList()
    return reader.blocklist()
  }

  private static func session(
    at address: String, blocking text: String = "",
    _ configure: (inout SessionConfiguration) -> Void = { _ in }
  ) async throws -> Session {
    let address = try #require(IPAddress(address))
    let list = try list(text)
    return try await SwarmStage.session { configuration in
      configuration.listen = [Endpoint(address, port: 0)]
      configuration.blocklist = list
      configure(&configuration)
    }
  }

  private func wait(_ what: String, _ condition: () async -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(20)
    while await !condition() {
      guard ContinuousClock.now < end else { throw SwarmFailure(reason: "not within 20 s: \(what)") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  @Test func onlyOthersAreConnectedTo() async throws {
    try await SwarmStage.with([("a", 300_000)]) { stage in
      let blocked = try await Self.session(at: "127.0.0.2")
      let source = try await blocked.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let other = try await Self.session(at: "127.0.0.3")
      _ = try await other.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await Self.session(at: "127.0.0.4", blocking: "bad:127.0.0.2-127.0.0.2")
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = blocked.listening + other.listening
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.peerTraffic.map(\.endpoint) == other.listening)
      #expect(leech.blockedCount > 0)
      for session in [leech, other, blocked] { await session.stop() }
    }
  }

  @Test(arguments: [PeerTransport.tcp, .utp])
  func whoIsOnTheListIsNotLetInUntilItIsReplaced(over transport: PeerTransport) async throws {
    try await SwarmStage.with([("a", 300_000)]) { stage in
      let seeder = try await Self.session(at: "127.0.0.2", blocking: "127.0.0.3/32")
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await Self.session(at: "127.0.0.3") { configuration in
        configuration.usesTCP = transport == .tcp
        configuration.usesUTP = transport == .utp
      }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(stage.metainfo, options)
      try await wait("refused") { seeder.blockedCount > 0 }
      #expect(await source.status().peerTraffic.isEmpty)
      #expect(await handle.status().piecesHave == 0)
      await seeder.set(blocklist: Blocklist())
      _ = try await handle.waitUntilComplete()
      for session in [leech, seeder] { await session.stop() }
    }
  }

  @Test func whoComesOntoTheListIsLetGo() async throws {
    try await SwarmStage.with([("a", 3_000_000)]) { stage in
      let seeder = try await Self.session(at: "127.0.0.2") { $0.uploadLimit = 100_000 }
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await Self.session(at: "127.0.0.3")
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(stage.metainfo, options)
      try await wait("connected") { await handle.status().peers == 1 }
      await leech.set(blocklist: try Self.list("127.0.0.2"))
      let status = await handle.status()
      #expect(status.peers == 0)
      #expect(status.endedConnections["on the blocklist"] == 1)
      await handle.add(peers: seeder.listening)
      #expect(await handle.status().peers == 0)
      for session in [leech, seeder] { await session.stop() }
    }
  }

  @Test func datagramsOfBlockedAddressesReachNoProtocol() async throws {
    let filter = AddressFilter(try Self.list("192.0.2.0/24"))
    let loop = Loop(name: "test")
    let counts = await loop.perform { loop -> [Int] in
      guard let bound = try? UDPSocket.bind(to: Endpoint(.loopbackV4, port: 0)) else { return [] }
      let port = DatagramPort(UDPSocket(bound.descriptor, bound: bound.bound), filter: filter)
      let (receiver, tracker) = (CountingReceiver(), CountingReceiver())
      port.dht = receiver
      port.trackers = tracker
      let query = Array("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".utf8)
      let answer = [UInt8](repeating: 0, count: 16)
      for host: UInt32 in [0xc000_0201, 0xc000_0201, 0xc000_0301, 0xc000_0202] {
        let remote = Endpoint(IPAddress(v4: host), port: 6881)
        port.received(query.rawBytes, from: remote, on: loop)
        port.received(answer.rawBytes, from: remote, on: loop)
      }
      filter.set(Blocklist())
      port.filterChanged()
      port.received(query.rawBytes, from: Endpoint(IPAddress(v4: 0xc000_0202), port: 6881), on: loop)
      port.close(on: loop)
      return [receiver.count, tracker.count]
    }
    #expect(counts == [2, 4])
    loop.stop()
    loop.join()
  }
}

private final class CountingReceiver: DatagramReceiver {
  var count = 0
  func received(
    _ datagram: RawSpan, from remote: Endpoint, through port: DatagramPort, on loop: isolated Loop
  ) {
    count += 1
  }
  func receivedAll(through port: DatagramPort, on loop: isolated Loop) {}
}
