import Testing

@testable import UTP

/// What LEDBAT is for, in virtual time: idle links are filled, others are not disturbed. Each failure names
/// its seed.
@Suite struct LinkTests {
  /// The share of a link's rate that arrived as content in a period.
  static func share(_ bytes: Int, of network: Network, seconds: Double) -> Double {
    Double(bytes * 8) / (network.links[0].rate * seconds)
  }

  @Test("fills 100 Mbit/s over 50 ms and keeps its queue short", arguments: [1, 2] as [UInt64])
  func fills(seed: UInt64) {
    let network = Network(seed: seed)
    // The clocks wrap on the way, as do the sequence numbers.
    let a = network.host(side: 0, clock: 1 << 32 - 5_000_000)
    let b = network.host(side: 1, clock: 1 << 33 - 8_000_000)
    _ = a.connect(to: b, sending: .max / 2, at: 0)
    network.flush(a)
    network.run(until: 20)
    let received = b.streams.first?.received ?? 0
    let share = Self.share(received, of: network, seconds: 20)
    let queue = network.links[0].queueing(of: 1, from: 0, to: .max)
    #expect(share >= 0.9, "seed \(seed)")
    #expect(queue <= 120_000, "seed \(seed)")
    #expect(b.streams.first?.isDamaged == false, "seed \(seed)")
    print("seed \(seed): \(share) of the link, queue at most \(queue) µs")
  }

  @Test(
    "leaves at least nine tenths of the link to a stream like TCP",
    arguments: [(3, 150), (4, 300), (5, 1000)] as [(UInt64, UInt64)])
  func yields(seed: UInt64, buffer: UInt64) {
    let network = Network(seed: seed, rate: 10, buffer: buffer)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    _ = a.connect(to: b, sending: .max / 2, at: 0)
    network.flush(a)
    let other = network.flow(side: 0, at: 5_000_000)
    network.run(until: 15)
    let before = (b.streams.first?.received ?? 0, other.received)
    network.run(until: 45)
    let ours = Self.share((b.streams.first?.received ?? 0) - before.0, of: network, seconds: 30)
    let theirs = Self.share(other.received - before.1, of: network, seconds: 30)
    #expect(ours <= 0.1, "seed \(seed)")
    #expect(theirs >= 0.85, "seed \(seed)")
    print("seed \(seed), buffer \(buffer) ms: ours \(ours), theirs \(theirs)")
    other.stop()
    network.run(until: 48)
    let then = b.streams.first?.received ?? 0
    network.run(until: 58)
    let after = Self.share((b.streams.first?.received ?? 0) - then, of: network, seconds: 10)
    #expect(after >= 0.8, "takes the link again; seed \(seed)")
    print("after: \(after)")
  }

  @Test(
    "two streams share alike, also when one comes later", arguments: [(6, 0), (7, 10)] as [(UInt64, Double)])
  func shares(seed: UInt64, later: Double) {
    let network = Network(seed: seed, rate: 10)
    let hosts = (0..<4).map { network.host(side: $0 % 2) }
    _ = hosts[0].connect(to: hosts[1], sending: .max / 2, at: 0)
    network.flush(hosts[0])
    network.call(at: UInt64(later * 1e6)) {
      _ = hosts[2].connect(to: hosts[3], sending: .max / 2, at: network.now)
      network.flush(hosts[2])
    }
    network.run(until: 40)
    let before = [1, 3].map { hosts[$0].streams.first?.received ?? 0 }
    network.run(until: 100)
    let received = [1, 3].map { hosts[$0].streams.first?.received ?? 0 }
    let shares = [0, 1].map { Self.share(received[$0] - before[$0], of: network, seconds: 60) }
    let queue = network.links[0].queueing(of: 0.99, from: 40_000_000, to: .max)
    print("seed \(seed): \(shares), queue \(queue) µs")
    #expect(shares[0] + shares[1] >= 0.85, "seed \(seed)")
    #expect(min(shares[0], shares[1]) / max(shares[0], shares[1]) >= 0.5, "seed \(seed)")
  }
}
