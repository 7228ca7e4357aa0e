import Addresses
import CCounters
import EventLoop
import Glibc
import TrackerServer

/// Announces over HTTP on a kept connection: what one costs the loop that answers it, the system's part included in
/// the time.
struct HTTPAnnounces {
  private static let count = 20_000
  /// Peers of the torrent; each answer has 50 of them.
  private static let peers = 200

  static func run(timed: Bool) -> [(name: String, cost: Cost)] {
    var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)])
    configuration.threads = 1
    guard let tracker = try? Tracker(configuration) else { preconditionFailure("cannot listen") }
    defer { tracker.stop() }
    let client = Client(port: tracker.endpoints[0].port)
    for number in 0..<peers { client.announce(port: 1024 + number) }
    let before = counts()
    let start = Instant.now
    for number in 0..<count { client.announce(port: 1024 + number % peers) }
    let end = Instant.now
    let after = counts()
    let cost = Cost(
      nanoseconds: timed ? Double(end.nanoseconds - start.nanoseconds) / Double(count) : nil,
      allocations: Double(after.allocations - before.allocations) / Double(count),
      retains: Double(after.retains - before.retains) / Double(count))
    return [("tracker: an HTTP announce on a kept connection", cost)]
  }

  private static func counts() -> thread_counts {
    var threads = [thread_counts](repeating: thread_counts(), count: 1024)
    let found = counters_threads(&threads, threads.count)
    for thread in threads.prefix(found) {
      let name = withUnsafeBytes(of: thread.name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name == "http 0" { return thread }
    }
    preconditionFailure("the loop is not there")
  }
}

/// A connection that asks and waits for the answer.
private final class Client {
  private let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  private var answer = [UInt8](repeating: 0, count: 16 << 10)

  init(port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    precondition(connected == 0, "cannot connect")
  }

  deinit { close(socket) }

  /// The answer comes in one piece: it is small, and sent at once.
  func announce(port: Int) {
    let request = Array(
      """
      GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-%00%01%02%03%04%05%06%07%08%09%0a%0b&port=\(port)\
      &uploaded=0&downloaded=0&left=1&compact=1&key=0123abcd&event=started&numwant=50&supportcrypto=1 HTTP/1.1\r
      Host: tracker.example:6969\r
      User-Agent: Benchmark/1.0\r
      Accept-Encoding: gzip\r
      Connection: keep-alive\r
      \r

      """.utf8)
    precondition(send(socket, request, request.count, 0) == request.count, "cannot send")
    let count = recv(socket, &answer, answer.count, 0)
    precondition(count > 100 && answer[9] == UInt8(ascii: "2"), "no answer")
  }
}
