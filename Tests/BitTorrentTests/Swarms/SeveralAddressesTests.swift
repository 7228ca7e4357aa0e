import Addresses
import Bytes
import EventLoop
import Foundation
import TestSupport
import Testing

@testable import BitTorrent

/// Sessions that listen at several addresses.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SeveralAddressesTests {
  private static let addresses = ["127.0.0.2", "127.0.0.3", "::1"]

  private static func session(
    at texts: [String], _ configure: (inout SessionConfiguration) -> Void = { _ in }
  ) async throws -> Session {
    let addresses = try texts.map { try #require(IPAddress($0)) }
    return try await SwarmStage.session { configuration in
      configuration.listen = addresses.map { Endpoint($0, port: 0) }
      configure(&configuration)
    }
  }

  @Test(arguments: [PeerTransport.tcp, .utp], addresses)
  func peersAreAwaitedAtEach(over transport: PeerTransport, at address: String) async throws {
    try await SwarmStage.with([("a", 100_000)]) { stage in
      let seeder = try await Self.session(at: Self.addresses)
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      #expect(seeder.listening.map(\.address) == Self.addresses.compactMap { IPAddress($0) })
      #expect(Set(seeder.listening.map(\.port)).count == 1)
      let leech = try await Self.session(at: ["127.0.0.9", "::1"]) { configuration in
        configuration.usesTCP = transport == .tcp
        configuration.usesUTP = transport == .utp
      }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening.filter { $0.address == IPAddress(address) }
      let status = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(status.peerTraffic.map(\.endpoint) == options.peers)
      #expect(status.peerTraffic.map(\.transport) == [transport])
      for session in [leech, seeder] { await session.stop() }
    }
  }

  @Test(arguments: addresses)
  func theDHTAnswersFromWhereItWasAsked(at address: String) async throws {
    let session = try await Self.session(at: Self.addresses)
    let remote = try #require(session.listening.first { $0.address == IPAddress(address) })
    let local = try #require(IPAddress(remote.address.isV4 ? "127.0.0.9" : "::1"))
    let (loop, answers) = (Loop(name: "test"), Answers())
    let socket = try await loop.perform { loop in
      let (descriptor, bound) = try UDPSocket.bind(to: Endpoint(local, port: 0))
      let socket = UDPSocket(descriptor, bound: bound)
      _ = socket.start(answers, on: loop)
      return Confined(socket, on: loop)
    }
    let ping = Array("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".utf8)
    try await eventually("an answer", within: .seconds(10), every: .milliseconds(200)) {
      await loop.perform { loop in
        socket.value(on: loop).send(ping.rawBytes, to: remote, on: loop)
        return answers.senders.contains(remote)
      }
    }
    await loop.perform { loop in socket.value(on: loop).close(on: loop) }
    loop.stop()
    loop.join()
    await session.stop()
  }

  /// Confined to the loop of the test.
  private final class Answers: DatagramHandler, @unchecked Sendable {
    var senders: Set<Endpoint> = []
    func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {
      if datagram.byteCount > 20 { senders.insert(remote) }
    }
    func receivedAll(on loop: isolated Loop) {}
  }

  @Test(.enabled(if: TestNetwork.isIsolated), arguments: [PeerTransport.tcp, .utp])
  func connectionsLeaveFromTheAddressThatLeadsThere(over transport: PeerTransport) async throws {
    try await SwarmStage.with([("a", 100_000)]) { stage in
      let seeder = try await Self.session(at: ["10.55.0.9"])
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await Self.session(at: ["127.0.0.2", "10.55.0.1"]) { configuration in
        configuration.usesTCP = transport == .tcp
        configuration.usesUTP = transport == .utp
      }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      _ = try await leech.add(stage.metainfo, options).waitUntilComplete()
      #expect(await source.status().peerTraffic.map(\.endpoint) == [leech.listening[1]])
      for session in [leech, seeder] { await session.stop() }
    }
  }

  @Test(
    arguments: [
      (["10.0.0.1", "10.0.1.1", "::1"], "10.0.1.7", "10.0.1.1", 1),
      (["127.0.0.1", "10.0.1.1"], "8.8.8.8", nil, 1),
      (["127.0.0.1", "10.0.1.1"], "127.0.0.5", nil, 0),
      (["10.0.0.1", "0.0.0.0"], "8.8.8.8", "192.0.2.1", 1),
      (["10.0.0.1", "10.0.1.1"], "8.8.8.8", nil, 0),
      (["10.0.0.1", "2001:db8::1"], "2001:db8::2", nil, 1),
      (["10.0.0.1"], "2001:db8::2", nil, nil),
    ] as [([String], String, String?, Int?)])
  func theAddressThatTheSystemWouldUseIsChosen(
    addresses: [String], remote: String, usual: String?, chosen: Int?
  ) throws {
    let index = SourceChoice.index(
      in: addresses.compactMap { IPAddress($0) }, to: try #require(IPAddress(remote))
    ) { usual.flatMap { IPAddress($0) } }
    #expect(index == chosen)
  }
}
