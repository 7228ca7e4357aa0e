import Addresses
import Bytes
import Digest
import Testing

@Suite struct TextFormsTests {
  // RFC 4648, section 10.
  @Test(arguments: [
    ("", ""), ("MY======", "f"), ("MZXQ", "fo"), ("mzxw6", "foo"), ("MZXW6YTBOI======", "foobar"),
  ])
  func base32IsRead(_ text: String, _ expected: String) {
    #expect([UInt8](base32: text) == Array(expected.utf8))
  }

  @Test(arguments: ["A", "MZ1", "MZXR", "M=Z", "ÄÄ"])
  func wrongBase32IsRefused(_ text: String) {
    #expect([UInt8](base32: text) == nil)
  }

  @Test func hexadecimalRoundTrips() {
    let bytes = (0...255).map { UInt8($0) }
    #expect([UInt8](hexadecimal: bytes.hexadecimal) == bytes)
    #expect([UInt8](hexadecimal: "0g") == nil)
    #expect([UInt8](hexadecimal: "012") == nil)
  }

  // FIPS 180: "abc".
  @Test func digestsMatchTheirVectors() {
    let abc = Array("abc".utf8)
    #expect("\(SHA1.hash(abc.rawBytes))" == "a9993e364706816aba3e25717850c26c9cd0d89d")
    #expect(
      "\(SHA256.hash(abc.rawBytes))" == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test func runningDigestsStartAnewAfterFinish() {
    let hasher = SHA1()
    hasher.update(Array("a".utf8).rawBytes)
    hasher.update(Array("bc".utf8).rawBytes)
    #expect(hasher.finish() == SHA1.hash(Array("abc".utf8).rawBytes))
    #expect(hasher.finish() == SHA1.hash([UInt8]().rawBytes))
  }

  @Test(arguments: [
    "1.2.3.4:80", "[2001:db8::1]:6881", "[::]:0", "127.0.0.1:65535",
  ])
  func endpointsRoundTrip(_ text: String) throws {
    let endpoint = try #require(Endpoint(text))
    #expect(endpoint.description == text)
    var compact: [UInt8] = []
    endpoint.appendCompact(to: &compact)
    #expect(compact.count == Endpoint.compactSize(isV6: !endpoint.address.isV4))
    #expect(Endpoint(compact: compact.rawBytes, at: 0, isV6: !endpoint.address.isV4) == endpoint)
  }

  @Test(arguments: ["", "1.2.3.4", "1.2.3:80", "1.2.3.4:65536", "::1:80", "host:80", "1.2.3.4:"])
  func wrongEndpointsAreRefused(_ text: String) {
    #expect(Endpoint(text) == nil)
  }

  @Test func mappedAddressesAreIPv4() {
    #expect(IPAddress("::ffff:1.2.3.4") == IPAddress("1.2.3.4"))
  }

  @Test(arguments: [
    ("10.1.2.3", true), ("172.16.0.1", true), ("172.32.0.1", false), ("192.168.9.9", true),
    ("8.8.8.8", false),
    ("169.254.1.1", true), ("100.64.0.1", true), ("100.128.0.1", false), ("fd00::1", true), ("fe80::1", true),
    ("2001:db8::1", false),
  ])
  func privateNetworksAreKnown(_ text: String, _ isPrivate: Bool) throws {
    #expect(try #require(IPAddress(text)).isPrivate == isPrivate)
  }
}
