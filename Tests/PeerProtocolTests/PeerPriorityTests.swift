import Addresses
import PeerProtocol
import Testing

@Suite struct PeerPriorityTests {
  private func priority(_ one: String, _ other: String) throws -> UInt32 {
    PeerPriority.of(try #require(Endpoint(one)), try #require(Endpoint(other)))
  }

  /// The examples of BEP 40.
  @Test(arguments: [
    ("123.213.32.10", "98.76.54.32", UInt32(0xec2d_7224)), ("123.213.32.10", "123.213.32.234", 0x9956_8189),
  ])
  func theExamplesOfTheBEP(_ one: String, _ other: String, _ expected: UInt32) throws {
    #expect(try priority(one + ":1", other + ":2") == expected)
    #expect(try priority(other + ":3", one + ":4") == expected)
  }

  /// What is masked out does not matter, what is not does.
  @Test(arguments: [
    ("1.2.3.4", "9.9.1.1", "9.9.3.131", true), ("1.2.3.4", "9.9.1.1", "9.9.4.1", false),
    ("1.2.3.4", "1.2.9.1", "1.2.9.3", true), ("1.2.3.4", "1.2.9.1", "1.2.11.1", false),
    ("1.2.3.4", "1.2.3.9", "1.2.3.11", false),
    ("[2001:db8:1::1]", "[2001:db9:1::1]", "[2001:db9:1:aaaa::3]", true),
    ("[2001:db8:1::1]", "[2001:db9:1::1]", "[2001:db9:3::1]", false),
    ("[2001:db8:1::1]", "[2001:db8:1:0200::1]", "[2001:db8:1:02aa::1]", true),
    ("[2001:db8:1::1]", "[2001:db8:1:0200::1]", "[2001:db8:1:0800::1]", false),
    ("[2001:db8:1::1]", "[2001:db8:1:0001::1]", "[2001:db8:1:0001:aaaa::1]", true),
    ("[2001:db8:1::1]", "[2001:db8:1:0001::1]", "[2001:db8:1:0003::1]", false),
  ])
  func networksAreMasked(_ us: String, _ one: String, _ other: String, _ same: Bool) throws {
    let (first, second) = (try priority(us + ":1", one + ":1"), try priority(us + ":1", other + ":1"))
    #expect((first == second) == same)
  }

  @Test func portsTellPeersOfOneAddressApart() throws {
    let (one, other) = (try priority("1.2.3.4:80", "1.2.3.4:81"), try priority("1.2.3.4:80", "1.2.3.4:82"))
    #expect(one != other)
    #expect(try priority("1.2.3.4:81", "1.2.3.4:80") == one)
    #expect(try priority("1.2.3.4:256", "1.2.3.4:1") == priority("9.9.9.9:1", "9.9.9.9:256"))
  }

  @Test func familiesDoNotMix() throws { #expect(try priority("1.2.3.4:80", "[::1]:80") == 0) }
}
