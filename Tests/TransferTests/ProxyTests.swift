import Addresses
import EventLoop
import Glibc
import Proxy
import Testing

@testable import Transfer

@Suite("Requests through a proxy", .serialized)
struct ProxyTests {
  /// What a proxy was asked for, in words; it answers what a server behind it would.
  private final class FakeProxy {
    let server: RawServer
    let log = Log()

    init(_ kind: ProxyURL.Kind) throws {
      let log = log
      let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
      server = try RawServer(readsHeader: false) { socket in
        switch kind {
        case .http:
          log.add(Self.head(socket))
        case .socks5:
          let methods = Self.read(socket, 2)
          let offered = Self.read(socket, Int(methods.last ?? 0))
          let wantsLogin = offered.contains(2)
          RawServer.send(socket, [5, wantsLogin ? 2 : 0])
          if wantsLogin {
            let user = Self.read(socket, Int(Self.read(socket, 2).last ?? 0))
            let password = Self.read(socket, Int(Self.read(socket, 1).last ?? 0))
            log.add(String(decoding: user + [58] + password, as: UTF8.self))
            RawServer.send(socket, [1, 0])
          }
          let request = Self.read(socket, 5)
          let name = Self.read(socket, Int(request.last ?? 0))
          let port = Self.read(socket, 2)
          log.add("\(request.prefix(4)) \(String(decoding: name, as: UTF8.self)) \(port)")
          RawServer.send(socket, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
          _ = RawServer.readHeader(socket)
        }
        RawServer.send(socket, answer)
      }
    }

    private static func read(_ socket: Int32, _ count: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      return recv(socket, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : []
    }

    private static func head(_ socket: Int32) -> String {
      var head: [UInt8] = []
      var byte: UInt8 = 0
      while !head.suffix(4).elementsEqual([13, 10, 13, 10]), recv(socket, &byte, 1, 0) == 1 {
        head.append(byte)
      }
      return String(decoding: head, as: UTF8.self)
    }
  }

  private func get(_ url: String, through proxy: ProxyURL) async throws -> HTTPReply {
    let loop = Loop(name: "test")
    let result = await withCheckedContinuation {
      (done: CheckedContinuation<Result<HTTPReply, HTTPError>, Never>) in
      loop.post { loop in
        var options = HTTPClientOptions()
        options.proxy = proxy
        let client = HTTPClient(on: loop, options: options)
        var limits = HTTPLimits(timeout: 10)
        limits.family = .v6
        nonisolated(unsafe) let kept = client
        client.get(url, limits: limits, on: loop) { loop, result in
          kept.close(on: loop)
          done.resume(returning: result)
        }
      }
    }
    loop.stop()
    loop.join()
    return try result.get()
  }

  /// What the environment says about exceptions does not count, nor do names known to the system.
  @Test(arguments: ["localhost", "no.such.name.invalid"], [nil, ProxyCredentials("joe:s%e:cret")])
  func socksFindsNames(_ host: String, _ credentials: ProxyCredentials?) async throws {
    setenv("no_proxy", "localhost,.invalid,*", 1)
    defer { unsetenv("no_proxy") }
    let proxy = try FakeProxy(.socks5)
    defer { proxy.server.stop() }
    let url = ProxyURL(.socks5, host: "127.0.0.1", port: proxy.server.endpoint.port, credentials: credentials)
    #expect(try await get("http://\(host):81/x", through: url).body == Array("ok".utf8))
    let login = credentials == nil ? [] : ["joe:s%e:cret"]
    #expect(proxy.log.lines.withLock { $0 } == login + ["[5, 1, 0, 3] \(host) [0, 81]"])
  }

  @Test(arguments: ["localhost", "no.such.name.invalid"])
  func httpFindsNames(_ host: String) async throws {
    setenv("no_proxy", "localhost,.invalid,*", 1)
    defer { unsetenv("no_proxy") }
    let proxy = try FakeProxy(.http)
    defer { proxy.server.stop() }
    let url = ProxyURL(
      .http, host: "127.0.0.1", port: proxy.server.endpoint.port,
      credentials: ProxyCredentials("Aladdin:open sesame"))
    #expect(try await get("http://\(host):81/x", through: url).body == Array("ok".utf8))
    let head = proxy.log.lines.withLock { $0.first } ?? ""
    #expect(head.hasPrefix("GET http://\(host):81/x HTTP/1.1\r\n"))
    #expect(head.contains("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"))
  }

  /// Nothing else is tried.
  @Test(arguments: ProxyURL.Kind.allCases)
  func failsWhereThereIsNoProxy(_ kind: ProxyURL.Kind) async throws {
    let server = try RawServer { RawServer.send($0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
    defer { server.stop() }
    let proxy = ProxyURL(kind, host: "127.0.0.1", port: 1, credentials: ProxyCredentials("joe:secret"))
    let error = await #expect(throws: HTTPError.self) { try await get(server.url, through: proxy) }
    #expect(server.accepted.load(ordering: .relaxed) == 0)
    #expect(error.map { "\($0)".contains("secret") } == false)
  }
}
