import Addresses
import Bytes
import Testing

@testable import UTP

/// Strangers, forgers and peers that misbehave.
@Suite struct HostilePacketTests {
  private func bytes(_ header: UTPHeader, _ payload: [UInt8] = []) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 20)
    bytes.withUnsafeMutableBytes { header.write(to: $0) }
    return bytes + payload
  }

  private func answers(_ socket: UTPSocket, now: UInt64) -> [[UInt8]] {
    var batch = PacketBatch(limit: 10_000)
    #expect(socket.fill(&batch, now: now))
    return batch.datagrams.map { Array(batch.bytes[$0.range]) }
  }

  @Test("a flood of greetings leaves nothing behind, and is not answered with more than it sent")
  func flood() {
    let socket = UTPSocket(seed: (1, 2))
    var sent = 0
    var answered = 0
    for number in 0..<20_000 {
      let remote = Endpoint(IPAddress(v4: 0x0b00_0000 + UInt32(number)), port: 1000)
      let syn = UTPHeader(
        type: .syn, connectionID: UInt16(truncatingIfNeeded: number), timestamp: 1, window: 0, sequence: 1,
        acknowledged: 0)
      socket.receive(bytes(syn).rawBytes, from: remote, now: 5)
      sent += 20
      if number % 100 == 0 { answered += answers(socket, now: 5).reduce(0) { $0 + $1.count } }
    }
    answered += answers(socket, now: 5).reduce(0) { $0 + $1.count }
    #expect(socket.connectionCount == 0)
    #expect(answered > 0 && answered <= sent)
  }

  @Test("who cannot see our answer gets no connection", arguments: 0..<50 as Range<UInt16>)
  func spoofed(guess: UInt16) {
    let socket = UTPSocket(seed: (3, 4))
    let remote = Endpoint(IPAddress(v4: 0x0b00_0001), port: 1000)
    let data = UTPHeader(
      type: .data, connectionID: 8, timestamp: 1, window: 1000, sequence: 2, acknowledged: guess &* 1311)
    socket.receive(bytes(data, [1, 2, 3]).rawBytes, from: remote, now: 5)
    #expect(socket.connectionCount == 0)
    let answers = answers(socket, now: 5)
    #expect(answers.count == 1 && answers[0].count == 20 && answers[0][0] == 0x31)
  }

  @Test("resets are limited in number, and never answered")
  func resets() {
    let socket = UTPSocket(seed: (3, 4))
    let remote = Endpoint(IPAddress(v4: 0x0b00_0001), port: 1000)
    var count = 0
    for number in 0..<1000 as Range<UInt16> {
      for type in [UTPPacketType.data, .reset, .state] {
        let header = UTPHeader(
          type: type, connectionID: number, timestamp: 1, window: 1000, sequence: 2, acknowledged: 7)
        socket.receive(bytes(header).rawBytes, from: remote, now: 5)
      }
      count += answers(socket, now: 5).count
    }
    #expect(count == 100)
  }

  @Test("connections beyond the limit are not answered")
  func tooMany() {
    let network = Network(seed: 30)
    let a = network.host(side: 0)
    let b = network.host(side: 1) { $0.incomingLimit = 3 }
    let streams = (0..<5).map { _ in a.connect(to: b, sending: 1000, at: 0) }
    network.flush(a)
    network.run(until: 40)
    #expect(b.socket.connectionCount == 3)
    #expect(streams.count { $0.failure == .reset } == 2)
    #expect(streams.count { $0.failure == nil } == 3)
  }

  @Test("forged packets change nothing", arguments: [31, 32] as [UInt64])
  func forged(seed: UInt64) {
    let network = Network(seed: seed, rate: 20)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    let stream = a.connect(to: b, sending: 3_000_000, at: 0)
    network.flush(a)
    var random = Randomness(state: seed)
    network.tamper = { packet, from, to in
      // Someone who knows the addresses and even the number, but sees nothing.
      for (number, peer) in [(from, to), (to, from)] {
        let id = network.hosts[peer].streams.first?.connection.receiveID ?? 0
        let type: UTPPacketType = [.reset, .state, .data, .fin][Int(random.next() % 4)]
        // A forger that hits the window by chance, 1 in 30, may do harm; this one has no luck.
        let connection = network.hosts[peer].streams.first?.connection
        let header = UTPHeader(
          type: type, connectionID: id, timestamp: UInt32(truncatingIfNeeded: random.next()), window: 0,
          sequence: UInt16(truncatingIfNeeded: random.next()),
          acknowledged: (connection?.sent.next ?? 0) &+ UInt16(2 + random.next() % 20_000))
        network.hosts[peer].receive(bytes(header, [9]), from: network.hosts[number].endpoint, at: network.now)
      }
      return true
    }
    network.run(until: 20) { b.streams.first?.received == 3_000_000 }
    #expect(b.streams.first?.received == 3_000_000)
    #expect(b.streams.first?.isDamaged == false && stream.failure == nil)
  }

  @Test("random packets, and real ones with random damage, do no harm", arguments: 40..<50 as Range<UInt64>)
  func damaged(seed: UInt64) {
    let network = Network(seed: seed, rate: 20)
    let (a, b) = (network.host(side: 0), network.host(side: 1))
    b.onAccept = { $0.toSend = 200_000 }
    _ = a.connect(to: b, sending: 200_000, at: 0)
    network.flush(a)
    var random = Randomness(state: seed)
    network.tamper = { packet, _, _ in
      if random.chance(0.1) { packet[Int(random.next() % UInt64(packet.count))] = UInt8(random.next() & 255) }
      if random.chance(0.02) { packet.removeLast(Int(random.next() % UInt64(packet.count))) }
      if random.chance(0.02) { packet = (0..<packet.count).map { _ in UInt8(random.next() & 255) } }
      return true
    }
    network.run(until: 60)
    for host in [a, b] { #expect(host.socket.connectionCount <= 2) }
    network.tamper = nil
    let clean = a.connect(to: b, sending: 100_000, closes: true, at: network.now)
    network.flush(a)
    network.run(until: 120)
    #expect(b.streams.last?.received == 100_000 && b.streams.last?.isDamaged == false && clean.failure == nil)
  }
}
