import Addresses
import EventLoop
import Glibc
import HTTPServer
import Synchronization
import Testing

@testable import Transfer

/// A client on a loop of its own, for tests that await.
final class TestClient: @unchecked Sendable {
  let loop = Loop(name: "test")
  private var client: HTTPClient?

  func get(_ url: String, _ limits: HTTPLimits = HTTPLimits(timeout: 20)) async -> Result<
    HTTPReply, HTTPError
  > {
    await withCheckedContinuation { continuation in
      loop.post { [self] loop in
        nonisolated(unsafe) let client = client ?? HTTPClient(on: loop)
        self.client = client
        client.get(url, limits: limits, on: loop) { _, result in continuation.resume(returning: result) }
      }
    }
  }

  /// Runs `body` with the client on the loop.
  func run<Value: Sendable>(_ body: @escaping @Sendable (HTTPClient, isolated Loop) -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      loop.post { [self] loop in
        let client = client ?? HTTPClient(on: loop)
        self.client = client
        continuation.resume(returning: body(client, loop))
      }
    }
  }

  func stop() async {
    await run { client, loop in client.close(on: loop) }
    loop.stop()
    loop.join()
    client = nil
  }
}

func failure(_ result: Result<HTTPReply, HTTPError>) -> HTTPError? {
  if case .failure(let error) = result { error } else { nil }
}

final class Counter: Sendable {
  let value = Atomic<Int>(0)
}

final class Log: Sendable {
  let lines = Mutex<[String]>([])
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}

@Suite("The HTTP client")
struct TransferTests {
  func withClient(_ body: (TestClient) async throws -> Void) async throws {
    let client = TestClient()
    do { try await body(client) } catch {
      await client.stop()
      throw error
    }
    await client.stop()
  }

  @Test("Replies come with status, body and address, over IPv4 and IPv6, compressed or not")
  func replies() async throws {
    let server = try HTTPServer(listen: ["127.0.0.1:0", "[::1]:0"].compactMap { Endpoint($0) }) { request in
      request.path == "/teapot"
        ? HTTPResponse(status: 418, contentType: "text/plain", body: request.query)
        : HTTPResponse(contentType: "text/plain", body: [UInt8](repeating: 7, count: 100_000))
    }
    defer { server.stop() }
    try await withClient { client in
      for endpoint in server.boundEndpoints {
        let reply = try await client.get("http://\(endpoint)/teapot?a=%00%ff&b=%2f").get()
        #expect(reply.status == 418)
        #expect(!reply.isSuccess)
        #expect(reply.body == [UInt8]("a=%00%ff&b=%2f".utf8))
        #expect(reply.address == endpoint.address)
        let large = try await client.get("http://\(endpoint)/x").get()
        #expect(large.body == [UInt8](repeating: 7, count: 100_000))
        #expect(large.url == "http://\(endpoint)/x")
      }
      let other = await client.get("http://\(server.boundEndpoints[0])/", HTTPLimits(timeout: 5, family: .v6))
      #expect(failure(other) != nil, "an IPv4 literal cannot be reached over IPv6 only")
    }
  }

  @Test("Many requests at once share kept connections")
  func parallel() async throws {
    let server = try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0)]) { request in
      HTTPResponse(contentType: "text/plain", body: request.query)
    }
    defer { server.stop() }
    let url = "http://\(server.boundEndpoints[0])/?"
    try await withClient { client in
      for round in 0..<3 {
        await withTaskGroup(of: Bool.self) { group in
          for number in 0..<100 {
            group.addTask {
              guard let reply = try? await client.get(url + "\(round)-\(number)").get() else { return false }
              return reply.body == [UInt8]("\(round)-\(number)".utf8)
            }
          }
          for await isRight in group { #expect(isRight) }
        }
      }
      #expect(await client.run { client, _ in client.pending } == 0)
    }
  }

  @Test("One connection serves requests that follow each other")
  func reuse() async throws {
    let server = try RawServer { socket in
      repeat {
        RawServer.send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
      } while RawServer.readHeader(socket)
    }
    defer { server.stop() }
    try await withClient { client in
      for _ in 0..<5 {
        let reply = try await client.get(server.url).get()
        #expect(reply.body == [104, 105])
      }
      #expect(server.accepted.load(ordering: .relaxed) == 1)
    }
  }

  @Test(
    "An answer beyond the limit is cut, whether its length is announced or not",
    arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: ",
    ])
  func tooLarge(head: String) async throws {
    let sent = Counter()
    let server = try RawServer { [chunk = [UInt8](repeating: 65, count: 65_536)] socket in
      RawServer.send(socket, head)
      for _ in 0..<1600 {
        guard RawServer.send(socket, chunk) else { return }
        sent.value.add(chunk.count, ordering: .relaxed)
      }
    }
    defer { server.stop() }
    try await withClient { client in
      let error = failure(await client.get(server.url, HTTPLimits(maximumBytes: 1 << 20, timeout: 20)))
      if head.hasSuffix("\r\n\r\n") {
        #expect(error == .tooLarge(limit: 1 << 20))
      } else {
        #expect(error != nil)
      }
      #expect(sent.value.load(ordering: .relaxed) < 50 << 20)
    }
  }

  @Test("What counts is the size of the unpacked body")
  func bomb() async throws {
    let server = try RawServer { socket in
      // A stored gzip member holds what it holds: 300,000 bytes in blocks of 60,000.
      var bytes: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
      for _ in 0..<5 {
        bytes += [0, 0x60, 0xea, 0x9f, 0x15] + [UInt8](repeating: 0, count: 60_000)
      }
      RawServer.send(socket, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
      RawServer.send(socket, bytes)
    }
    defer { server.stop() }
    try await withClient { client in
      let error = failure(await client.get(server.url, HTTPLimits(maximumBytes: 100_000, timeout: 20)))
      #expect(error == .tooLarge(limit: 100_000))
    }
  }

  @Test(
    "Whatever a server does, there is an error that says so",
    arguments: [
      ("reset", "broken"), ("truncated", "broken"), ("hang", "timedOut"), ("drip", "timedOut"),
      ("loop", "tooManyRedirects"), ("file", "invalidURL"), ("garbage", "broken"), ("empty", "broken"),
    ])
  func hostile(behaviour: String, expected: String) async throws {
    let server = try RawServer { socket in
      switch behaviour {
      case "reset":
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
      case "truncated": RawServer.send(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd8:interval")
      case "hang": RawServer.hang(socket)
      case "drip":
        RawServer.send(socket, "HTTP/1.1 200 OK\r\n\r\n")
        while RawServer.send(socket, "x") { usleep(20_000) }
      case "loop":
        repeat {
          RawServer.send(socket, "HTTP/1.1 302 Found\r\nLocation: /announce\r\nContent-Length: 0\r\n\r\n")
        } while RawServer.readHeader(socket)
      case "file":
        RawServer.send(
          socket, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")
      case "garbage": RawServer.send(socket, [UInt8](repeating: 0xff, count: 1000))
      default: break
      }
    }
    defer { server.stop() }
    try await withClient { client in
      let limits = HTTPLimits(timeout: expected == "timedOut" ? 0.3 : 20)
      let error = try #require(failure(await client.get(server.url, limits)))
      #expect(
        "\(Mirror(reflecting: error).children.first?.label ?? "tooManyRedirects")" == expected, "\(error)")
      #expect(!error.description.isEmpty)
      #expect(await client.run { client, _ in client.pending } == 0)
    }
  }

  @Test("A redirect is followed; HTML and 500 come through as they are")
  func passedThrough() async throws {
    let server = try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0)]) { request in
      switch request.path {
      case "/old":
        HTTPResponse(status: 301, contentType: "text/html", headers: [("Location", "/new?x=1")], body: [1])
      case "/new": HTTPResponse(contentType: "text/html", body: [UInt8]("<html>".utf8) + request.query)
      default:
        HTTPResponse(status: 500, contentType: "text/plain", body: [UInt8]("d14:failure reason1:xe".utf8))
      }
    }
    defer { server.stop() }
    let base = "http://\(server.boundEndpoints[0])"
    try await withClient { client in
      let moved = try await client.get("\(base)/old").get()
      #expect(moved.body == [UInt8]("<html>x=1".utf8))
      #expect(moved.url == "\(base)/new?x=1")
      let broken = try await client.get("\(base)/none").get()
      #expect(broken.status == 500)
      #expect(broken.body == [UInt8]("d14:failure reason1:xe".utf8))
    }
  }

  @Test(
    "URLs that cannot be used fail, with the fault named",
    arguments: [
      ("", "invalidURL"), ("gopher://127.0.0.1/", "invalidURL"), ("file:///etc/passwd", "invalidURL"),
      ("http://127.0.0.1:99999/", "invalidURL"), ("http://127.0.0.1:1/", "cannotConnect"),
      ("http://name.invalid./", "cannotResolve"),
    ])
  func unusable(url: String, expected: String) async throws {
    try await withClient { client in
      let error = try #require(failure(await client.get(url)))
      #expect(Mirror(reflecting: error).children.first?.label == expected, "\(error)")
    }
  }

  @Test("The environment's proxies are not used")
  func proxies() async throws {
    setenv("http_proxy", "http://127.0.0.1:1", 1)
    defer { unsetenv("http_proxy") }
    let server = try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0)]) { _ in
      HTTPResponse(contentType: "text/plain", body: [1])
    }
    defer { server.stop() }
    try await withClient { client in
      let reply = try await client.get("http://\(server.boundEndpoints[0])/").get()
      #expect(reply.body == [1])
    }
  }

  @Test("A cancelled request tells nobody; closing ends the others")
  func cancelAndClose() async throws {
    let server = try RawServer { RawServer.hang($0) }
    defer { server.stop() }
    try await withClient { client in
      let ended = Log()
      await client.run { [url = server.url] http, loop in
        let transfer = http.get(url, on: loop) { _, _ in ended.add("cancelled") }
        http.get(url, on: loop) { _, result in
          ended.add(failure(result) == .closed ? "closed" : "other")
        }
        transfer.cancel(on: loop)
        transfer.cancel(on: loop)
        #expect(http.pending == 1)
        http.close(on: loop)
        #expect(http.pending == 0)
      }
      #expect(ended.lines.withLock { $0 } == ["closed"])
    }
  }
}
