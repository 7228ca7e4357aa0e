import Addresses
import EventLoop
import HTTPServer
import Synchronization
import Testing

@testable import Transfer

/// Where requests may go, and through what.
@Suite("HTTP requests that are bound") struct BindingTests {
  private final class Stream: HTTPStreamReceiver, Sendable {
    let ended = Mutex<HTTPError??>(nil)
    let bytes = Atomic(0)
    func received(_ transfer: Transfer, _ part: RawSpan, on loop: isolated Loop) {
      bytes.add(part.byteCount, ordering: .relaxed)
    }
    func ended(_ transfer: Transfer, _ error: HTTPError?, on loop: isolated Loop) {
      ended.withLock { $0 = .some(error) }
    }
  }

  private func with(
    _ configure: (inout HTTPClientOptions) -> Void,
    _ body: (_ loop: Loop, _ client: Confined<HTTPClient>, _ url: String) async throws -> Void
  ) async throws {
    let server = try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0)]) { _ in
      HTTPResponse(contentType: "text/plain", body: [UInt8](repeating: 7, count: 1000))
    }
    defer { server.stop() }
    let url = "http://\(try #require(server.boundEndpoints.first))/"
    var options = HTTPClientOptions()
    configure(&options)
    let (loop, chosen) = (Loop(name: "test"), options)
    let client = await loop.perform { loop in Confined(HTTPClient(on: loop, options: chosen), on: loop) }
    try await body(loop, client, url)
    await loop.perform { loop in client.value(on: loop).close(on: loop) }
    loop.stop()
    loop.join()
  }

  private func get(_ url: String, _ loop: Loop, _ client: Confined<HTTPClient>) async -> Result<
    HTTPReply, HTTPError
  > {
    await withCheckedContinuation { continuation in
      loop.post { loop in
        client.value(on: loop).get(url, on: loop) { _, result in continuation.resume(returning: result) }
      }
    }
  }

  @Test(
    "Streams do not come from addresses that are blocked, other requests are not asked about",
    arguments: [true, false])
  func blocked(isAllowed: Bool) async throws {
    try await with {
      $0.streamsTo = { _ in isAllowed }
    } _: { loop, client, url in
      let receiver = Stream()
      await loop.perform { loop in
        _ = client.value(on: loop).stream(url, range: 0..<1000, on: loop, receiver: receiver)
      }
      while receiver.ended.withLock({ $0 == nil }) { try await Task.sleep(for: .milliseconds(5)) }
      let error = receiver.ended.withLock { $0 } ?? nil
      #expect(error == (isAllowed ? nil : .cannotConnect("its address is blocked")))
      #expect(receiver.bytes.load(ordering: .relaxed) == (isAllowed ? 1000 : 0))
      let reply = try await get(url, loop, client).get()
      #expect(reply.body.count == 1000)
    }
  }

  @Test("Requests go through the interface, or fail at once without one, also those of names")
  func bound() async throws {
    try await with {
      $0.binding = SocketBinding("lo")
    } _: { loop, client, url in
      for _ in 0..<2 {
        let reply = try await get(url, loop, client).get()
        #expect(reply.body.count == 1000)
        await loop.perform { loop in client.value(on: loop).interrupt(on: loop) }
      }
    }
    try await with {
      $0.binding = SocketBinding("nosuch0")
    } _: { loop, client, url in
      for url in [url, "http://localhost:1/"] {
        let error = failure(await get(url, loop, client))
        #expect(error == .cannotConnect("the interface nosuch0 is gone"))
      }
    }
  }
}
