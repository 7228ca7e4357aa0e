import Addresses
import Bytes
import Digest
import Testing
import TrackerProtocol

@testable import TrackerServer

/// A UDP tracker without sockets and the clients that talk to it; the clocks stand still until they are set.
struct UDPStage {
  var server: UDPTrackerServer
  var moment = UDPTrackerServer.Moment(seconds: 1000, wallSeconds: 1_800_000_000)
  var generator = Dice(state: 5)

  init(
    _ change: (inout TrackerConfiguration) -> Void = { _ in }, secret: [UInt8] = [1, 2, 3]
  ) {
    var configuration = TrackerConfiguration(listen: [])
    change(&configuration)
    server = UDPTrackerServer(configuration, secret: secret, seed: 7)
  }

  mutating func pass(_ seconds: Int) {
    moment.seconds += UInt32(seconds)
    moment.wallSeconds += UInt64(seconds)
  }

  /// What comes back for a datagram; nothing is an empty array.
  mutating func send(_ bytes: [UInt8], from source: Endpoint) -> [UInt8] {
    var answer = [UInt8](repeating: 0xaa, count: UDPTrackerServer.maximumAnswer)
    var span = answer.mutableSpan
    var room = span.mutableBytes
    let length = server.answer(
      bytes.rawBytes, from: source, at: moment, random: generator.next(), into: &room)
    answer.removeLast(answer.count - length)
    return answer
  }

  mutating func ask(_ request: UDPTrackerRequest, from source: Endpoint) throws -> UDPTrackerReply {
    let bytes = send(request.encoded(transaction: 0x0102_0304), from: source)
    let (reply, transaction) = try UDPTrackerReply.decode(bytes.rawBytes, isV6: !source.address.isV4)
    #expect(transaction == 0x0102_0304)
    return reply
  }

  mutating func connect(_ source: Endpoint) throws -> UInt64 {
    guard case .connection(let id) = try ask(.connect, from: source) else { throw Unexpected() }
    return id
  }

  mutating func announce(
    _ source: Endpoint, _ torrent: Int = 1, left: UInt64 = 1, _ event: AnnounceEvent = .regular,
    wanted: Int? = nil, port: UInt16? = nil, data: [UInt8] = []
  ) throws -> AnnounceReply {
    let request = AnnounceRequest(
      infoHash: hash(torrent), peerID: [UInt8](repeating: 65, count: 20), port: port ?? source.port,
      left: left, event: event, wanted: wanted)
    let reply = try ask(.announce(request, connection: try connect(source), data: data), from: source)
    guard case .announce(let answer) = reply else { throw Unexpected() }
    return answer
  }

  struct Unexpected: Error {}
}

@Suite("A UDP tracker without sockets")
struct UDPTrackerServerTests {
  @Test(
    "An announce is answered with interval, counts and peers of the asker's family", arguments: [false, true])
  func announce(isV6: Bool) throws {
    var stage = UDPStage { $0.setInterval(1234) }
    let seed = endpoint(1, isV6: isV6)
    let first = try stage.announce(seed, left: 0, .started)
    #expect(first.peers == [])
    #expect((first.interval, first.seeds, first.leeches) == (1234, 1, 0))
    _ = try stage.announce(endpoint(2, isV6: !isV6))
    let leech = endpoint(3, isV6: isV6)
    let second = try stage.announce(leech)
    #expect(second.peers == [seed])
    #expect((second.seeds, second.leeches) == (1, 2))
  }

  @Test("As many peers as are wanted, nobody else's family, at most what fits", arguments: [false, true])
  func wanted(isV6: Bool) throws {
    var stage = UDPStage { $0.maximumWanted = 10_000 }
    for number in 0..<400 {
      _ = try stage.announce(endpoint(number, isV6: isV6), wanted: 0)
      _ = try stage.announce(endpoint(number, isV6: !isV6), wanted: 0)
    }
    let asker = endpoint(1000, isV6: isV6)
    for count in [0, 1, 2, 49, 73] {
      let reply = try stage.announce(asker, wanted: count)
      #expect(reply.peers.count == count)
      #expect(Set(reply.peers).count == count)
      #expect(reply.peers.allSatisfy { $0.address.isV4 == !isV6 && $0 != asker })
      #expect(reply.leeches == 801)
    }
    #expect(try stage.announce(asker).peers.count == 50)
    let id = try stage.connect(asker)
    let greedy = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: 1, left: 1, wanted: 1 << 30)
    let bytes = stage.send(
      UDPTrackerRequest.announce(greedy, connection: id, data: []).encoded(transaction: 1), from: asker)
    #expect(bytes.count == 20 + (isV6 ? 74 * 18 : 222 * 6))
    #expect(bytes.count <= 1352)
  }

  @Test("Seeds are not told of seeds")
  func seedsAndSeeds() throws {
    var stage = UDPStage()
    for number in 0..<20 { _ = try stage.announce(endpoint(number), left: 0) }
    let leech = endpoint(30)
    _ = try stage.announce(leech)
    #expect(try stage.announce(endpoint(5), left: 0).peers == [leech])
    #expect(try stage.announce(leech).peers.count == 20)
  }

  @Test("Who stops is gone; completed downloads are counted")
  func events() throws {
    var stage = UDPStage()
    let (one, other) = (endpoint(1), endpoint(2))
    _ = try stage.announce(one, left: 5, .started)
    _ = try stage.announce(one, left: 0, .completed)
    _ = try stage.announce(other, left: 5, .started)
    #expect(try stage.announce(other).peers == [one])
    let goodbye = try stage.announce(one, left: 0, .stopped)
    #expect((goodbye.peers, goodbye.seeds) == ([], 0))
    #expect(try stage.announce(other).peers == [])
    let reply = try stage.ask(.scrape([hash(1)], connection: try stage.connect(one)), from: one)
    #expect(reply == .scrape([SwarmCounts(seeds: 0, leeches: 1, downloaded: 1)]))
  }

  @Test("A scrape answers for all its swarms, in their order")
  func scrape() throws {
    var stage = UDPStage()
    for number in 0..<3 { _ = try stage.announce(endpoint(number), 7, left: number == 0 ? 0 : 1) }
    let asker = endpoint(9)
    let hashes = [hash(1), hash(7)] + (0..<72).map { hash(100 + $0) }
    let reply = try stage.ask(.scrape(hashes, connection: try stage.connect(asker)), from: asker)
    guard case .scrape(let counts) = reply else { throw UDPStage.Unexpected() }
    #expect(counts.count == 74)
    #expect(counts[0] == SwarmCounts())
    #expect(counts[1] == SwarmCounts(seeds: 1, leeches: 2))
  }

  @Test("An address in the request counts for nothing, nor does another's port")
  func othersEntries() throws {
    var stage = UDPStage()
    let victim = endpoint(1)
    let attacker = Endpoint(IPAddress(v4: 0x0102_0304), port: victim.port)
    _ = try stage.announce(victim, left: 0, .started)
    var bytes = UDPTrackerRequest.announce(
      AnnounceRequest(
        infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: victim.port, left: 0,
        event: .stopped),
      connection: try stage.connect(attacker), data: []
    ).encoded(transaction: 1)
    bytes.replaceSubrange(84..<88, with: victim.address.bytes)
    _ = stage.send(bytes, from: attacker)
    #expect(try stage.announce(endpoint(3)).peers == [victim])
    bytes[83] = 2
    _ = stage.send(bytes, from: attacker)
    #expect(Set(try stage.announce(endpoint(3)).peers) == [victim, attacker])
  }

  @Test("Port 0 is refused, and the reason is told")
  func portZero() throws {
    var stage = UDPStage()
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: 0, left: 1)
    let source = endpoint(1)
    let reply = try stage.ask(
      .announce(request, connection: try stage.connect(source), data: []), from: source)
    #expect(reply == .error("port 0 cannot be connected to"))
  }

  @Test("A full table says so")
  func fullTable() throws {
    var stage = UDPStage { $0.limits.torrents = 64 }
    let source = endpoint(2)
    let id = try stage.connect(source)
    var last: UDPTrackerReply?
    for torrent in 0..<200 {
      // New torrents may have to ask twice.
      for _ in 0..<2 {
        let request = AnnounceRequest(
          infoHash: hash(torrent), peerID: [UInt8](repeating: 65, count: 20), port: 1, left: 1)
        last = try stage.ask(.announce(request, connection: id, data: []), from: source)
      }
    }
    #expect(last == .error("tracker full"))
    #expect(stage.server.statistics.torrents <= 64)
  }

  @Test("Our own client gets its answers")
  func ourClient() throws {
    var stage = UDPStage()
    var client = UDPTrackerClient()
    let (tracker, source) = (endpoint(1), endpoint(2))
    _ = try stage.announce(endpoint(3), left: 0)
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 66, count: 20), port: source.port, left: 1)
    let ids = [
      client.ask(
        .announce(request, data: Array("/announce".utf8)), at: tracker, now: 0, using: &stage.generator),
      client.ask(.scrape([hash(1)]), at: tracker, now: 0, using: &stage.generator),
    ]
    for round in 0..<2 {
      for datagram in client.takeDatagrams() {
        let answer = stage.send(datagram.bytes, from: source)
        client.receive(answer.rawBytes, from: tracker, now: Double(round), using: &stage.generator)
      }
    }
    let outcomes = client.takeOutcomes()
    #expect(outcomes.map(\.id) == ids)
    guard case .success(.announce(let reply)) = outcomes[0].result else { throw UDPStage.Unexpected() }
    #expect(reply.peers == [endpoint(3)])
    guard case .success(.scrape(let counts)) = outcomes[1].result else { throw UDPStage.Unexpected() }
    #expect(counts.swarms[hash(1)] == SwarmCounts(seeds: 1, leeches: 1))
  }
}
