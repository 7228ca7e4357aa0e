import EventLoop
import Testing

@testable import BitTorrent

/// Rates from the slowest that anybody sets to the fastest.
let limitedRates = [50 << 10, 333_333, 2 << 20, 20_000_000, 1 << 30]

@Suite struct TokenBucketTests {
  @Test(arguments: limitedRates)
  func `ten seconds of blocks come within three per cent of the rate`(_ rate: Int) {
    var bucket = TokenBucket(rate: rate, now: at(0))
    var random = SeededGenerator(seed: UInt64(rate))
    var moved = 0
    var seconds = 0.0
    while true {
      // A clock that is asked between every millisecond and every 50.
      seconds += Double.random(in: 0.001...0.05, using: &random)
      guard seconds <= 10 else { break }
      while bucket.available(now: at(seconds)) >= Block.size {
        bucket.spend(Block.size)
        moved += Block.size
      }
    }
    #expect(abs(Double(moved) / Double(rate * 10) - 1) <= 0.03)
  }

  @Test(arguments: limitedRates)
  func `what is saved up while nothing moves is bounded`(_ rate: Int) {
    var bucket = TokenBucket(rate: rate, burstSeconds: 0.1, now: at(0))
    expect(bucket.available(now: at(0)), is: 0)
    let most = Block.size + rate / 10
    expect(bucket.available(now: at(1000)), is: most)
    bucket.refund(1 << 40)
    expect(bucket.available(now: at(1000)), is: most)
  }

  @Test func `an overdraft is paid back before anything moves`() {
    var bucket = TokenBucket(rate: 100_000, startsFull: true, now: at(0))
    let burst = Block.size + 10_000
    bucket.spend(burst + 50_000)
    expect(bucket.available(now: at(0)), is: -50_000)
    expect(abs(bucket.delay(until: 20_000) - 0.7) < 1e-9)
    expect(bucket.available(now: at(0.5)), is: 0)
    expect(bucket.available(now: at(0.7)), is: 20_000)
    expect(bucket.delay(until: 20_000), is: 0)
  }

  @Test func `time that goes backwards brings nothing`() {
    var bucket = TokenBucket(rate: 1_000_000, now: at(5))
    expect(bucket.available(now: at(4)), is: 0)
    expect(bucket.available(now: at(5.01)), is: 10_000)
  }

  @Test func `a rate of zero lets nothing pass and an absurd one overflows nothing`() {
    var none = TokenBucket(rate: 0, now: at(0))
    expect(none.available(now: at(1e6)), is: 0)
    expect(none.delay(until: 1), is: .infinity)
    var all = TokenBucket(rate: .max, now: at(0))
    expect(all.available(now: at(1e6)) > 1 << 40)
    expect(all.quantum, is: 256 << 10)
  }
}
