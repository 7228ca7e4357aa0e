import Addresses
import Bytes
import Proxy
import Testing

@Suite
struct ProxyURLTests {
  @Test(arguments: [
    ("socks5://proxy.example:9050", "socks5://proxy.example:9050"),
    ("socks5h://proxy", "socks5://proxy:1080"),
    ("SOCKS5://192.0.2.1", "socks5://192.0.2.1:1080"), ("http://proxy/", "http://proxy:8080"),
    ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"), ("socks5://[::1]", "socks5://[::1]:1080"),
  ])
  func readsAndWrites(_ text: String, _ written: String) throws {
    let url = try ProxyURL(text)
    #expect(url.description == written)
    #expect(url.credentials == nil)
  }

  @Test(arguments: [
    ("proxy:1080", ProxyURLError.scheme), ("socks4://proxy", .scheme), ("https://proxy", .scheme),
    ("", .scheme),
    ("socks5://", .host), ("socks5://:1080", .host), ("socks5://[192.0.2.1]:1", .host), ("http://a b", .host),
    ("socks5://2001:db8::1", .host), ("http://proxy:0", .port), ("http://proxy:65536", .port),
    ("http://proxy:", .port), ("http://proxy/x", .path), ("http://proxy?x", .path),
    ("socks5://:secret@proxy", .credentials), ("socks5://a%0db:c@proxy", .credentials),
    ("socks5://a%zz@proxy", .credentials), ("socks5://a%2@proxy", .credentials),
    ("socks5://\(String(repeating: "u", count: 256)):p@proxy", .credentials),
  ])
  func refuses(_ text: String, _ error: ProxyURLError) {
    #expect(throws: error) { try ProxyURL(text) }
  }

  @Test
  func readsCredentialsAndNeverTellsThem() throws {
    let url = try ProxyURL("socks5://us%65r:p%40ss%3aword%C3%A9@proxy:1")
    let credentials = try #require(url.credentials)
    #expect(credentials.user == Array("user".utf8))
    #expect(credentials.password == Array("p@ss:wordé".utf8))
    var dumped = ""
    dump(url, to: &dumped)
    dump([credentials], to: &dumped)
    for text in [
      "\(url)", String(reflecting: url), "\(credentials)", String(reflecting: Optional(credentials)), dumped,
    ] {
      #expect(!text.contains("user:") && !text.contains("ss:word") && !text.contains("112"), "\(text)")
    }
  }

  @Test
  func readsCredentialsFromALine() {
    #expect(ProxyCredentials("a:b:c\nmore") == ProxyCredentials(user: [97], password: Array("b:c".utf8)))
    #expect(ProxyCredentials("a:") == ProxyCredentials(user: [97], password: []))
    #expect(ProxyCredentials("a") == nil)
    #expect(ProxyCredentials(":b") == nil)
  }

  @Test(arguments: ["a b", "a\r\nX: y", "", String(repeating: "a", count: 254), "a/b", "a:1", "é"])
  func namesCannotBreakOut(_ name: String) { #expect(ProxyTarget(host: name, port: 1) == nil) }

  @Test
  func hostsMayBeAddresses() {
    let address = IPAddress(v4: 0xc000_0201)
    #expect(ProxyTarget(host: "192.0.2.1", port: 1) == .address(Endpoint(address, port: 1)))
    #expect(ProxyTarget(host: "a.example", port: 1) == .name("a.example", port: 1))
  }
}

@Suite
struct SOCKS5DatagramTests {
  static let v4 = Endpoint(IPAddress(v4: 0xc000_0201), port: 6881)
  static let v6 = Endpoint(IPAddress("2001:db8::1") ?? .anyV6, port: 6881)

  @Test(arguments: [v4, v6])
  func opensWhatItWraps(_ endpoint: Endpoint) throws {
    var bytes: [UInt8] = []
    SOCKS5Datagram.append(headerFor: endpoint, to: &bytes)
    #expect(bytes.count == SOCKS5Datagram.headerSize(isV4: endpoint.address.isV4))
    bytes += [7, 8, 9]
    let payload: [UInt8] = [7, 8, 9]
    #expect(SOCKS5Datagram.wrapped(payload.rawBytes, for: .address(endpoint)) == bytes)
    let (source, start) = try #require(open(bytes))
    #expect(source == endpoint && Array(bytes[start...]) == [7, 8, 9])
    for count in 0..<start { #expect(open(Array(bytes.prefix(count))) == nil) }
  }

  @Test
  func hasTheBytesOfTheRFC() {
    let expected: [UInt8] = [0, 0, 0, 1, 192, 0, 2, 1, 0x1a, 0xe1, 7]
    let payload: [UInt8] = [7]
    #expect(SOCKS5Datagram.wrapped(payload.rawBytes, for: .address(Self.v4)) == expected)
    let named: [UInt8] = [0, 0, 0, 3, 1, 97, 0, 80, 7]
    #expect(SOCKS5Datagram.wrapped(payload.rawBytes, for: .name("a", port: 80)) == named)
  }

  @Test(
    arguments: [
      [0, 0, 1, 1, 192, 0, 2, 1, 0, 1], [0, 0, 0, 3, 1, 97, 0, 80, 7, 7, 7],
      [1, 0, 0, 1, 192, 0, 2, 1, 0, 1],
      [0, 0, 0, 2, 192, 0, 2, 1, 0, 1], [0, 0, 0, 4, 192, 0, 2, 1, 0, 1],
    ] as [[UInt8]])
  func opensNeitherFragmentsNorWhatNobodyCanAnswer(_ bytes: [UInt8]) {
    #expect(open(bytes) == nil)
  }

  private func open(_ bytes: [UInt8]) -> (source: Endpoint, payload: Int)? {
    SOCKS5Datagram.open(bytes.rawBytes)
  }
}
