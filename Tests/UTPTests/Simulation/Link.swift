/// One direction of a path: a bottleneck with a queue that drops what does not fit, then a way of fixed
/// length; and what else networks do to packets.
struct Link {
  /// Bits a second, and the time that the way takes, µs.
  var rate: Double
  var delay: UInt64
  /// What the queue holds, as time, µs.
  var buffer: UInt64
  /// Shares of packets that are lost, come twice, or come up to `lateness` µs later than others.
  var loss = 0.0
  var duplication = 0.0
  var reordering = 0.0
  var lateness: UInt64 = 5000
  /// Bytes of the largest IP packet; larger ones are cut into fragments, or vanish if they must not be.
  var mtu = 1500

  // What was seen.
  private var busyUntil: UInt64 = 0
  private(set) var dropped = 0
  private(set) var bytes = 0
  /// Queueing delays that packets met, µs, with the time at which they came.
  private(set) var queueing: [(time: UInt64, delay: UInt64)] = []

  init(rate: Double, delay: UInt64, buffer: UInt64) {
    self.rate = rate
    self.delay = delay
    self.buffer = buffer
  }

  /// When a packet of `content` bytes arrives that enters now; `nil` if it is dropped.
  mutating func send(_ content: Int, isWhole: Bool = false, now: UInt64, _ random: inout Randomness)
    -> UInt64?
  {
    let start = max(now, busyUntil)
    let fragments = (content + mtu - 1) / mtu
    let size = content + (fragments - 1) * 20
    guard fragments == 1 || !isWhole, start - now <= buffer else {
      dropped += 1
      return nil
    }
    busyUntil = start + UInt64(Double(size * 8) / rate * 1e6)
    bytes += size
    queueing.append((now, start - now))
    guard !random.chance(loss) else {
      dropped += 1
      return nil
    }
    let late = random.chance(reordering) ? random.next() % lateness : 0
    return busyUntil + delay + late
  }

  /// The delay in the queue that all but a share of the packets of a period met at most, µs.
  func queueing(of share: Double, from: UInt64, to: UInt64) -> UInt64 {
    let sorted = queueing.filter { $0.time >= from && $0.time < to }.map(\.delay).sorted()
    return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }
}

/// Numbers that a seed determines (SplitMix64).
struct Randomness: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func chance(_ share: Double) -> Bool {
    share > 0 && Double(next() >> 11) / Double(1 << 53) < share
  }
}
