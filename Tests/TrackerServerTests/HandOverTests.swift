import Addresses
import Bytes
import Digest
import EventLoop
import Glibc
import Synchronization
import Testing
import Threads
import TrackerProtocol

@testable import TrackerServer

/// Sockets that are read, or not, as the keeper says.
private final class StubFrontEnds: HandedFrontEnds {
  let sockets: ListeningSocketSet
  let connectionSecret: [UInt8] = [1, 2, 255]
  let isReading = Atomic<Bool>(true)
  let pauses = Atomic<Int>(0)
  /// More than go with one message.
  let connections: [Int32]

  init(_ sockets: ListeningSocketSet) {
    self.sockets = sockets
    connections = (0..<600).map { _ in dup(0) }
  }

  deinit { for connection in connections { close(connection) } }

  var reads: Bool { isReading.load(ordering: .relaxed) }
  var pauseCount: Int { pauses.load(ordering: .relaxed) }
  var listeningDescriptors: [Int32] { sockets.sockets.map(\.descriptor) }

  func pause() -> [Int32] {
    pauses.add(1, ordering: .relaxed)
    isReading.store(false, ordering: .relaxed)
    return connections
  }

  func resume() { isReading.store(true, ordering: .relaxed) }
}

@Suite("Handing over to a new process", .timeLimit(.minutes(1)))
struct HandOverTests {
  private let loopback = IPAddress("127.0.0.1") ?? .anyV4

  private struct Missing: Error {}

  private func connect(_ path: String) throws -> HandOverClient {
    guard let client = try HandOverClient.connect(path) else { throw Missing() }
    return client
  }

  private func sockets() throws -> ListeningSocketSet {
    let udp = try UDPSocket.bind(to: Endpoint(loopback, port: 0)).descriptor
    let tcp = try TCP.listen(on: Endpoint(loopback, port: 0)).0
    return ListeningSocketSet([udp, tcp])
  }

  private func filled(_ count: Int) throws -> SwarmTable {
    let table = SwarmTable(seed: 1)
    var reply = SwarmReply()
    for number in 0..<count {
      try table.announce(
        hash(number), endpoint(number), SwarmAnnounce(isSeed: false, wanted: 0), now: 5, random: 1,
        into: &reply)
    }
    return table
  }

  /// A datagram that waits at a socket.
  private func receive(_ socket: ListeningSocket) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = recv(socket.descriptor, &buffer, buffer.count, 0)
    return Array(buffer[..<max(0, count)])
  }

  private func send(_ text: String, to endpoint: Endpoint) throws {
    let (descriptor, _) = try UDPSocket.bind(to: Endpoint(loopback, port: 0))
    defer { TCP.close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = endpoint.port.bigEndian
    address.sin_addr.s_addr = endpoint.address.v4.bigEndian
    let sent = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, text, text.utf8.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    #expect(sent == text.utf8.count)
  }

  @Test("Sockets are known by what they are; what is of no use is closed")
  func socketSet() throws {
    let pipe = open("/dev/null", O_RDONLY)
    var set = try sockets()
    #expect(set.sockets.map(\.kind) == [.udp, .tcp])
    var other = ListeningSocketSet([pipe])
    #expect(other.sockets == [])
    #expect(fcntl(pipe, F_GETFD) == -1)
    other = ListeningSocketSet(copying: set.sockets.map(\.descriptor))
    #expect(other.endpoints(.udp) == set.endpoints(.udp))
    let (udp, tcp) = (set.endpoints(.udp)[0], set.endpoints(.tcp)[0])
    #expect(set.take(.udp, at: tcp) == [])
    #expect(set.take(.udp, at: udp).map(\.endpoint) == [udp])
    #expect(set.take(.tcp, at: Endpoint(loopback, port: 0)).map(\.endpoint) == [tcp])
    #expect(set.sockets == [])
    other.close()
  }

  @Test("Sockets of the service manager are taken only by the process that they are meant for")
  func activation() {
    func set(_ values: [String: String]) -> ListeningSocketSet {
      ListeningSocketSet.activated { values[$0] }
    }
    #expect(set([:]).sockets == [])
    #expect(set(["LISTEN_FDS": "1", "LISTEN_PID": "1"]).sockets == [])
    #expect(set(["LISTEN_FDS": "no", "LISTEN_PID": "\(getpid())"]).sockets == [])
    #expect(set(["LISTEN_FDS": "-4", "LISTEN_PID": "\(getpid())"]).sockets == [])
  }

  @Test("A new process gets sockets, secret and swarms; what came meanwhile waits for it")
  func handOver() throws {
    let folder = try TemporaryFolder()
    defer { unlink("\(folder.path)/hand-over.socket") }
    let old = try filled(3000)
    let keeper = try StateKeeper(folder.path, old) { 5 }
    #expect(keeper.claim())
    #expect(keeper.load().loaded == nil)
    let frontEnds = StubFrontEnds(try sockets())
    #expect(keeper.start(frontEnds, every: 3600) == nil)

    // The other process; here in the same one.
    let table = SwarmTable(seed: 2)
    let successor = try StateKeeper(folder.path, table) { 100 }
    #expect(!successor.claim(), "the folder belongs to the one that runs")
    let client = try connect(successor.folder.handOver)
    let (taken, secret) = try client.begin()
    #expect(secret == [1, 2, 255])
    #expect(taken.sockets.map(\.endpoint) == frontEnds.sockets.sockets.map(\.endpoint))
    #expect(Set(taken.sockets.map(\.descriptor)).isDisjoint(with: frontEnds.listeningDescriptors))
    #expect(successor.load().loaded?.torrents == 3000)
    // Announces go on while the new one loads.
    var reply = SwarmReply()
    #expect(frontEnds.reads)
    for number in 2990..<3100 {
      try old.announce(
        hash(number), endpoint(7), SwarmAnnounce(isSeed: true, wanted: 0), now: 5, random: 1, into: &reply)
    }
    try old.announce(
      hash(3), endpoint(3), SwarmAnnounce(isSeed: true, event: .stopped, wanted: 0), now: 5, random: 1,
      into: &reply)
    let connections = try client.take()
    #expect(connections.count == 600)
    for connection in connections { close(connection) }
    #expect(!frontEnds.reads)
    try successor.loadChanges()
    #expect(table.digest == old.digest)
    #expect(successor.claim(within: 5))
    // What comes while nobody reads is kept by the sockets, also once the old process has ended.
    try send("an announce", to: taken.endpoints(.udp)[0])
    client.finish()
    while !keeper.isHandedOver { usleep(1000) }
    keeper.stop()
    for socket in frontEnds.sockets.sockets { TCP.close(socket.descriptor) }
    #expect(receive(taken.sockets[0]) == Array("an announce".utf8))
    let connection = try TCP.connect(to: taken.endpoints(.tcp)[0])
    defer { TCP.close(connection) }
    // The path is the new one's.
    #expect(successor.start(StubFrontEnds(taken), every: 3600) == nil)
    _ = try connect(successor.folder.handOver)
    successor.stop()
    #expect(throws: Missing.self) { _ = try self.connect(successor.folder.handOver) }
    #expect(try SnapshotOutline(.bytes(folder.bytes("swarms.snapshot"))).sections.count > 0)
  }

  @Test("If the new process fails or ends before it serves, the old one serves on", arguments: [0, 1, 2, 3])
  func failure(step: Int) throws {
    let folder = try TemporaryFolder()
    defer { unlink("\(folder.path)/hand-over.socket") }
    let keeper = try StateKeeper(folder.path, try filled(10)) { 5 }
    #expect(keeper.claim())
    let frontEnds = StubFrontEnds(try sockets())
    #expect(keeper.start(frontEnds, every: 3600) == nil)
    do {
      let client = try connect(keeper.folder.handOver)
      var taken = ListeningSocketSet()
      if step > 0 { taken = try client.begin().sockets }
      if step > 1 { for connection in try client.take() { close(connection) } }
      if step > 2 { client.giveUp("no memory") }
      taken.close()
    }
    // It is asked again, and serves until then.
    let client = try connect(keeper.folder.handOver)
    var taken = try client.begin().sockets
    #expect(frontEnds.reads)
    #expect(frontEnds.pauseCount == (step > 1 ? 1 : 0))
    #expect(!keeper.isHandedOver)
    let stranger = try StateKeeper(folder.path, SwarmTable(seed: 1)) { 5 }
    #expect(!stranger.claim())
    taken.close()
    keeper.stop()
    let table = SwarmTable(seed: 3)
    #expect(try table.restore(.bytes(folder.bytes("swarms.snapshot")), now: 5, wall: 0).torrents == 10)
  }

  @Test("What speaks otherwise is turned away")
  func otherVersion() throws {
    let folder = try TemporaryFolder()
    let keeper = try StateKeeper(folder.path, try filled(10)) { 5 }
    #expect(keeper.claim())
    let frontEnds = StubFrontEnds(try sockets())
    #expect(keeper.start(frontEnds, every: 3600) == nil)
    for (message, text) in [(HandOverMessage.hello, "99"), (.loaded, ""), (.failed, "just so")] {
      let channel = HandOverChannel(rawConnection(keeper.folder.handOver))
      try channel.send(message, text)
      #expect(throws: HandOverFault.self) { try channel.expect(.sockets) }
    }
    #expect(frontEnds.pauseCount == 0)
    keeper.stop()
  }

  private func rawConnection(_ path: String) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(result == 0)
    return descriptor
  }

  @Test(
    "Snapshots are written every now and then, and one that is bad is put aside with a word",
    .timeLimit(.minutes(1)))
  func keeping() throws {
    let folder = try TemporaryFolder()
    let keeper = try StateKeeper(folder.path, try filled(10)) { 5 }
    #expect(keeper.start(StubFrontEnds(try sockets()), every: 0.05) == nil)
    while (try? folder.bytes("swarms.snapshot")) == nil { usleep(5000) }
    #expect(keeper.lastFault == nil)
    // The folder goes away, and comes back.
    let away = "\(folder.path)-away"
    rename(folder.path, away)
    while keeper.lastFault == nil { usleep(5000) }
    rename(away, folder.path)
    while keeper.lastFault != nil { usleep(5000) }
    keeper.stop()
    truncate("\(folder.path)/swarms.snapshot", 77)
    let table = SwarmTable(seed: 1)
    let next = try StateKeeper(folder.path, table) { 5 }
    let notice = try #require(next.load().notice)
    #expect(notice.contains("swarms.snapshot' is not used: it ends before its end; it is kept as"))
    #expect(try folder.bytes("swarms.snapshot.bad").count == 77)
    #expect(table.statistics == SwarmStatistics())
  }
}
