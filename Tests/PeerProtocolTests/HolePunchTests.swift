import Addresses
import Bytes
import PeerProtocol
import Testing

private func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

/// Hole punching (BEP 55): the messages, and what a relay makes of them.
@Suite struct HolePunchTests {
  @Test(
    arguments: [
      (HolePunchMessage.rendezvous, 0), (HolePunchMessage.connect, 1),
      ({ HolePunchMessage.failed($0, .notConnected) }, 2),
    ] as [(@Sendable (Endpoint) -> HolePunchMessage, UInt8)])
  func theLayoutIsThatOfTheSpecification(_ make: @Sendable (Endpoint) -> HolePunchMessage, _ kind: UInt8)
    throws
  {
    let reason: [UInt8] = [0, 0, 0, kind == 2 ? 2 : 0]
    let v4 = make(try endpoint("1.2.3.4:6881"))
    #expect(v4.encoded() == [kind, 0, 1, 2, 3, 4, 0x1a, 0xe1] + reason)
    #expect(try HolePunchMessage(v4.encoded().rawBytes) == v4)
    let v6 = make(try endpoint("[2001:db8::1]:80"))
    let zeros = [UInt8](repeating: 0, count: 11)
    #expect(v6.encoded() == [kind, 1, 0x20, 1, 0xd, 0xb8] + zeros + [1, 0, 80] + reason)
    #expect(try HolePunchMessage(v6.encoded().rawBytes) == v6)
  }

  @Test func theReasonMayBeMissingWhereThereIsNone() throws {
    let there = try endpoint("1.2.3.4:6881")
    let bytes: [UInt8] = [0, 0, 1, 2, 3, 4, 0x1a, 0xe1]
    #expect(try HolePunchMessage(bytes.rawBytes) == .rendezvous(there))
    #expect(try HolePunchMessage((bytes + [0, 0, 0, 0, 9, 9]).rawBytes) == .rendezvous(there))
    #expect(try HolePunchMessage(([2] + bytes.dropFirst() + [0, 0, 0, 77]).rawBytes) == .failed(there, nil))
  }

  @Test(arguments: [
    [], [0], [0, 0, 1, 2, 3, 4, 5], [3, 0, 1, 2, 3, 4, 5, 6], [0, 2, 1, 2, 3, 4, 5, 6],
    [0, 1, 1, 2, 3, 4, 5, 6], [2, 0, 1, 2, 3, 4, 5, 6], [2, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0],
    [0] + [UInt8](repeating: 0, count: 64),
  ])
  func nonsenseIsAViolation(_ bytes: [UInt8]) {
    #expect(throws: Violation.malformedExtension(name: "ut_holepunch")) {
      try HolePunchMessage(bytes.rawBytes)
    }
  }

  private func peer(_ remote: String, listening: String? = nil, isUTP: Bool = true, takesPart: Bool = true)
    throws
    -> HolePunching.Acquaintance
  {
    HolePunching.Acquaintance(
      remote: try endpoint(remote), listening: try listening.map(endpoint), isUTP: isUTP, takesPart: takesPart
    )
  }

  @Test func bothAreToldWhereTheOtherIs() throws {
    let asker = try peer("8.8.8.8:1000", listening: "8.8.8.8:6881", isUTP: false)
    // What a translator shows of a peer counts over uTP, and where it listens over TCP.
    let target = try peer("9.9.9.9:2000", listening: "9.9.9.9:6881")
    for name in ["9.9.9.9:6881", "9.9.9.9:2000"] {
      let introduction = try HolePunching.introduce(asker, to: endpoint(name), target: target, isOurs: false)
        .get()
      #expect(introduction.toAsker == (try endpoint("9.9.9.9:2000")))
      #expect(introduction.toTarget == (try endpoint("8.8.8.8:6881")))
      #expect(target.isMeant(by: try endpoint(name)))
    }
  }

  @Test func refusalsSayWhy() throws {
    let asker = try peer("8.8.8.8:1000", listening: "8.8.8.8:6881")
    let there = try endpoint("9.9.9.9:2000")
    let target = try peer("9.9.9.9:2000")
    func fault(_ endpoint: Endpoint, _ target: HolePunching.Acquaintance?, isOurs: Bool = false)
      -> HolePunchMessage.Fault?
    {
      guard
        case .failure(let refusal) = HolePunching.introduce(
          asker, to: endpoint, target: target, isOurs: isOurs)
      else { return nil }
      return refusal.fault
    }
    #expect(fault(there, target) == nil)
    #expect(fault(there, nil) == .notConnected)
    #expect(fault(there, nil, isOurs: true) == .noSelf)
    #expect(fault(there, try peer("9.9.9.9:2000", takesPart: false)) == .noSupport)
    #expect(fault(try endpoint("9.9.9.9:0"), target) == .noSuchPeer)
    #expect(fault(try endpoint("224.0.0.1:5"), target) == .noSuchPeer)
    // Itself, somebody whose address is not known, and somebody in a network of his own.
    #expect(fault(try endpoint("8.8.8.8:6881"), target) == .noSuchPeer)
    #expect(fault(there, try peer("9.9.9.9:2000", isUTP: false)) == .noSuchPeer)
    let inside = try peer("192.168.1.1:2000")
    #expect(fault(try endpoint("192.168.1.1:2000"), inside) == .noSuchPeer)
  }

  @Test func whoAsksTooMuchIsPassedOverAndThenDropped() {
    var punching = HolePunching()
    let second: UInt64 = 1_000_000_000
    for _ in 0..<16 { #expect(punching.received(now: 1000 * second) == .take) }
    #expect(punching.received(now: 1000 * second) == .ignore)
    #expect(punching.received(now: 1004 * second) == .take)
    for _ in 0..<63 { #expect(punching.received(now: 1004 * second) == .ignore) }
    #expect(punching.received(now: 1004 * second) == .flood)
    var told = 0
    for _ in 0..<100 where punching.sends(now: 2000 * second) { told += 1 }
    #expect(told == 16)
  }
}
