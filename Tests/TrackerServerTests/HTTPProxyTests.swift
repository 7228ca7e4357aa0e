import Addresses
import Bytes
import Glibc
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

@Suite("A tracker behind proxies")
struct HTTPProxyTests {
  let loopback = ["127.0.0.0/8", "10.0.0.0/8"].compactMap { AddressPrefix($0) }

  @Test(
    "The client of each request is who the proxy says, on the loops and in the library",
    arguments: [ProxyRules.Manner.forwardedFor, .forwarded])
  func fields(manner: ProxyRules.Manner) throws {
    try withTracker {
      $0.proxies = ProxyRules(trusted: loopback, manner: manner)
    } _: { tracker in
      let connection = try Connection(tracker.endpoints[0])
      for (number, start) in ["", "http://x"].enumerated() {
        for client in ["203.0.113.7", "2001:db8::7"] {
          let field =
            manner == .forwardedFor
            ? "X-Forwarded-For: 8.8.8.8, \(client)\r\nx-forwarded-for: 10.0.0.3\r\n"
            : "Forwarded: for=8.8.8.8, for=\"\(client.contains(":") ? "[\(client)]" : client)\"\r\n"
          let other =
            manner == .forwardedFor ? "Forwarded: for=9.9.9.9\r\n" : "X-Forwarded-For: 9.9.9.9\r\n"
          connection.send(get(start + announceTarget(number + 1), field + other))
          #expect(try connection.announced().externalAddress == IPAddress(client))
        }
        for bad in ["", "X-Forwarded-For: nobody\r\n", "Forwarded: proto=http\r\n"] {
          let lying = try Connection(tracker.endpoints[0])
          lying.send(get(start + announceTarget(), bad))
          let response = try #require(lying.response())
          #expect(response.status == 400)
          #expect(String(decoding: response.body, as: UTF8.self).contains("the proxy does not say"))
        }
      }
    }
  }

  @Test("Addresses that clients from elsewhere claim are never told to anybody, in whatever form")
  func claims() throws {
    try withTracker {
      $0.proxies = ProxyRules(trusted: loopback)
    } _: { tracker in
      let connection = try Connection(tracker.endpoints[0])
      let claims = ["198.51.100.66", "2001:db8:bad::1", "10.66.66.66"]
      let keys = ["ip", "ipv4", "ipv6"].flatMap { key in claims.map { "&\(key)=\($0)" } }
      let all = keys.joined() + "&ipv4=198.51.100.66:7000&ipv6=[2001:db8:bad::1]:7000"
      func send(_ target: String, from client: String) {
        connection.send(get(target, "X-Forwarded-For: \(client)\r\n"))
      }
      var honest: Set<Endpoint> = []
      // On the loops and in the library, from both families.
      for (number, start) in ["", "http://x"].enumerated() {
        for (client, extra) in [("203.0.113.7", all), ("2001:db8::7", all)]
          + keys.map({ ("203.0.113.8", $0) })
        {
          send(
            start + announceTarget(port: UInt16(7000 + number), extra: extra + "&x_have=0-5"), from: client)
          let reply = try connection.announced()
          #expect(reply.externalAddress == IPAddress(client))
          honest.insert(Endpoint(try #require(IPAddress(client)), port: UInt16(7000 + number)))
        }
      }
      for (asker, start) in [("203.0.113.9", ""), ("2001:db8::9", "http://x")] {
        for extra in ["&ip=10.66.66.66", "&compact=0", "&x_rank=1&x_need=3"] {
          send(start + announceTarget(port: 9999, wanted: 200, extra: extra), from: asker)
          let reply = try connection.announced()
          #expect(
            Set(reply.peers).subtracting([Endpoint(IPAddress("203.0.113.9") ?? .anyV4, port: 9999)]) == honest
          )
          for holders in reply.extensions?.holders.values ?? [:].values {
            #expect(Set(holders).isSubset(of: honest))
          }
          if extra.contains("x_need") { #expect(reply.extensions?.holders[3]?.count == honest.count) }
        }
      }
      #expect(tracker.core.scrape(hash(1)).leeches == honest.count + 2)
    }
  }

  @Test("Who is no proxy is not believed")
  func strangers() throws {
    try withTracker {
      $0.proxies = ProxyRules(trusted: ["192.0.2.0/24"].compactMap { AddressPrefix($0) })
    } _: { tracker in
      let connection = try Connection(tracker.endpoints[0])
      connection.send(get(announceTarget(), "X-Forwarded-For: 203.0.113.7\r\n"))
      #expect(try connection.announced().externalAddress == .loopbackV4)
    }
  }

  @Test("The PROXY protocol, both versions, names the client of a whole connection")
  func proxyProtocol() throws {
    try withTracker {
      $0.proxies = ProxyRules(trusted: loopback, manner: .proxyProtocol)
    } _: { tracker in
      let first = try Connection(tracker.endpoints[0])
      first.send("PROXY TCP4 203.0.113.7 203.0.113.1 40000 80\r\n" + get(announceTarget()))
      #expect(try first.announced().externalAddress == IPAddress("203.0.113.7"))
      first.send(get("http://x" + announceTarget(), "X-Forwarded-For: 9.9.9.9\r\n"))
      #expect(try first.announced().externalAddress == IPAddress("203.0.113.7"))
      var header: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x21, 0, 36]
      header += IPAddress("2001:db8::7")?.bytes ?? []
      header += [UInt8](repeating: 0, count: 18) + [1, 2]
      let second = try Connection(tracker.endpoints[0])
      for byte in header { second.send([byte]) }
      for _ in 0..<3 {
        second.send(get(announceTarget()))
        #expect(try second.announced().externalAddress == IPAddress("2001:db8::7"))
      }
      let none = try Connection(tracker.endpoints[0])
      none.send(get(announceTarget()))
      #expect(none.response() == nil)
    }
  }

  @Test("A proxy may have any number of connections, others a few")
  func caps() throws {
    for (trusted, served) in [([], 3), (loopback, 10)] {
      try withTracker {
        $0.proxies = ProxyRules(trusted: trusted)
        $0.maximumConnectionsPerAddress = 3
      } _: { tracker in
        let connections = try (0..<10).map { _ in try Connection(tracker.endpoints[0]) }
        var answered = 0
        for connection in connections {
          connection.send(get(announceTarget(), "X-Forwarded-For: 203.0.113.7\r\n"))
          guard connection.response()?.status == 200 else { continue }
          // Is it kept?
          connection.send(get(announceTarget(), "X-Forwarded-For: 203.0.113.7\r\n"))
          if connection.response()?.status == 200 { answered += 1 }
        }
        #expect(answered == served)
      }
    }
  }
}
