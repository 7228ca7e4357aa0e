import Addresses
import Bytes
import Testing

@testable import HTTPParsing

@Suite("What proxies say")
struct ProxyTests {
  let trusted = ["10.0.0.0/8", "fd00::/8"].compactMap { AddressPrefix($0) }

  func client(_ fields: String, _ field: ForwardedField) -> String {
    let bytes = [UInt8]("GET / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n".utf8)
    guard let head = try? RequestHead(bytes.rawBytes, from: 0, to: bytes.count) else { return "malformed" }
    let isTrusted = { (address: IPAddress) in trusted.contains { $0.contains(address) } }
    return head.client(of: bytes.rawBytes, by: field, isTrusted: isTrusted)?.description ?? "none"
  }

  @Test(
    "The client is the last hop that is not trusted; what it wrote itself counts for nothing",
    arguments: [
      ("", "none"),
      ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
      ("x-forwarded-for:192.0.2.1, 10.1.1.1,10.2.2.2\r\n", "192.0.2.1"),
      ("X-Forwarded-For: 8.8.8.8, 192.0.2.1\r\n", "192.0.2.1"),
      ("X-Forwarded-For: 8.8.8.8\r\nA: b\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.1\r\n", "192.0.2.1"),
      ("X-Forwarded-For: spoofed, 192.0.2.1\r\n", "192.0.2.1"),
      ("X-Forwarded-For: 192.0.2.1, unknown\r\n", "none"),
      ("X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1\r\n", "none"),
      ("X-Forwarded-For: \r\n", "none"),
      ("X-Forwarded-For: 10.0.0.7, 10.0.0.1\r\n", "10.0.0.7"),
      ("X-Forwarded-For: 192.0.2.1:4000\r\n", "192.0.2.1"),
      ("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
      ("X-Forwarded-For: [2001:db8::1]:99, fd00::1\r\n", "2001:db8::1"),
      ("X-Forwarded-For: ::ffff:192.0.2.9\r\n", "192.0.2.9"),
      ("Forwarded: for=192.0.2.1\r\n", "none"),
      ("X-Forwarded-For: " + String(repeating: "1", count: 200) + "\r\n", "none"),
    ])
  func forwardedFor(fields: String, result: String) { #expect(client(fields, .forwardedFor) == result) }

  @Test(
    "Forwarded as RFC 7239 has it",
    arguments: [
      ("Forwarded: for=192.0.2.1;proto=http;by=10.0.0.1\r\n", "192.0.2.1"),
      ("Forwarded: proto=http; FOR=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17"),
      ("Forwarded: for=8.8.8.8, for=192.0.2.1, for=10.0.0.1\r\n", "192.0.2.1"),
      ("Forwarded: for=192.0.2.1, for=_hidden\r\n", "none"),
      ("Forwarded: proto=http\r\n", "none"),
      ("X-Forwarded-For: 192.0.2.1\r\n", "none"),
    ])
  func forwarded(fields: String, result: String) { #expect(client(fields, .forwarded) == result) }

  @Test("Values that something else has joined mean the same")
  func joined() {
    let isTrusted = { (address: IPAddress) in trusted.contains { $0.contains(address) } }
    let one = RequestHead.client(in: "8.8.8.8, 192.0.2.1, 10.0.0.1", by: .forwardedFor, isTrusted: isTrusted)
    #expect(one == IPAddress("192.0.2.1"))
    let two = RequestHead.client(in: "for=192.0.2.1, for=\"[fd00::1]\"", by: .forwarded, isTrusted: isTrusted)
    #expect(two == IPAddress("192.0.2.1"))
  }

  @Test(
    "Version 1 of the PROXY protocol",
    arguments: [
      ("PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\nGET", "41 192.0.2.1:40000"),
      ("PROXY TCP6 2001:db8::1 2001:db8::2 40000 80\r\n", "45 [2001:db8::1]:40000"),
      ("PROXY UNKNOWN\r\n", "15 nobody"), ("PROXY UNKNOWN ffff:f...f:ffff 1 2\r\n", "35 nobody"),
      ("", "incomplete"), ("PRO", "incomplete"), ("PROXY TCP4 192.0.2.1", "incomplete"),
      ("GET / HTTP/1.1\r\n", "malformed"), ("PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\n", "malformed"),
      ("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", "malformed"),
      ("PROXY TCP4 192.0.2.1 192.0.2.2 99999 80\r\n", "malformed"),
      ("PROXY TCP4 192.0.2.1  192.0.2.2 1 80\r\n", "malformed"), ("PROXY\r\n", "malformed"),
      ("PROXY \r\n", "malformed"), ("PROXY " + String(repeating: "x", count: 120), "malformed"),
    ])
  func first(text: String, result: String) {
    #expect(reading(ProxyHeader([UInt8](text.utf8).rawBytes)) == result)
  }

  private func reading(_ header: ProxyHeader) -> String {
    switch header {
    case .incomplete: "incomplete"
    case .malformed: "malformed"
    case .complete(let size, let client): "\(size) \(client?.description ?? "nobody")"
    }
  }

  private func second(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, command, family]
    bytes.append(bigEndian: UInt16(rest.count))
    return bytes + rest
  }

  @Test("Version 2 of the PROXY protocol, with whatever follows the addresses")
  func second() {
    let v4: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2, 0x9c, 0x40, 0, 80]
    var v6 = [UInt8](hexadecimal: "20010db8000000000000000000000001") ?? []
    v6 += [UInt8](repeating: 0, count: 16) + [0x9c, 0x40, 0, 80]
    for (bytes, result) in [
      (second(0x21, 0x11, v4), "28 192.0.2.1:40000"),
      (second(0x21, 0x11, v4 + [3, 0, 1, 7]), "32 192.0.2.1:40000"),
      (second(0x21, 0x21, v6), "52 [2001:db8::1]:40000"), (second(0x20, 0, []), "16 nobody"),
      (second(0x21, 0x31, [1, 2, 3]), "19 nobody"), (second(0x21, 0x11, [1, 2, 3]), "malformed"),
      (second(0x11, 0x11, v4), "malformed"), (second(0x22, 0x11, v4), "malformed"),
      (second(0x21, 0x11, [UInt8](repeating: 0, count: 5000)), "malformed"),
    ] {
      #expect(reading(ProxyHeader(bytes.rawBytes)) == result)
      guard result != "malformed" else { continue }
      for count in 0..<bytes.count {
        #expect(reading(ProxyHeader(Array(bytes[..<count]).rawBytes)) == "incomplete")
      }
    }
  }

  @Test("Blocks of addresses")
  func prefixes() {
    for (text, inside, outside) in [
      ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"), ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
      ("192.0.2.0/31", "192.0.2.1", "192.0.2.2"), ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
      ("2001:db8::/72", "2001:db8::ff:0:0:1", "2001:db8:0:0:100::"), ("::1", "::1", "::2"),
      ("0.0.0.0/0", "255.255.255.255", "::1"), ("::/0", "2001:db8::1", "1.2.3.4"),
      ("fe80::/64", "fe80::1", "fe80:0:0:1::"),
    ] {
      let prefix = AddressPrefix(text)
      #expect(IPAddress(inside).map { prefix?.contains($0) == true } == true, "\(text)")
      #expect(IPAddress(outside).map { prefix?.contains($0) == false } == true, "\(text)")
    }
    for text in [
      "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "/8", "x", "::/129", "2001:db8::1/64", "10.0.0.0/-1", "",
    ] {
      #expect(AddressPrefix(text) == nil, "\(text)")
    }
  }
}
