import Addresses
import Bytes
import Testing

@testable import MainlineDHT

@Suite struct LookupTests {
  private let numbers = Numbers(seed: 5)
  private let target: NodeID

  init() {
    let numbers = numbers
    target = NodeID.random { numbers.next() }
  }

  private func node(_ number: Int, shared: Int, secure: Bool = true) -> NodeAddress {
    let address = IPAddress(v4: 0x2000_0001 + UInt32(number) << 8)
    let id = target.random(commonPrefix: shared) { numbers.next() }
    return NodeAddress(id: id, endpoint: Endpoint(address, port: 1000))
  }

  @Test func itGoesNearerAndEndsWithTheNearest() {
    var lookup = Lookup(target: target)
    lookup.begin(with: node(0, shared: 0).endpoint, id: node(0, shared: 0).id)
    var number = 1
    var step = 0
    while !lookup.isDone, step < 100 {
      for (index, _, _) in lookup.next() {
        let depth = lookup.depth(of: index)
        let nodes = (0..<8).map { offset in node(number + offset, shared: min(depth + 1, 12)) }
        number += 8
        lookup.answered(index, nodes: depth < 5 ? nodes : [], token: [1])
        step += 1
      }
    }
    #expect(lookup.isDone)
    #expect(lookup.closest.count == 8)
    #expect((lookup.closest.allSatisfy { target.commonPrefix(with: $0.node.id) >= 5 }) == true)
    #expect(lookup.queries < 40)
  }

  @Test func noMoreThanFourAreAskedAtOnce() {
    var lookup = Lookup(target: target)
    for number in 0..<20 {
      lookup.begin(with: node(number, shared: number % 8).endpoint, id: node(number, shared: number % 8).id)
    }
    let asked = lookup.next()
    #expect(asked.count == 4)
    #expect(lookup.next().isEmpty)
    // One that is slow frees its place.
    lookup.isSlow(asked[0].index)
    #expect(lookup.next().count == 1)
    lookup.failed(asked[0].index)
    #expect(lookup.next().isEmpty)
    lookup.answered(asked[1].index, nodes: [], token: nil)
    #expect(lookup.next().count == 1)
  }

  @Test func aRouterIsAskedFirst() {
    var lookup = Lookup(target: target)
    let near = node(1, shared: 50)
    lookup.begin(with: near.endpoint, id: near.id)
    let router = node(2, shared: 0).endpoint
    lookup.begin(with: router, id: nil)
    let asked = lookup.next()
    #expect(asked.map(\.node.endpoint) == [router, near.endpoint])
    #expect(asked.map(\.hasID) == [false, true])
  }

  @Test func liesEndAfterABoundedNumberOfQueries() {
    var lookup = Lookup(target: target)
    let start = node(0, shared: 0)
    lookup.begin(with: start.endpoint, id: start.id)
    // Everybody answers, and names eight that are nearer still: an endless chain.
    var number = 1
    var rounds = 0
    while !lookup.isDone, rounds < 1000 {
      rounds += 1
      for (index, _, _) in lookup.next() {
        let shared = min(lookup.depth(of: index) + 1, 159)
        lookup.answered(index, nodes: (0..<8).map { node(number + $0, shared: shared) }, token: nil)
        number += 8
      }
    }
    #expect(lookup.isDone)
    #expect(lookup.queries <= 100)
    #expect(lookup.candidates.count <= 400)
  }

  @Test func whoNamesTheDeadIsNotBelievedFurther() {
    var lookup = Lookup(target: target)
    let (liar, honest) = (node(1, shared: 2), node(2, shared: 1))
    lookup.begin(with: liar.endpoint, id: liar.id)
    lookup.begin(with: honest.endpoint, id: honest.id)
    let first = lookup.next()
    lookup.answered(first[0].index, nodes: (10..<18).map { node($0, shared: 100) }, token: nil)
    lookup.answered(first[1].index, nodes: (20..<28).map { node($0, shared: 20) }, token: nil)
    var wasted = 0
    while !lookup.isDone {
      let asked = lookup.next()
      if asked.isEmpty { break }
      for (index, node, _) in asked {
        if target.commonPrefix(with: node.id) >= 100 {
          wasted += 1
          lookup.isSlow(index)
          lookup.failed(index)
        } else {
          lookup.answered(index, nodes: [], token: [1])
        }
      }
    }
    #expect(lookup.isDone)
    #expect(wasted == 4)
    #expect(lookup.closest.count == 8)
  }

  @Test func halfOfTheNearestHaveIDsThatBelongToThem() {
    var lookup = Lookup(target: target)
    var number = 0
    // Sixteen strangers with ids of their choice, right at the target.
    for _ in 0..<16 {
      let node = node(number, shared: 60)
      lookup.begin(with: node.endpoint, id: node.id)
      number += 1
    }
    for _ in 0..<8 {
      let address = IPAddress(v4: 0x3000_0001 + UInt32(number) << 8)
      lookup.begin(with: Endpoint(address, port: 1), id: .derived(from: address) { numbers.next() })
      number += 1
    }
    while !lookup.isDone {
      for (index, _, _) in lookup.next() { lookup.answered(index, nodes: [], token: [1]) }
    }
    #expect(lookup.closest.count == 8)
    #expect(lookup.closest.count(where: \.isSecure) == 4)
  }

  @Test func oneNetworkIsAskedLittle() {
    var lookup = Lookup(target: target)
    let start = node(0, shared: 0)
    lookup.begin(with: start.endpoint, id: start.id)
    let first = lookup.next()
    let crowd = (1...8).map { last in
      NodeAddress(
        id: target.random(commonPrefix: 100) { numbers.next() },
        endpoint: Endpoint(IPAddress(v4: 0x0909_0900 | UInt32(last)), port: 1))
    }
    lookup.answered(first[0].index, nodes: crowd, token: nil)
    #expect(lookup.candidates.count == 4)
    #expect(lookup.next().count == 1)
  }

  @Test func strangersCannotNameOurNeighbours() {
    var lookup = Lookup(target: target)
    let start = node(0, shared: 0)
    lookup.begin(with: start.endpoint, id: start.id)
    let first = lookup.next()
    let inside = ["10.0.0.1:80", "127.0.0.1:53", "192.168.0.1:1900"].compactMap { Endpoint($0) }
    lookup.answered(first[0].index, nodes: inside.map { NodeAddress(id: target, endpoint: $0) }, token: nil)
    #expect(lookup.candidates.count == 1)
  }
}
