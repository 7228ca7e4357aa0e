import Addresses
import Bytes
import Proxy
import Testing

/// What a proxy says, and what has to follow from it, with the bytes of the RFCs.
@Suite
struct ProxyHandshakeTests {
  /// A conversation: what we send, and what comes back for it.
  struct Script: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var handshake: ProxyHandshake
    /// Ours and theirs in turn.
    var turns: [(ours: [UInt8], theirs: [UInt8])]
    var end: ProxyHandshake.Step

    /// Plays it, what comes being cut into parts of `size` bytes. How it ended, and what was left unread.
    func play(parts size: Int) -> (end: ProxyHandshake.Step, unread: Int) {
      var handshake = handshake
      var sent = handshake.begin()
      for (number, turn) in turns.enumerated() {
        #expect(sent == turn.ours, "message \(number)")
        var rest = turn.theirs[...]
        var step = ProxyHandshake.Step.more
        while step == .more {
          let count = min(handshake.wanted, size, rest.count)
          guard count > 0 else { return (step, rest.count) }
          step = handshake.receive(Array(rest.prefix(count)).rawBytes)
          rest = rest.dropFirst(count)
        }
        guard case .send(let next) = step else { return (step, rest.count) }
        sent = next
      }
      return (.more, 0)
    }
  }

  static let secret = ProxyCredentials(user: Array("joe".utf8), password: Array("secret".utf8))
  static let address = ProxyTarget.address(Endpoint(IPAddress(v4: 0xc000_0207), port: 6881))
  static let named = ProxyTarget.name("peer.example", port: 6881)
  static let request: [UInt8] = [5, 1, 0, 1, 192, 0, 2, 7, 0x1a, 0xe1]
  static let good: [UInt8] = [5, 0, 0, 1, 198, 51, 100, 1, 0x30, 0x39]

  static func socks(_ credentials: ProxyCredentials? = nil) -> ProxyURL {
    ProxyURL(.socks5, host: "proxy", port: 1080, credentials: credentials)
  }

  static func http(_ credentials: ProxyCredentials? = nil) -> ProxyURL {
    ProxyURL(.http, host: "proxy", port: 8080, credentials: credentials)
  }

  static func script(
    _ what: String, _ handshake: ProxyHandshake, _ turns: [([UInt8], [UInt8])], _ end: ProxyHandshake.Step
  ) -> Script {
    Script(testDescription: what, handshake: handshake, turns: turns.map { ($0.0, $0.1) }, end: end)
  }

  static let login: [UInt8] = [1, 3] + Array("joe".utf8) + [6] + Array("secret".utf8)
  static let v6 = Endpoint(IPAddress("2001:db8::1") ?? .anyV6, port: 443)
  static let relay = Endpoint(IPAddress(v4: 0xc633_6401), port: 12345)

  static let scripts: [Script] = [
    script(
      "no credentials", .init(socks(), to: address), [([5, 1, 0], [5, 0]), (request, good)], .done(bound: nil)
    ),
    script(
      "credentials", .init(socks(secret), to: address),
      [([5, 2, 0, 2], [5, 2]), (login, [1, 0]), (request, good)], .done(bound: nil)),
    script(
      "credentials that nobody wants", .init(socks(secret), to: address),
      [([5, 2, 0, 2], [5, 0]), (request, good)], .done(bound: nil)),
    script(
      "IPv6, and a name bound", .init(socks(), to: .address(v6)),
      [
        ([5, 1, 0], [5, 0]),
        (
          [5, 1, 0, 4, 0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 1, 0xbb],
          [5, 0, 0, 3, 3, 97, 98, 99, 0, 80]
        ),
      ], .done(bound: nil)),
    script(
      "a name", .init(socks(), to: named),
      [
        ([5, 1, 0], [5, 0]),
        ([5, 1, 0, 3, 12] + Array("peer.example".utf8) + [0x1a, 0xe1], good),
      ], .done(bound: nil)),
    script(
      "a name without letters bound", .init(socks(), to: address),
      [([5, 1, 0], [5, 0]), (request, [5, 0, 0, 3, 0, 0, 80])], .done(bound: nil)),
    script(
      "datagrams", ProxyHandshake(relayOf: socks(), isV4: true) ?? .init(http(), to: named),
      [([5, 1, 0], [5, 0]), ([5, 3, 0, 1, 0, 0, 0, 0, 0, 0], good)], .done(bound: .address(relay))),
    script(
      "datagrams over IPv6", ProxyHandshake(relayOf: socks(), isV4: false) ?? .init(http(), to: named),
      [
        ([5, 1, 0], [5, 0]),
        (
          [5, 3, 0, 4] + [UInt8](repeating: 0, count: 18),
          [5, 0, 0, 4, 0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 1, 0xbb]
        ),
      ], .done(bound: .address(v6))),
    script("no method", .init(socks(), to: address), [([5, 1, 0], [5, 255])], .failed(.wantsCredentials)),
    script("a method of its own", .init(socks(), to: address), [([5, 1, 0], [5, 2])], .failed(.malformed)),
    script("SOCKS 4", .init(socks(), to: address), [([5, 1, 0], [0, 90])], .failed(.malformed)),
    script(
      "wrong password", .init(socks(secret), to: address), [([5, 2, 0, 2], [5, 2]), (login, [1, 1])],
      .failed(.refusesCredentials)),
    script(
      "refused", .init(socks(), to: address), [([5, 1, 0], [5, 0]), (request, [5, 5])],
      .failed(.refused(code: 5))),
    script(
      "no such address type", .init(socks(), to: address),
      [([5, 1, 0], [5, 0]), (request, [5, 0, 0, 2, 9])],
      .failed(.malformed)),
    script(
      "CONNECT", .init(http(), to: address),
      [
        (
          Array("CONNECT 192.0.2.7:6881 HTTP/1.1\r\nHost: 192.0.2.7:6881\r\n\r\n".utf8),
          Array("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n".utf8)
        )
      ], .done(bound: nil)),
    script(
      "CONNECT to IPv6 with credentials, as RFC 7617 writes them",
      .init(
        http(ProxyCredentials(user: Array("Aladdin".utf8), password: Array("open sesame".utf8))),
        to: .address(v6)),
      [
        (
          Array(
            ("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
              + "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n").utf8),
          Array("HTTP/1.0 200\r\n\r\n".utf8)
        )
      ], .done(bound: nil)),
    script(
      "bare line ends", .init(http(), to: named), [(connect, Array("HTTP/1.1 200 OK\n\n".utf8))],
      .done(bound: nil)),
    script(
      "an answer before the answer", .init(http(), to: named),
      [(connect, Array("HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".utf8))], .done(bound: nil)),
    script(
      "who are you", .init(http(), to: named), [(connect, Array("HTTP/1.1 407 Who\r\n\r\n".utf8))],
      .failed(.wantsCredentials)),
    script(
      "no way", .init(http(), to: named), [(connect, Array("HTTP/1.1 502 No\r\n\r\n".utf8))],
      .failed(.status(502))),
    script(
      "no HTTP", .init(http(), to: named), [(connect, Array("SSH-2.0-x\r\n".utf8))], .failed(.malformed)),
    script(
      "no status", .init(http(), to: named), [(connect, Array("HTTP/1.1 2000 x\r\n\r\n".utf8))],
      .failed(.malformed)),
    script(
      "no end", .init(http(), to: named),
      [(connect, Array("HTTP/1.1 200 OK\r\n".utf8) + [UInt8](repeating: 97, count: 5000))], .failed(.tooLong)),
    script(
      "not the answer, for ever", .init(http(), to: named),
      [(connect, [[UInt8]](repeating: Array("HTTP/1.1 100 x\r\n\r\n".utf8), count: 300).flatMap(\.self))],
      .failed(.tooLong)),
  ]
  static let connect = Array("CONNECT peer.example:6881 HTTP/1.1\r\nHost: peer.example:6881\r\n\r\n".utf8)

  @Test(arguments: scripts)
  func endsAsItShould(_ script: Script) {
    for size in [1, 2, 3, 7, 10_000] { #expect(script.play(parts: size).end == script.end) }
  }

  /// What stands behind the handshake belongs to the target.
  @Test(arguments: scripts)
  func readsNothingBeyondTheHandshake(_ script: Script) {
    guard case .done = script.end else { return }
    var longer = script
    longer.turns[longer.turns.count - 1].theirs += Array("\u{13}BitTorrent protocol".utf8)
    for size in [1, 2, 10_000] { #expect(longer.play(parts: size).unread == 20) }
  }

  /// Cut anywhere, it is not over, and nothing is read that did not come.
  @Test(arguments: scripts)
  func waitsForMoreWhereverItIsCut(_ script: Script) {
    guard case .done = script.end else { return }
    for (turn, length) in script.turns.enumerated().flatMap({ turn, bytes in
      (0..<bytes.theirs.count).map { (turn, $0) }
    }) {
      var cut = script
      cut.turns[turn].theirs = Array(cut.turns[turn].theirs.prefix(length))
      #expect(cut.play(parts: 10_000).end == .more)
    }
  }

  @Test
  func takesNoMoreThanItAsksFor() {
    var handshake = ProxyHandshake(Self.socks(), to: Self.address)
    _ = handshake.begin()
    let answer: [UInt8] = [5, 0, 5]
    #expect(handshake.receive(answer.rawBytes) == .failed(.malformed))
    #expect(handshake.wanted == 0)
  }

  @Test
  func anHTTPProxyRelaysNoDatagrams() { #expect(ProxyHandshake(relayOf: Self.http(), isV4: true) == nil) }
}
