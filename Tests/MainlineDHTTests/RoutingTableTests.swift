import Addresses
import Bytes
import Testing

@testable import MainlineDHT

@Suite struct RoutingTableTests {
  private let numbers = Numbers(seed: 9)
  private let own: NodeID

  init() {
    let numbers = numbers
    own = NodeID.random { numbers.next() }
  }

  private func random() -> NodeID { NodeID.random { numbers.next() } }

  /// A node in a /24 of its own.
  private func node(_ number: Int, _ id: NodeID? = nil, secure: Bool = false) -> NodeAddress {
    let address = IPAddress(v4: 0x2000_0001 + UInt32(number) << 8)
    let id = id ?? (secure ? .derived(from: address) { numbers.next() } : random())
    return NodeAddress(id: id, endpoint: Endpoint(address, port: 1000))
  }

  @Test func bucketsSplitOnlyAroundOurOwnID() {
    var table = RoutingTable(own: own, now: 0)
    for number in 0..<2000 { table.answered(node(number), now: 0) }
    // About 8 nodes for each bit that 2,000 random ids can share.
    #expect(table.buckets.count >= 7 && table.buckets.count <= 14)
    for (index, bucket) in table.buckets.enumerated() {
      #expect(bucket.contacts.count <= 8 && bucket.reserve.count <= 8)
      for contact in bucket.contacts {
        let shared = own.commonPrefix(with: contact.id)
        #expect(index == table.buckets.count - 1 ? shared >= index : shared == index)
      }
    }
    #expect(table.buckets[0].contacts.count == 8)
    #expect(table.buckets[0].reserve.count == 8)
  }

  @Test func theClosestAreTheClosest() {
    var table = RoutingTable(own: own, now: 0)
    for number in 0..<500 { table.answered(node(number), now: 0) }
    for _ in 0..<50 {
      let target = random()
      let expected = table.contacts.map(\.address).sorted {
        $0.id.distance(to: target) < $1.id.distance(to: target)
      }
      let found = table.closest(to: target, count: 8)
      #expect(found.first == expected.first)
      #expect(found.count == 8)
    }
    #expect(
      table.closest(to: own, count: 8).map(\.id)
        == table.contacts.map(\.id).sorted {
          $0.distance(to: own) < $1.distance(to: own)
        }.prefix(8).map { $0 })
  }

  @Test func silentNodesGiveWayToTheReserve() throws {
    var table = RoutingTable(own: own, now: 0)
    let far = (0..<12).map { node($0, own.random(commonPrefix: 0) { numbers.next() }) }
    let near = (12..<24).map { node($0, own.random(commonPrefix: 5) { numbers.next() }) }
    for node in near + far { table.answered(node, now: 0) }
    let silent = try #require(table.buckets[0].contacts.first?.address)
    let reserve = try #require(table.buckets[0].reserve.last?.address)
    #expect(table.failed(silent) == reserve)
    // It answers, and takes the place of the one that did not.
    table.answered(reserve, now: 10)
    #expect(table.contact(silent.id) == nil)
    #expect(table.contact(reserve.id) != nil)
    #expect(table.buckets[0].contacts.count == 8)
  }

  @Test func withoutAReserveANodeGetsThreeChances() {
    var table = RoutingTable(own: own, now: 0)
    let only = node(1)
    table.answered(only, now: 0)
    for _ in 0..<2 { #expect(table.failed(only) == nil && table.count == 1) }
    table.answered(only, now: 5)
    for _ in 0..<3 { _ = table.failed(only) }
    #expect(table.count == 0)
  }

  @Test func oneAddressIsOneNode() {
    var table = RoutingTable(own: own, now: 0)
    for port in 1..<100 {
      table.answered(
        NodeAddress(id: random(), endpoint: Endpoint(IPAddress(v4: 0x0102_0304), port: UInt16(port))), now: 0)
    }
    #expect(table.count == 1)
  }

  @Test func oneNetworkHasFewNodes() {
    var table = RoutingTable(own: own, now: 0)
    for number in 0..<200 { table.answered(node(number), now: 0) }
    let before = table.count
    for last in 0..<250 {
      // An attacker's nodes near to us: one bucket after the other.
      let id = own.random(commonPrefix: last % 40) { numbers.next() }
      let address = Endpoint(IPAddress(v4: 0x0909_0900 | UInt32(last)), port: 1)
      table.answered(NodeAddress(id: id, endpoint: address), now: 0)
    }
    let intruders = table.contacts.count { $0.endpoint.address.v4 >> 8 == 0x09_0909 }
    #expect(intruders <= 4)
    #expect(table.count <= before + 4)
  }

  @Test func neighboursAreNotCounted() {
    var table = RoutingTable(own: own, now: 0)
    for port in 1..<9 {
      table.answered(
        NodeAddress(id: random(), endpoint: Endpoint(.loopbackV4, port: UInt16(port))), now: 0)
    }
    #expect(table.count == 8)
  }

  @Test func nodesWithTheRightIDArePreferred() {
    var table = RoutingTable(own: own, now: 0)
    for number in 0..<8 {
      table.answered(node(number, own.random(commonPrefix: 0) { numbers.next() }), now: 0)
    }
    for number in 8..<16 {
      table.answered(node(number, own.random(commonPrefix: 3) { numbers.next() }), now: 0)
    }
    var number = 16
    var taken = 0
    while taken < 8 {
      number += 1
      let secure = node(number, secure: true)
      guard own.commonPrefix(with: secure.id) == 0 else { continue }
      table.answered(secure, now: 1)
      taken += 1
    }
    #expect((table.buckets[0].contacts.allSatisfy(\.isSecure)) == true)
    // Those stay: one without is no better than they are.
    let before = table.buckets[0].contacts.map(\.id)
    table.answered(node(9999, own.random(commonPrefix: 0) { numbers.next() }), now: 2)
    #expect(table.buckets[0].contacts.map(\.id) == before)
  }

  @Test func aKnownNameStaysWhereItIs() {
    var table = RoutingTable(own: own, now: 0)
    let known = node(1)
    table.answered(known, now: 0)
    table.answered(NodeAddress(id: known.id, endpoint: node(2).endpoint), now: 1)
    #expect(table.contacts.map(\.address) == [known])
  }
}
