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

/// A client that announces to one endpoint, one announce after the other at a fixed rate, and counts the answers.
private final class Announcing: Sendable {
  struct Result: Sendable, Equatable {
    var asked = 0
    var answered = 0
    var fault: String?
  }

  private let flag = Flag()
  private let result = Mutex(Result())
  private let thread: Mutex<WorkerThread?>

  init(_ name: String, every microseconds: UInt32, _ announce: @escaping @Sendable (Int) -> String?) {
    thread = Mutex(nil)
    let (flag, me) = (flag, Unowned(self))
    let worker = WorkerThread(name: name) {
      var number = 0
      while !flag.isSet {
        number += 1
        let fault = announce(number)
        me.note(fault)
        usleep(microseconds)
      }
    }
    thread.withLock { $0 = worker }
  }

  private struct Unowned: Sendable {
    weak let announcing: Announcing?
    init(_ announcing: Announcing) { self.announcing = announcing }
    func note(_ fault: String?) { announcing?.note(fault) }
  }

  private func note(_ fault: String?) {
    result.withLock { result in
      result.asked += 1
      if let fault { result.fault = result.fault ?? fault } else { result.answered += 1 }
    }
  }

  var count: Int { result.withLock { $0.asked } }

  func stop() -> Result {
    flag.set()
    thread.withLock { $0.take() }?.join()
    return result.withLock { $0 }
  }
}

@Suite("Taking the place of a tracker that runs", .timeLimit(.minutes(2)), .serialized)
struct TakeOverTests {
  private let loopback = IPAddress("127.0.9.10") ?? .anyV4

  private func configuration(_ folder: TemporaryFolder, port: UInt16 = 0) -> TrackerConfiguration {
    var configuration = TrackerConfiguration(listen: [Endpoint(loopback, port: port)])
    configuration.stateFolder = folder.path
    configuration.takesOver = port > 0
    configuration.udpLoops = 2
    return configuration
  }

  /// One UDP client: a connection id once, then announces with it.
  private static func udp(_ endpoint: Endpoint, torrent: Int) throws -> @Sendable (Int) -> String? {
    let (descriptor, _) = try UDPSocket.bind(to: Endpoint(endpoint.address, port: 0))
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
    var time = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = endpoint.port.bigEndian
    address.sin_addr.s_addr = endpoint.address.v4.bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0)
    @Sendable func ask(_ bytes: [UInt8]) -> [UInt8]? {
      guard send(descriptor, bytes, bytes.count, 0) == bytes.count else { return nil }
      var buffer = [UInt8](repeating: 0, count: 2048)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      return count > 0 ? Array(buffer[..<count]) : nil
    }
    let hello = UDPTrackerRequest.connect.encoded(transaction: 7)
    let reply = try #require(ask(hello))
    guard case .connection(let id) = try UDPTrackerReply.decode(reply.rawBytes, isV6: false).0 else {
      throw SnapshotFault.damaged("no connection id")
    }
    return { number in
      let request = AnnounceRequest(
        infoHash: hash(torrent), peerID: [UInt8](repeating: 1, count: 20), port: UInt16(1000 + number % 400),
        left: 0)
      let bytes = UDPTrackerRequest.announce(request, connection: id, data: []).encoded(
        transaction: UInt32(number))
      guard let answer = ask(bytes) else { return "UDP announce \(number) got no answer" }
      guard let (reply, transaction) = try? UDPTrackerReply.decode(answer.rawBytes, isV6: false),
        case .announce = reply, transaction == UInt32(number)
      else { return "UDP announce \(number) got another answer" }
      return nil
    }
  }

  /// One HTTP client, on one connection for ever or on a new one each time.
  private static func http(_ endpoint: Endpoint, torrent: Int, isKept: Bool) -> @Sendable (Int) -> String? {
    let kept = Mutex<Int32>(-1)
    return { number in
      var descriptor = kept.withLock { $0 }
      if descriptor < 0 {
        guard let fresh = blockingConnection(endpoint) else {
          return "HTTP announce \(number): no connection"
        }
        descriptor = fresh
      }
      if isKept { kept.withLock { $0 = descriptor } }
      defer { if !isKept { close(descriptor) } }
      let query = hash(torrent).bytes.map { "%" + [$0].hexadecimal }.joined()
      let request =
        "GET /announce?info_hash=\(query)&peer_id=-XX0001-123456789012&port=\(2000 + number % 400)"
        + "&uploaded=0&downloaded=0&left=0&compact=1 HTTP/1.1\r\nHost: t\r\n\r\n"
      // In two pieces, so that a head may be cut in two by what happens.
      let bytes = Array(request.utf8)
      for part in [bytes[..<30], bytes[30...]] {
        guard send(descriptor, Array(part), part.count, Int32(MSG_NOSIGNAL)) == part.count else {
          return "HTTP announce \(number) could not be sent"
        }
        usleep(300)
      }
      var buffer = [UInt8](repeating: 0, count: 8192)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return "HTTP announce \(number) got no answer" }
      let text = String(decoding: buffer[..<count], as: UTF8.self)
      return text.hasPrefix("HTTP/1.1 200") && text.contains("8:interval") ? nil : "HTTP: \(text)"
    }
  }

  @Test("Every announce is answered, over UDP, new and kept HTTP connections, and the swarms are there")
  func everyAnnounce() throws {
    let folder = try TemporaryFolder()
    defer { unlink("\(folder.path)/hand-over.socket") }
    var old: Tracker? = try Tracker(configuration(folder))
    let endpoint = try #require(old?.endpoints.first)
    // Swarms that nobody renews.
    let quiet = try Self.udp(endpoint, torrent: 900)
    for number in 0..<300 { #expect(quiet(number) == nil) }
    let clients = [
      Announcing("udp 1", every: 500, try Self.udp(endpoint, torrent: 1)),
      Announcing("udp 2", every: 700, try Self.udp(endpoint, torrent: 2)),
      Announcing("http", every: 2000, Self.http(endpoint, torrent: 3, isKept: false)),
      Announcing("kept 1", every: 1000, Self.http(endpoint, torrent: 4, isKept: true)),
      Announcing("kept 2", every: 1700, Self.http(endpoint, torrent: 5, isKept: true)),
    ]
    var current = old
    for _ in 0..<3 {
      let before = clients.map(\.count)
      while zip(clients, before).contains(where: { $0.count < $1 + 20 }) { usleep(2000) }
      let next = try Tracker(configuration(folder, port: endpoint.port))
      #expect(next.endpoints == [endpoint])
      #expect(next.notices == ["took the place of the tracker that ran"])
      while current?.isHandedOver == false { usleep(1000) }
      current?.stop()
      current = next
      old = nil
    }
    let before = clients.map(\.count)
    while zip(clients, before).contains(where: { $0.count < $1 + 20 }) { usleep(2000) }
    for result in clients.map({ $0.stop() }) {
      #expect(result.fault == nil)
      #expect(result.answered == result.asked)
      #expect(result.asked > 60)
    }
    let last = try #require(current)
    // 300 of the quiet one; each loud client has been on up to 400 ports.
    #expect(last.statistics.torrents == 6)
    #expect(last.swarm(hash(900)) == 300)
    for torrent in 1...5 { #expect(last.swarm(hash(torrent)) >= 60) }
    last.stop()
  }

  @Test("A folder is one tracker's; a place that cannot be taken is left to the one that has it")
  func failing() throws {
    let folder = try TemporaryFolder()
    defer { unlink("\(folder.path)/hand-over.socket") }
    let old = try Tracker(configuration(folder))
    let endpoint = try #require(old.endpoints.first)
    #expect {
      _ = try Tracker(configuration(folder))
    } throws: { error in
      "\(error)".contains("belongs to a tracker that runs")
    }
    // A port that somebody else has keeps the new one from serving.
    let (blocker, taken) = try TCP.listen(on: Endpoint(loopback, port: 0))
    defer { close(blocker) }
    var other = configuration(folder, port: endpoint.port)
    other.listen.append(taken)
    let client = Announcing("udp", every: 300, try Self.udp(endpoint, torrent: 1))
    while client.count < 10 { usleep(1000) }
    #expect(throws: TrackerError.self) { _ = try Tracker(other) }
    #expect(!old.isHandedOver)
    let before = client.count
    while client.count < before + 10 { usleep(1000) }
    let result = client.stop()
    #expect(result.fault == nil)
    #expect(old.swarm(hash(1)) > 0)
    old.stop()
    // The next one starts with what the last one knew, and takes nobody's place.
    let next = try Tracker(configuration(folder, port: endpoint.port))
    #expect(next.notices == [])
    #expect(next.swarm(hash(1)) == min(result.asked, 400))
    next.stop()
  }
}

private func blockingConnection(_ endpoint: Endpoint) -> Int32? {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = endpoint.port.bigEndian
  address.sin_addr.s_addr = endpoint.address.v4.bigEndian
  let result = withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  // The two pieces of a request do not wait for each other.
  var one: Int32 = 1
  setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  var time = timeval(tv_sec: 10, tv_usec: 0)
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  return result == 0 ? descriptor : nil
}

extension Tracker {
  /// Peers of a swarm.
  fileprivate func swarm(_ infoHash: InfoHash) -> Int {
    core.table.scrape(infoHash).map { $0.seeds + $0.leeches } ?? 0
  }
}
