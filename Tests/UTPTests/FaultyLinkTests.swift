import Testing

@testable import UTP

/// Streams arrive whole, whatever happens to their packets.
@Suite struct FaultyLinkTests {
  struct Fault: CustomTestStringConvertible, Sendable {
    var name: String
    var seed: UInt64
    var seconds: Double = 30
    var bytes = 5_000_000
    var skew = 0.0
    var change: @Sendable (inout Link) -> Void = { _ in }
    var testDescription: String { name }
  }

  static let faults: [Fault] = [
    Fault(name: "none", seed: 10),
    Fault(name: "2 % lost", seed: 11) { $0.loss = 0.02 },
    Fault(name: "20 % lost", seed: 12, seconds: 120, bytes: 500_000) { $0.loss = 0.2 },
    Fault(name: "reordered", seed: 13) { $0.reordering = 0.2 },
    Fault(name: "twice", seed: 14) { $0.duplication = 0.5 },
    Fault(name: "all of it", seed: 15, seconds: 60) {
      $0.loss = 0.02
      $0.reordering = 0.05
      $0.duplication = 0.05
    },
    Fault(name: "short queue", seed: 16) { $0.buffer = 20_000 },
    Fault(name: "small packets only", seed: 17, seconds: 60) { $0.mtu = 600 },
    Fault(name: "packets of 1,400", seed: 18) { $0.mtu = 1400 },
    Fault(name: "clocks that drift", seed: 19, skew: 0.0005),
    Fault(name: "clocks that drift the other way", seed: 20, skew: -0.0005),
  ]

  @Test("both directions arrive whole and end", arguments: faults)
  func arrives(fault: Fault) {
    let network = Network(seed: fault.seed, rate: 20)
    for side in 0..<2 { fault.change(&network.links[side]) }
    let a = network.host(side: 0)
    let b = network.host(side: 1, clock: 5_000_000_000, skew: fault.skew)
    b.onAccept = { $0.toSend = 400_000 }
    let stream = a.connect(to: b, sending: fault.bytes, at: 0)
    network.flush(a)
    network.run(until: fault.seconds) {
      stream.received == 400_000 && b.streams.first?.received == fault.bytes
    }
    print("\(fault.name): \(Double(network.now) / 1e6) s, datagrams of \(stream.connection.datagramSize)")
    #expect(stream.received == 400_000, "seed \(fault.seed)")
    #expect(b.streams.first?.received == fault.bytes, "seed \(fault.seed)")
    #expect(!stream.isDamaged && b.streams.first?.isDamaged == false)
    stream.connection.close(now: a.local(network.now))
    network.flush(a)
    network.run(until: Double(network.now) / 1e6 + 30)
    #expect(b.streams.first?.hasEnded == true)
    #expect(a.socket.connectionCount == 0 && b.socket.connectionCount == 0)
  }

  @Test(
    "a drifting clock does not look like a queue",
    arguments: [(21, 0.0005), (22, -0.0005)] as [(UInt64, Double)])
  func drifts(seed: UInt64, skew: Double) {
    let network = Network(seed: seed, rate: 5)
    let (a, b) = (network.host(side: 0), network.host(side: 1, skew: skew))
    _ = a.connect(to: b, sending: .max / 2, at: 0)
    network.flush(a)
    network.run(until: 60)
    let before = b.streams.first?.received ?? 0
    network.run(until: 180)
    let share = LinkTests.share((b.streams.first?.received ?? 0) - before, of: network, seconds: 120)
    let queue = network.links[0].queueing(of: 0.99, from: 60_000_000, to: .max)
    print("seed \(seed): \(share), queue \(queue)")
    #expect(share >= 0.9)
    #expect(queue <= 200_000)
  }
}
