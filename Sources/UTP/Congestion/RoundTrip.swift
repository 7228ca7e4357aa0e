/// The round trip as measured, and how long to wait for an acknowledgement (RFC 6298, with BEP 29's least).
struct RoundTrip {
  /// Smoothed, and its mean deviation, µs.
  private(set) var mean: UInt64 = 0
  private var deviation: UInt64 = 0
  /// The least of all, and the last, µs.
  private(set) var least: UInt64 = .max
  private(set) var last: UInt64 = 0
  /// Time-outs since something arrived.
  private(set) var backOff = 0

  var isMeasured: Bool { mean > 0 }

  mutating func add(_ sample: UInt64) {
    let sample = max(sample, 1)
    last = sample
    least = min(least, sample)
    guard isMeasured else {
      mean = sample
      deviation = sample / 2
      return
    }
    let difference = sample > mean ? sample - mean : mean - sample
    deviation = (deviation * 3 + difference) / 4
    mean = max((mean * 7 + sample) / 8, 1)
  }

  /// Something arrived.
  mutating func progressed() { backOff = 0 }

  mutating func timedOut() { backOff += 1 }

  /// How long to wait, µs.
  var timeout: UInt64 {
    let plain = isMeasured ? max(mean + 4 * deviation, UTP.leastTimeout) : 2 * UTP.leastTimeout
    return min(plain << UInt64(min(backOff, 8)), UTP.mostTimeout)
  }
}
