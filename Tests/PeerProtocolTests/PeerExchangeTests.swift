import Addresses
import Bytes
import PeerProtocol
import Testing

private let second: UInt64 = 1_000_000_000

private func decode(_ bytes: [UInt8]) throws(Violation) -> PeerExchangeMessage {
  try PeerExchangeMessage(bytes.rawBytes)
}

private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

/// Peer exchange (BEP 11).
@Suite struct PeerExchangeTests {
  typealias Contact = PeerExchangeMessage.Contact

  private func contacts(_ count: Int, from first: Int = 0) throws -> [Contact] {
    try (first..<first + count).map { Contact(try endpoint("8.\($0 / 256).\($0 % 256).1:6881")) }
  }

  // MARK: The message

  @Test func theMessageOfTheSpecification() throws {
    let message = PeerExchangeMessage(
      added: [
        Contact(try endpoint("1.2.3.4:6881"), [.seed, .reachable]), Contact(try endpoint("[2001:db8::1]:80")),
      ], dropped: [try endpoint("5.6.7.8:9"), try endpoint("[2001:db8::2]:81")])
    var wire = [UInt8]("d5:added6:".utf8) + [1, 2, 3, 4, 0x1a, 0xe1] + "7:added.f1:".utf8 + [0x12]
    wire += "6:added618:".utf8 + [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 0, 80]
    wire += "8:added6.f1:".utf8 + [0] + "7:dropped6:".utf8 + [5, 6, 7, 8, 0, 9]
    wire += "8:dropped618:".utf8 + [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [2, 0, 81]
    wire += "e".utf8
    #expect(message.encoded() == wire)
    #expect(try decode(wire) == message)
  }

  @Test(arguments: ["", "i0e", "le", "d5:added6:abc", "x"])
  func whatIsNoDictionaryIsAViolation(_ text: String) {
    #expect(throws: Violation.malformedExtension(name: "ut_pex")) { try decode([UInt8](text.utf8)) }
  }

  @Test func oddEntriesArePassedOver() throws {
    #expect(try decode([UInt8]("de".utf8)) == PeerExchangeMessage())
    #expect(try decode([UInt8]("d5:addedi5e7:dropped3:abce".utf8)) == PeerExchangeMessage())
    // More addresses than flags, and half an address.
    let bytes =
      [UInt8]("d5:added13:".utf8) + [1, 2, 3, 4, 0, 5, 1, 2, 3, 4, 0, 6, 9] + "7:added.f1:".utf8 + [2, 101]
    let message = try decode(bytes)
    #expect(message.added.map(\.endpoint.port) == [5, 6])
    #expect(message.added.map(\.flags) == [.seed, []])
  }

  @Test func longListsAreCut() throws {
    var bytes = [UInt8]("d5:added1200:".utf8)
    for index in 0..<200 { bytes += [1, 2, 3, UInt8(index), 0, 5] }
    bytes += "e".utf8
    #expect(try decode(bytes).added.count == 100)
    #expect(throws: Violation.self) { try decode(bytes + [UInt8](repeating: 0, count: 8000)) }
  }

  // MARK: What a peer is told

  @Test func aPeerIsToldOfEachOnceAndOfItsEnd() throws {
    let exchange = Exchange()
    let receiver = try endpoint("9.9.9.9:1")
    let known = try contacts(3)
    #expect(exchange.message(connected: [], to: receiver, now: 0) == nil)
    #expect(exchange.message(connected: known, to: receiver, now: 0)?.added == known)
    #expect(exchange.message(connected: [], to: receiver, now: 59 * second) == nil)
    #expect(exchange.message(connected: known, to: receiver, now: 60 * second) == nil)
    let change = Array(known.dropFirst()) + (try contacts(1, from: 7))
    let message = exchange.message(connected: change, to: receiver, now: 61 * second)
    #expect(message?.added == (try contacts(1, from: 7)))
    #expect(message?.dropped == [known[0].endpoint])
    // Who comes back is told again.
    let again = exchange.message(connected: change + [known[0]], to: receiver, now: 125 * second)
    #expect(again?.added == [known[0]] && again?.dropped == [])
  }

  @Test func aPeerIsNotToldOfItself() throws {
    let known = try contacts(1)
    #expect(Exchange().message(connected: known, to: known[0].endpoint, now: 0) == nil)
  }

  @Test func noMoreThanFiftyOfEachGoIntoAMessage() throws {
    let exchange = Exchange()
    let receiver = try endpoint("9.9.9.9:1")
    let known = try contacts(120)
    var told: Set<Endpoint> = []
    for minute in 0..<3 {
      let message = exchange.message(connected: known, to: receiver, now: UInt64(minute) * 60 * second)
      #expect(message?.added.count == [50, 50, 20][minute])
      told.formUnion(message?.added.map(\.endpoint) ?? [])
    }
    #expect(told.count == 120)
    var dropped = 0
    for minute in 3..<6 {
      dropped +=
        exchange.message(connected: [], to: receiver, now: UInt64(minute) * 60 * second)?.dropped.count ?? 0
    }
    #expect(dropped == 120)
  }

  // MARK: What a peer tells

  @Test func whoTellsTooMuchIsIgnoredThenDropped() {
    let exchange = Exchange()
    var verdicts: [PeerExchange.Verdict] = []
    for _ in 0..<30 { verdicts.append(exchange.received(now: second)) }
    #expect(verdicts.prefix(4).allSatisfy { $0 == .take })
    #expect(verdicts[4..<24].allSatisfy { $0 == .ignore })
    #expect(verdicts[24...].allSatisfy { $0 == .flood })
  }

  @Test func whoKeepsToTheRulesIsNeverIgnored() {
    let exchange = Exchange()
    for minute in 0..<100 {
      let early = minute % 2 == 0 ? 0 : 10 * second
      #expect(exchange.received(now: UInt64(minute) * 60 * second + 60 * second - early) == .take)
    }
  }

  @Test(arguments: [
    ("1.2.3.4:80", "8.8.8.8", true), ("1.2.3.4:0", "8.8.8.8", false), ("0.0.0.0:80", "8.8.8.8", false),
    ("224.0.0.1:80", "8.8.8.8", false), ("[ff02::1]:80", "8.8.8.8", false), ("[::]:80", "8.8.8.8", false),
    ("127.0.0.1:80", "8.8.8.8", false), ("127.0.0.1:80", "10.0.0.1", false),
    ("127.0.0.1:80", "127.0.0.1", true),
    ("10.0.0.1:80", "8.8.8.8", false), ("10.0.0.1:80", "192.168.0.1", true),
    ("10.0.0.1:80", "127.0.0.1", true),
    ("[fe80::1]:80", "8.8.8.8", false), ("[fd00::1]:80", "[fd00::2]", true),
    ("[2001:db8::1]:80", "10.0.0.1", true),
    ("[::ffff:10.0.0.1]:80", "8.8.8.8", false), ("[::ffff:127.0.0.1]:80", "10.0.0.1", false),
  ])
  func addressesAreLookedAt(_ told: String, _ sender: String, _ isPlausible: Bool) throws {
    let address = try #require(IPAddress(sender.trimming("[]")))
    #expect(PeerExchange.isPlausible(try endpoint(told), toldBetween: address) == isPlausible)
  }
}

extension String {
  fileprivate func trimming(_ characters: String) -> String { filter { !characters.contains($0) } }
}
