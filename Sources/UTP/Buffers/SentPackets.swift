/// A packet that has a sequence number: where its bytes are, and what became of it.
struct SentPacket {
  enum Fate: UInt8 {
    /// Under way, as far as is known.
    case inFlight
    /// Given up: to be sent again.
    case lost
    /// Arrived.
    case arrived
  }

  /// Where its bytes begin in the stream.
  var position: UInt64
  var length: Int32
  var fate: Fate
  var isFIN = false
  /// The size of the datagram with which it first left, if that tried out a larger one; else 0.
  var probe: Int32 = 0
  var transmissions: UInt8 = 0
  /// The number of its last transmission, counted over all packets.
  var serial: UInt64 = 0
  /// When it was sent last.
  var sentAt: UInt64 = 0

  /// Whether only the try of a larger size has left.
  var isProbing: Bool { probe > 0 && transmissions == 1 }
}

/// Packets that have not been acknowledged together with all before them, by sequence number; and the order
/// in which they were sent, repetitions included. No allocation once it has grown to what is needed.
struct SentPackets {
  private var slots: [SentPacket] = []
  /// Sequence numbers in the order of transmission; `firstSerial` is the first that matters.
  private var order: [UInt16] = []
  private(set) var firstSerial: UInt64 = 0
  private(set) var nextSerial: UInt64 = 0
  /// The oldest packet that is here, and how many there are.
  private(set) var first: UInt16
  private(set) var count = 0

  init(next: UInt16) { first = next }

  var next: UInt16 { first &+ UInt16(truncatingIfNeeded: count) }

  func contains(_ sequence: UInt16) -> Bool { Int(sequence &- first) < count }

  subscript(sequence: UInt16) -> SentPacket {
    get { slots[Int(sequence) & (slots.count - 1)] }
    set { slots[Int(sequence) & (slots.count - 1)] = newValue }
  }

  /// Takes the next sequence number for a packet.
  mutating func append(_ packet: SentPacket) -> UInt16 {
    if count == slots.count { grow(packet) }
    let sequence = next
    count += 1
    self[sequence] = packet
    return sequence
  }

  /// Forgets the oldest packet.
  mutating func removeFirst() {
    first &+= 1
    count -= 1
  }

  /// Notes that a packet leaves now.
  mutating func transmitted(_ sequence: UInt16, now: UInt64) {
    if Int(nextSerial - firstSerial) == order.count { growOrder() }
    order[Int(truncatingIfNeeded: nextSerial) & (order.count - 1)] = sequence
    self[sequence].serial = nextSerial
    self[sequence].sentAt = now
    self[sequence].fate = .inFlight
    self[sequence].transmissions &+= self[sequence].transmissions < 255 ? 1 : 0
    nextSerial += 1
  }

  /// Goes on to the next transmission that was sent before the one called `serial` and whose packet is
  /// still under way by it; its sequence number. Each transmission is looked at once.
  mutating func nextOverdue(before serial: UInt64) -> UInt16? {
    while firstSerial < nextSerial, firstSerial < serial {
      let sequence = order[Int(truncatingIfNeeded: firstSerial) & (order.count - 1)]
      let looked = firstSerial
      firstSerial += 1
      if contains(sequence), self[sequence].serial == looked, self[sequence].fate == .inFlight {
        return sequence
      }
    }
    return nil
  }

  private mutating func grow(_ filler: SentPacket) {
    let size = max(slots.count * 2, 16)
    var larger = [SentPacket](repeating: filler, count: size)
    for index in 0..<count {
      let sequence = first &+ UInt16(truncatingIfNeeded: index)
      larger[Int(sequence) & (size - 1)] = self[sequence]
    }
    slots = larger
  }

  private mutating func growOrder() {
    let size = max(order.count * 2, 16)
    var larger = [UInt16](repeating: 0, count: size)
    for serial in firstSerial..<nextSerial {
      let index = Int(truncatingIfNeeded: serial)
      larger[index & (size - 1)] = order[index & (order.count - 1)]
    }
    order = larger
  }
}
