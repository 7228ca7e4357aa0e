import Addresses
import Bytes
import FuzzDriver
import UTP

/// Two sockets, the packets between them, and somebody who loses, repeats, damages and invents some. What
/// arrives is the start of what was sent as long as nothing was damaged or invented; memory stays bounded.
struct Exchange: ~Copyable {
  private let sockets: [UTPSocket]
  private let endpoints = (0..<2).map { Endpoint(IPAddress(v4: 0x0a00_0001 + UInt32($0)), port: 6881) }
  private var connections: [[UTPConnection]] = [[], []]
  private var packets: [(to: Int, bytes: [UInt8])] = []
  private var last: (to: Int, bytes: [UInt8])?
  private var now: UInt64 = 1 << 32 - 1_000_000
  private var batch = PacketBatch()
  private var isHonest = true
  private var written = 0
  private var read = 0

  init() {
    var configuration = UTPConfiguration()
    configuration.incomingLimit = 4
    configuration.receiveLimit = 64 << 10
    sockets = (0..<2).map { UTPSocket(configuration, seed: (UInt64($0), 7)) }
  }

  mutating func run(_ script: inout Script) {
    var steps = 0
    while let command = script.byte(), steps < 2000 {
      steps += 1
      step(command % 13, &script)
      collect()
      for socket in sockets { precondition(socket.incomingCount <= 4 && socket.connectionCount <= 16) }
      if packets.count > 1000 { packets.removeFirst(packets.count - 1000) }
    }
    // With time everything comes to an end, whatever state it is in.
    for list in connections { for connection in list { connection.close(now: now) } }
    for _ in 0..<200 {
      now += 1_000_000
      for socket in sockets { socket.advance(to: now) }
      collect()
      packets.removeAll()
    }
    for socket in sockets { precondition(socket.connectionCount == 0 && socket.deadline == nil) }
  }

  private mutating func step(_ command: UInt8, _ script: inout Script) {
    switch command {
    case 0:
      guard connections[0].count < 8 else { return }
      if let connection = sockets[0].connect(to: endpoints[1], now: now) { connections[0].append(connection) }
    case 1: write(0, script.byte() ?? 0)
    case 2: write(1, script.byte() ?? 0)
    case 3: for connection in connections[1] { receive(connection) }
    case 4: for connection in connections[0] { receive(connection) }
    case 5: connections[0].last?.close(now: now)
    case 6: connections[1].last?.close(now: now)
    case 7: deliver(at: 0)
    case 8: if !packets.isEmpty { last = packets.removeFirst() }
    case 9:
      now += UInt64(script.byte() ?? 0) * 20_000
      for socket in sockets { socket.advance(to: now) }
    case 10: deliver(at: Int(script.byte() ?? 0))
    case 11: forge(&script)
    default: damage(&script)
    }
  }

  private mutating func write(_ side: Int, _ count: UInt8) {
    guard let connection = connections[side].first else { return }
    let bytes = (0..<Int(count) * 40).map { UInt8(truncatingIfNeeded: written + $0) }
    let taken = bytes.withUnsafeBytes { connection.write($0) }
    if side == 0 { written += taken }
  }

  private mutating func receive(_ connection: UTPConnection) {
    var buffer = [UInt8](repeating: 0, count: 1000)
    let count = buffer.withUnsafeMutableBytes { connection.read(into: $0) }
    precondition(connection.readableBytes <= 192 << 10)
    guard connections[1].first === connection else { return }
    if isHonest {
      for index in 0..<count { precondition(buffer[index] == UInt8(truncatingIfNeeded: read + index)) }
      precondition(read + count <= written)
    }
    read += count
  }

  private mutating func deliver(at index: Int) {
    guard !packets.isEmpty else { return }
    let packet = packets.remove(at: index % packets.count)
    last = packet
    sockets[packet.to].receive(packet.bytes.rawBytes, from: endpoints[1 - packet.to], now: now)
  }

  /// A packet of the forger's own: with a plausible number, or none.
  private mutating func forge(_ script: inout Script) {
    isHonest = false
    var bytes = last?.bytes ?? [UInt8](repeating: 1, count: 20)
    for _ in 0..<4 {
      guard let place = script.byte(), let value = script.byte() else { break }
      if Int(place) < bytes.count { bytes[Int(place)] = value }
    }
    let to = last?.to ?? 1
    sockets[to].receive(bytes.rawBytes, from: endpoints[1 - to], now: now)
  }

  private mutating func damage(_ script: inout Script) {
    guard !packets.isEmpty, let place = script.byte(), let value = script.byte() else { return }
    isHonest = false
    let index = Int(value) % packets.count
    if !packets[index].bytes.isEmpty {
      packets[index].bytes[Int(place) % packets[index].bytes.count] ^= value
      if value > 200 { packets[index].bytes.removeLast() }
    }
  }

  /// Takes what the sockets have to send, and what they have to tell.
  private mutating func collect() {
    for side in 0..<2 {
      var list: [(UTPConnection, UTPConnection.Events)] = []
      sockets[side].takeReady(into: &list)
      for (connection, events) in list where events.contains(.accepted) {
        connections[side].append(connection)
      }
      var isDone = false
      while !isDone {
        isDone = sockets[side].fill(&batch, now: now)
        for datagram in batch.datagrams {
          packets.append((1 - side, Array(batch.bytes[datagram.range])))
        }
        batch.removeAll()
      }
    }
  }
}
