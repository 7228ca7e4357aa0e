import EventLoop
import Testing

@testable import BitTorrent

/// The instant `seconds` after an arbitrary start.
func at(_ seconds: Double) -> Instant { Instant(nanoseconds: 7_123_456_789) + seconds }

@Suite struct RateMeterTests {
  @Test(arguments: [1_000.0, 50_000, 1e9])
  func `a steady stream is measured as it is`(rate: Double) {
    var meter = RateMeter(now: at(0))
    var seconds = 0.0
    while seconds < 20 {
      seconds += 0.01
      meter.add(Int(rate / 100), now: at(seconds))
      if seconds > 1 { expect(abs(meter.rate(now: at(seconds)) / rate - 1) < 0.05) }
    }
    #expect(abs(Double(meter.total) / (rate * 20) - 1) < 0.01)
  }

  @Test func `silence forgets within five seconds`() {
    var meter = RateMeter(now: at(0))
    meter.add(1_000_000, now: at(0.1))
    expect(meter.rate(now: at(0.1)), is: 2_000_000)
    expect(meter.rate(now: at(2)) < 600_000)
    expect(meter.rate(now: at(5.6)), is: 0)
    expect(meter.rate(now: at(1_000)), is: 0)
    meter.add(500, now: at(1_001))
    expect(meter.rate(now: at(1_001)) > 0 && meter.total == 1_000_500)
  }
}
