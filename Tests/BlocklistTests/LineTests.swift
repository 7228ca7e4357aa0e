import Addresses
import Bytes
import Testing

@testable import Blocklist

/// Lines of the forms that lists come in.
@Suite struct LineTests {
  @Test(arguments: [
    ("Bad guys:1.2.3.4-1.2.3.9", "1.2.3.4", "1.2.3.9"),
    ("Evil: the - second:10.0.0.0-10.255.255.255", "10.0.0.0", "10.255.255.255"),
    ("N#1; of all:1.2.3.4 - 1.2.3.4\r", "1.2.3.4", "1.2.3.4"),
    ("v6:2001:db8::-2001:db8::ffff", "2001:db8::", "2001:db8::ffff"),
    ("001.009.096.105 - 001.009.096.110 , 000 , Some range", "1.9.96.105", "1.9.96.110"),
    ("1.2.3.4-1.2.3.5,127,last level", "1.2.3.4", "1.2.3.5"),
    ("2001:db8::1 - 2001:db8::2 , 100 , six", "2001:db8::1", "2001:db8::2"),
    ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
    ("192.0.2.77/24 ; a comment", "192.0.2.0", "192.0.2.255"),
    ("192.0.2.1/32", "192.0.2.1", "192.0.2.1"),
    ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
    ("2001:db8::/32 # documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("::ffff:192.0.2.0/120", "192.0.2.0", "192.0.2.255"),
    ("  198.51.100.7\t", "198.51.100.7", "198.51.100.7"),
    ("198.51.100.7 - 198.51.100.9", "198.51.100.7", "198.51.100.9"),
    ("::1", "::1", "::1"),
  ])
  func ranges(line: String, first: String, last: String) throws {
    let from = try #require(IPAddress(first)?.words)
    let to = try #require(IPAddress(last)?.words)
    let expected = AddressRange(
      UInt128(from.high) << 64 | UInt128(from.low), UInt128(to.high) << 64 | UInt128(to.low))
    #expect(expected != nil)
    #expect(BlocklistLine(Array(line.utf8).rawBytes) == expected.map { .range($0) })
  }

  @Test(arguments: ["", "   ", "# note", "; note", "// note", "\r"])
  func blankLines(line: String) {
    #expect(BlocklistLine(Array(line.utf8).rawBytes) == .blank)
  }

  @Test func highLevelsAreLetThrough() {
    #expect(BlocklistLine(Array("1.2.3.4 - 1.2.3.5 , 128 , friends".utf8).rawBytes) == .allowed)
  }

  @Test(arguments: [
    "hello", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4/33", "1.2.3.4/", "1.2.3.9-1.2.3.4", "name:1.2.3.4",
    "1.2.3.4-", "1.2.3.4 - 2001:db8::1", "2001:db8::/129", "1:2:3:4:5:6:7:8:9", "1::2::3",
    "::ffff:1.2.3.4/95x",
    "1.2.3.4 , x , y", "0001.2.3.4", "1:2:3:4:5:6:7:", "<html>", "1.2.3.4 - 1.2.3.5 , abc , d",
  ])
  func nonsense(line: String) {
    #expect(BlocklistLine(Array(line.utf8).rawBytes) == .malformed)
  }

  @Test func addressesAreReadAsTheSystemReadsThem() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      let text = String(
        (0..<Int.random(in: 2...14, using: &random)).map { _ in
          "0123f:::".randomElement(using: &random) ?? "0"
        })
      let bytes = Array(text.utf8)
      let known = text.contains(":") ? IPAddress(text)?.words : nil
      let expected = known.map { UInt128($0.high) << 64 | UInt128($0.low) }
      #expect(AddressText.v6(bytes.rawBytes, 0..<bytes.count) == expected, "\(text)")
    }
  }
}
