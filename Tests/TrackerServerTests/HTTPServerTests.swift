import Addresses
import Bytes
import Glibc
import HTTPServer
import Testing
import TrackerProtocol

@testable import TrackerServer

/// A blocking connection to a server.
final class Connection {
  let socket: Int32

  init(_ endpoint: Endpoint) throws {
    let isV4 = endpoint.address.isV4
    socket = Glibc.socket(isV4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let connected: Int32
    if isV4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = endpoint.port.bigEndian
      address.sin_addr.s_addr = endpoint.address.v4.bigEndian
      connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    } else {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = endpoint.port.bigEndian
      withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: endpoint.address.bytes) }
      connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    try #require(connected == 0)
  }

  deinit { close(socket) }

  @discardableResult
  func send(_ text: String) -> Bool {
    let bytes = [UInt8](text.utf8)
    return Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// One response with its status, its header and as much body as the header says; `nil` at the end.
  func response(isHead: Bool = false) -> (status: Int, header: String, body: [UInt8])? {
    var header: [UInt8] = []
    var byte: UInt8 = 0
    while !header.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard recv(socket, &byte, 1, 0) == 1 else { return nil }
      header.append(byte)
    }
    let text = String(decoding: header, as: UTF8.self)
    let status = Int(text.split(separator: " ")[1]) ?? 0
    let line = text.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
    let length = line.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
    var body: [UInt8] = []
    while !isHead, body.count < length, recv(socket, &byte, 1, 0) == 1 { body.append(byte) }
    return (status, text, body)
  }

  /// Whether the other end closes, now or within the time limit of the socket.
  func isClosed() -> Bool {
    var byte: UInt8 = 0
    while true {
      let count = recv(socket, &byte, 1, 0)
      if count == 1 { continue }
      return count == 0 || errno == ECONNRESET
    }
  }
}

@Suite("The HTTP server and the tracker on it")
struct HTTPServerTests {
  func withServer(
    _ options: HTTPServerOptions = HTTPServerOptions(), _ body: (HTTPServer) throws -> Void
  ) throws {
    let server = try HTTPServer(
      listen: ["127.0.0.1:0", "[::1]:0"].compactMap { Endpoint($0) }, options: options
    ) { request in
      let text = "\(request.method) \(request.path) \(String(decoding: request.query, as: UTF8.self)) "
      return HTTPResponse(
        contentType: "text/plain", headers: [("X-Remote", "\(request.remote.address)")],
        body: [UInt8](text.utf8) + request.body)
    }
    defer { server.stop() }
    try body(server)
  }

  @Test("The query arrives as it was sent, over both families, on one kept connection")
  func rawQuery() throws {
    try withServer { server in
      for endpoint in server.boundEndpoints {
        #expect(endpoint.port != 0)
        let connection = try Connection(endpoint)
        for query in ["info_hash=%00%ff%26%3D+&a=b=c", "", "%zz%", "?x"] {
          connection.send("GET /a%20b?\(query) HTTP/1.1\r\nHost: x\r\n\r\n")
          let response = try #require(connection.response())
          #expect(String(decoding: response.body, as: UTF8.self) == "GET /a%20b \(query) ")
          #expect(response.header.contains("X-Remote: \(endpoint.address)\r\n"))
        }
        connection.send("GET http://tracker.example/announce?x HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(connection.response()?.body == [UInt8]("GET /announce x ".utf8))
      }
    }
  }

  @Test("Requests that come at once are answered in order; HTTP/1.0 closes; HEAD has no body")
  func pipelining() throws {
    try withServer { server in
      let connection = try Connection(server.boundEndpoints[0])
      connection.send((0..<20).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
      for number in 0..<20 { #expect(connection.response()?.body == [UInt8]("GET /\(number)  ".utf8)) }
      connection.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(connection.response(isHead: true)?.status == 200)
      connection.send("GET /old HTTP/1.0\r\n\r\n")
      #expect(connection.response()?.body == [UInt8]("GET /old  ".utf8))
      #expect(connection.isClosed())
    }
  }

  @Test("A body is bounded")
  func body() throws {
    var options = HTTPServerOptions()
    options.maximumBody = 1000
    try withServer(options) { server in
      let connection = try Connection(server.boundEndpoints[0])
      connection.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
      #expect(connection.response()?.body == [UInt8]("POST /p  hello".utf8))
      connection.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
      for _ in 0..<9 { connection.send(String(repeating: "x", count: 1000)) }
      #expect(connection.isClosed())
    }
  }

  @Test(
    "Garbage, a header without end and an oversized one end the connection, not the server",
    arguments: [
      "\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n",
      "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n",
    ])
  func garbage(text: String) throws {
    var options = HTTPServerOptions()
    options.requestTimeout = 0.3
    try withServer(options) { server in
      let connection = try Connection(server.boundEndpoints[0])
      connection.send(text)
      if let response = connection.response() { #expect(400...599 ~= response.status) }
      #expect(connection.isClosed())
      let next = try Connection(server.boundEndpoints[0])
      next.send("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(next.response()?.status == 200)
    }
  }

  @Test(
    "A request that drips in is cut off after its time, while others are served",
    arguments: ["GET /slow HTTP/1.1\r\n", "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"])
  func slow(start: String) throws {
    var options = HTTPServerOptions()
    options.requestTimeout = 0.3
    try withServer(options) { server in
      let silent = try Connection(server.boundEndpoints[0])
      let slow = try Connection(server.boundEndpoints[0])
      let honest = try Connection(server.boundEndpoints[0])
      slow.send(start)
      var bytes = 0
      while bytes < 1000, slow.send("X") {
        bytes += 1
        honest.send("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(honest.response()?.status == 200)
        usleep(10_000)
      }
      #expect(bytes < 1000)
      #expect(slow.isClosed())
      #expect(silent.isClosed())
      honest.send("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(honest.response()?.status == 200, "a connection may rest between requests")
    }
  }

  @Test("Stopping closes connections and frees the port; a port in use is an error that names it")
  func stop() throws {
    let server = try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0)]) { _ in
      HTTPResponse(contentType: "text/plain", body: [])
    }
    let endpoint = server.boundEndpoints[0]
    let connection = try Connection(endpoint)
    connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(connection.response()?.status == 200)
    let error = #expect(throws: HTTPServerError.self) {
      try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0), endpoint]) { _ in
        HTTPResponse(contentType: "", body: [])
      }
    }
    #expect(error?.description == "cannot listen on \(endpoint): Address already in use")
    server.stop()
    server.stop()
    #expect(connection.isClosed())
    let again = try HTTPServer(listen: [endpoint]) { _ in HTTPResponse(contentType: "", body: []) }
    again.stop()
  }

  @Test("A whole tracker: announces over both families meet, statistics tell")
  func tracker() throws {
    let tracker = try Tracker(
      TrackerConfiguration(listen: ["127.0.0.1:0", "[::1]:0"].compactMap { Endpoint($0) }, interval: 30))
    defer { tracker.stop() }
    var replies: [AnnounceReply] = []
    for (number, endpoint) in tracker.endpoints.enumerated() {
      let connection = try Connection(endpoint)
      let request = AnnounceRequest(
        infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: UInt16(7000 + number), left: 1)
      connection.send("GET /announce?\(request.query) HTTP/1.1\r\nHost: x\r\n\r\n")
      replies.append(try AnnounceReply(try #require(connection.response()).body))
    }
    #expect(replies[0].peers == [])
    #expect(replies[1].peers.map(\.description) == ["127.0.0.1:7000"])
    #expect(replies[1].externalAddress == IPAddress("::1"))
    #expect(replies[1].interval == 30)
    #expect(tracker.statistics.peers == 2)
    let taken = TrackerConfiguration(listen: [tracker.endpoints[0]])
    let error = #expect(throws: TrackerError.self) { try Tracker(taken) }
    #expect(error?.description.contains("Address already in use") == true)
  }
}
