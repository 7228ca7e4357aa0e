import Addresses
import Testing

@testable import UTP

/// How connections begin, wait and end.
@Suite struct ClosingTests {
  @Test("what was written before closing arrives, then both ends are gone")
  func flushes() {
    let network = Network(seed: 50, rate: 20)
    network.links[0].loss = 0.05
    network.links[1].loss = 0.05
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    _ = a.connect(to: b, sending: 300_000, closes: true, at: 0)
    network.flush(a)
    network.run(until: 60) { b.streams.first?.hasEnded == true }
    #expect(b.streams.first?.received == 300_000)
    network.run(until: Double(network.now) / 1e6 + 15)
    #expect(a.socket.connectionCount == 0 && b.socket.connectionCount == 0)
  }

  @Test("a connection that is cut off is reported to the other end")
  func aborts() {
    let network = Network(seed: 51)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    let stream = a.connect(to: b, sending: 1000, at: 0)
    network.flush(a)
    network.run(until: 1)
    stream.connection.abort()
    network.flush(a)
    network.run(until: 2)
    #expect(b.streams.first?.failure == .reset)
    #expect(a.socket.connectionCount == 0 && b.socket.connectionCount == 0)
  }

  @Test("nobody there: given up after some seconds")
  func nobody() {
    let network = Network(seed: 52)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    network.links[0].loss = 1
    let stream = a.connect(to: b, sending: 1000, at: 0)
    network.flush(a)
    network.run(until: 40)
    #expect(stream.failure == .timedOut)
    #expect(a.socket.connectionCount == 0 && a.socket.deadline == nil)
  }

  @Test("a peer that falls silent is given up")
  func silence() {
    let network = Network(seed: 53)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    let stream = a.connect(to: b, sending: .max / 2, at: 0)
    network.flush(a)
    network.run(until: 1)
    for side in 0..<2 { network.links[side].loss = 1 }
    network.run(until: 200)
    #expect(stream.failure == .timedOut)
  }

  @Test("a host that has forgotten the connection says so")
  func forgotten() {
    let network = Network(seed: 54)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    let stream = a.connect(to: b, sending: .max / 2, at: 0)
    network.flush(a)
    network.run(until: 1)
    b.socket.removeAll()
    network.run(until: 2)
    #expect(stream.failure == .reset)
  }

  @Test("a reader that pauses holds the sender back, and everything arrives when it goes on")
  func holdsBack() {
    let network = Network(seed: 55, rate: 20)
    let a = network.host(side: 0)
    let b = network.host(side: 1) { $0.receiveLimit = 200_000 }
    b.onAccept = { $0.reads = false }
    _ = a.connect(to: b, sending: 2_000_000, at: 0)
    network.flush(a)
    network.run(until: 50)
    let stream = b.streams.first
    #expect((stream?.connection.readableBytes ?? 0) > 100_000)
    #expect((stream?.connection.readableBytes ?? .max) < 200_000 + (64 << 10))
    stream?.reads = true
    stream?.read(now: b.local(network.now))
    network.flush(b)
    network.run(until: 70)
    #expect(stream?.received == 2_000_000)
    #expect(stream?.isDamaged == false)
  }

  @Test("an idle connection stays, and says a word now and then")
  func idles() {
    let network = Network(seed: 56)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    let stream = a.connect(to: b, sending: 1000, at: 0)
    network.flush(a)
    network.run(until: 1)
    let before = network.links[0].queueing.count
    network.run(until: 601)
    let packets = network.links[0].queueing.count - before
    #expect(packets >= 19 && packets <= 42)
    stream.toSend = 2000
    network.flush(a)
    network.run(until: 602)
    #expect(b.streams.first?.received == 2000)
  }

  @Test("hundreds of connections on one port")
  func many() {
    let network = Network(seed: 57, rate: 100)
    let a = network.host(side: 0)
    let b = network.host(side: 1) { $0.incomingLimit = 1000 }
    for _ in 0..<500 { _ = a.connect(to: b, sending: 20_000, closes: true, at: 0) }
    network.flush(a)
    network.run(until: 60)
    #expect(b.streams.count == 500)
    #expect(b.streams.allSatisfy { $0.received == 20_000 && !$0.isDamaged && $0.hasEnded })
    #expect(a.socket.connectionCount == 0 && b.socket.connectionCount == 0)
  }
}
