import Addresses
import Bytes
import Glibc
import Testing
import TrackerProtocol

@testable import TrackerServer

/// A UDP socket that waits five seconds for an answer.
final class DatagramClient {
  private let descriptor: Int32
  private let isV6: Bool
  let local: Endpoint

  init(to tracker: Endpoint) throws {
    let isV6 = !tracker.address.isV4
    let descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    self.isV6 = isV6
    self.descriptor = descriptor
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    // Only what comes from the tracker's very address is seen.
    let connected = Self.with(tracker) { Glibc.connect(descriptor, $0, $1) }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let found = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    local = withUnsafeBytes(of: &storage) { bytes in
      let span = RawSpan(_unsafeBytes: bytes)
      return Endpoint(IPAddress(span, at: isV6 ? 8 : 4, isV6: isV6), port: span.bigEndian(UInt16.self, at: 2))
    }
    try #require(connected == 0 && found == 0)
  }

  deinit { close(descriptor) }

  func ask(_ request: UDPTrackerRequest) throws -> UDPTrackerReply {
    try send(request)
    return try #require(try receive())
  }

  func send(_ request: UDPTrackerRequest) throws {
    let bytes = request.encoded(transaction: 9)
    try #require(Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count)
  }

  func receive() throws -> UDPTrackerReply? {
    var buffer = [UInt8](repeating: 0, count: 2048)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    try #require(count > 0, "the tracker does not answer")
    let (reply, transaction) = try UDPTrackerReply.decode(Array(buffer[..<count]).rawBytes, isV6: isV6)
    try #require(transaction == 9)
    return reply
  }

  func announce(_ torrent: Int, left: UInt64 = 1) throws -> AnnounceReply {
    guard case .connection(let id) = try ask(.connect) else { throw UDPStage.Unexpected() }
    let request = AnnounceRequest(
      infoHash: hash(torrent), peerID: [UInt8](repeating: 65, count: 20), port: local.port, left: left)
    guard case .announce(let reply) = try ask(.announce(request, connection: id, data: [])) else {
      throw UDPStage.Unexpected()
    }
    return reply
  }

  private static func with<Result>(
    _ endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var storage = sockaddr_storage()
    let bytes = endpoint.address.bytes
    let isV6 = bytes.count == 16
    storage.ss_family = sa_family_t(isV6 ? AF_INET6 : AF_INET)
    withUnsafeMutableBytes(of: &storage) { raw in
      raw.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
      for (index, byte) in bytes.enumerated() { raw[(isV6 ? 8 : 4) + index] = byte }
    }
    let length = isV6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
    return withUnsafePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
    }
  }
}

@Suite("A tracker's UDP sockets", .timeLimit(.minutes(1)))
struct UDPFrontEndTests {
  @Test("UDP and HTTP share port and table", arguments: ["127.0.0.1", "::1"])
  func samePort(address: String) throws {
    let address = try #require(IPAddress(address))
    let tracker = try Tracker(TrackerConfiguration(listen: [Endpoint(address, port: 0)]))
    defer { tracker.stop() }
    #expect(tracker.endpoints.count == 1)
    let one = try DatagramClient(to: tracker.endpoints[0])
    let other = try DatagramClient(to: tracker.endpoints[0])
    #expect(try one.announce(1, left: 0).peers == [])
    #expect(try other.announce(1).peers == [one.local])
    let held = tracker.statistics
    #expect((held.torrents, held.peers, held.seeds) == (1, 2, 1))
  }

  @Test("Sockets of several loops know each other's connection ids and peers")
  func severalLoops() throws {
    var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)])
    configuration.udpLoops = 4
    let tracker = try Tracker(configuration)
    defer { tracker.stop() }
    for number in 0..<40 {
      let client = try DatagramClient(to: tracker.endpoints[0])
      #expect(try client.announce(1, left: 0).seeds == number + 1)
    }
  }

  @Test("Answers leave from the address that was asked, where all are listened on")
  func wildcard() throws {
    let tracker = try Tracker(
      TrackerConfiguration(listen: [Endpoint(.anyV4, port: 0), Endpoint(.anyV6, port: 0)]))
    defer { tracker.stop() }
    let v4 = Endpoint(IPAddress(v4: 0x7f00_0007), port: tracker.endpoints[0].port)
    #expect(try DatagramClient(to: v4).announce(1).leeches == 1)
    let v6 = Endpoint(try #require(IPAddress("::1")), port: tracker.endpoints[1].port)
    #expect(try DatagramClient(to: v6).announce(1).leeches == 2)
  }

  @Test("UDP alone, HTTP alone")
  func oneOfThem() throws {
    // An address of its own: elsewhere another test could get the port between two trackers.
    var configuration = TrackerConfiguration(listen: [Endpoint(IPAddress(v4: 0x7f00_0909), port: 0)])
    configuration.servesHTTP = false
    let tracker = try Tracker(configuration)
    #expect(try DatagramClient(to: tracker.endpoints[0]).announce(1).leeches == 1)
    // The port is held: nobody gets half of the datagrams by accident.
    configuration.listen = tracker.endpoints
    #expect(throws: TrackerError.self) { try Tracker(configuration) }
    tracker.stop()
    configuration.servesHTTP = true
    configuration.servesUDP = false
    let again = try Tracker(configuration)
    again.stop()
    // What was stopped has let go of its sockets.
    configuration.servesUDP = true
    let both = try Tracker(configuration)
    #expect(try DatagramClient(to: both.endpoints[0]).announce(1).leeches == 1)
    both.stop()
  }

  @Test("What comes while it pauses is answered afterwards, or by who adopts the sockets")
  func pausing() async throws {
    var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)])
    configuration.udpLoops = 2
    let core = TrackerCore(configuration, seed: 1) { 1 }
    let first = try UDPFrontEnd(listen: configuration.listen, core: core)
    let clients = try (0..<8).map { _ in try DatagramClient(to: first.endpoints[0]) }
    for client in clients { _ = try client.announce(1) }
    first.pause()
    for client in clients { try client.send(.connect) }
    // Its datagrams are still there: the process that adopts the sockets answers them.
    let copies = first.descriptors.map { dup($0) }
    let ports = [UDPFrontEnd.SharedPort(bound: first.endpoints[0], descriptors: copies)]
    let second = UDPFrontEnd(adopting: ports, secret: first.secret, core: core)
    for client in clients { #expect(try client.receive() != nil) }
    first.stop()
    for client in clients { #expect(try client.announce(1).leeches == 8) }
    second.pause()
    for client in clients { try client.send(.connect) }
    second.resume()
    for client in clients { #expect(try client.receive() != nil) }
    second.stop()
  }
}
