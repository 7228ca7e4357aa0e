import Addresses
import Bytes
import UTP

/// Streams over datagrams, without the system's part.
enum Transport {
  static let all = [packet]

  /// From `write` at one end to `read` at the other, in batches as a socket brings them, with what goes back.
  private static let packet = Benchmark("uTP: a packet of 1,472 bytes", operations: 200_000) {
    let pair = Pair()
    pair.send(packets: 20_000)
    return { count in pair.send(packets: count) }
  }
}

/// Two sockets whose datagrams arrive a tenth of a millisecond later.
private final class Pair {
  private let sockets = (0..<2).map { UTPSocket(seed: (UInt64($0), 5)) }
  private let endpoints = (0..<2).map { Endpoint(IPAddress(v4: 0x0a00_0001 + UInt32($0)), port: 6881) }
  private var batch = PacketBatch()
  private var ready: [(UTPConnection, UTPConnection.Events)] = []
  private var now: UInt64 = 1_000_000
  private let sender: UTPConnection
  private var receiver: UTPConnection?
  private var buffer = [UInt8](repeating: 7, count: 256 << 10)
  private var received = 0

  init() {
    guard let sender = sockets[0].connect(to: endpoints[1], now: now) else { fatalError("no number") }
    self.sender = sender
  }

  func send(packets: Int) {
    let end = received + packets * 1452
    while received < end {
      if sender.phase == .open {
        _ = buffer.withUnsafeBytes { sender.write($0) }
      }
      for side in 0..<2 { exchange(from: side) }
    }
  }

  private func exchange(from side: Int) {
    let other = sockets[1 - side]
    var isDone = false
    while !isDone {
      isDone = sockets[side].fill(&batch, now: now)
      now += 100
      for datagram in batch.datagrams {
        let bytes = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: batch.bytes[datagram.range]))
        other.receive(bytes, from: endpoints[side], now: now)
      }
      batch.removeAll()
    }
    other.takeReady(into: &ready)
    for (connection, events) in ready where events.contains(.accepted) { receiver = connection }
    ready.removeAll(keepingCapacity: true)
    guard let receiver else { return }
    received += buffer.withUnsafeMutableBytes { receiver.read(into: $0) }
  }
}
