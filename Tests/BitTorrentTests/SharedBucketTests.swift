import EventLoop
import Testing

@testable import BitTorrent

/// Loops that share a limit, in virtual time.
@Suite struct SharedBucketTests {
  /// Loops with torrents that always want more, each with rounds of its own; the last may do nothing.
  struct Loops {
    let bucket: SharedBucket
    var limiters: [RateLimiter<Int>] = []
    var shares: [[RateShare<Int>]] = []
    var moved: [Int] = []
    var next: [Double] = []
    var random = SeededGenerator(seed: 7)
    var now = 0.0

    /// `torrents`: how many each loop has.
    init(_ rate: Int, _ torrents: [Int]) throws {
      bucket = SharedBucket(loops: torrents.count)
      bucket.setRate(rate, now: at(0))
      for (loop, count) in torrents.enumerated() {
        let limiter = RateLimiter<Int>()
        limiter.setLimit(bucket, loop: loop, now: at(0))
        limiters.append(limiter)
        var shares: [RateShare<Int>] = []
        for member in 0..<count {
          let share = try #require(limiter.share(limit: nil, now: at(0)))
          share.wait(member)
          shares.append(share)
        }
        limiter.announce(now: at(0))
        self.shares.append(shares)
        moved.append(0)
        next.append(Double(loop) * 0.001)
      }
    }

    mutating func run(until end: Double) {
      while let loop = next.indices.min(by: { next[$0] < next[$1] }), next[loop] < end {
        now = next[loop]
        let limiter = limiters[loop]
        limiter.beginRound(now: at(now))
        while let turn = limiter.next(now: at(now)) {
          let bytes = max(1, turn.bytes / Block.size) * Block.size
          shares[loop][turn.member].spend(bytes)
          moved[loop] += bytes
          shares[loop][turn.member].wait(turn.member)
        }
        limiter.settle(now: at(now))
        // The first loop is always a little earlier than the others.
        next[loop] += min(max(limiter.delay, 0.02), 0.05) + Double.random(in: 0...0.002, using: &random)
      }
    }

    var total: Int { moved.reduce(0, +) }
  }

  @Test(arguments: limitedRates, [[1, 0], [0, 3], [1, 1], [2, 1, 0], [1, 1, 1, 1]])
  func `all loops together move the rate within three per cent`(_ rate: Int, _ torrents: [Int]) throws {
    var loops = try Loops(rate, torrents)
    loops.run(until: 10)
    // A slow limit is handed out block by block, and each loop may be in the middle of one.
    let slack = 0.03 * Double(rate) * 10 + Double((torrents.count { $0 > 0 } - 1) * Block.size)
    #expect(abs(Double(loops.total) - Double(rate) * loops.now) <= slack)
  }

  @Test(arguments: limitedRates)
  func `torrents get the same whatever the loop that they are on`(_ rate: Int) throws {
    var loops = try Loops(rate, [1, 3])
    loops.run(until: 40)
    let share = Double(loops.moved[0]) / Double(loops.total)
    #expect(abs(share - 0.25) < 0.03, "\(loops.moved)")
  }

  @Test func `a loop that comes to rest gives back what it was lent`() throws {
    let bucket = SharedBucket(loops: 2)
    bucket.setRate(1 << 20, now: at(0))
    var one = try #require(LoopBucket(bucket, loop: 0))
    var other = try #require(LoopBucket(bucket, loop: 1))
    one.waiting(1, now: at(0))
    #expect(one.available(now: at(1), weight: 1) >= Block.size)
    // All that came in the second was for the one that waited, as far as it can be saved up.
    #expect(other.available(now: at(1), weight: 0) == 0)
    one.settle(now: at(1))
    #expect(other.available(now: at(1), weight: 0) >= Block.size)
  }

  @Test func `a debt is paid before others have more`() throws {
    let bucket = SharedBucket(loops: 2)
    bucket.setRate(1 << 20, now: at(0))
    var one = try #require(LoopBucket(bucket, loop: 0))
    var other = try #require(LoopBucket(bucket, loop: 1))
    one.spend(1 << 19)
    one.settle(now: at(0))
    #expect(other.available(now: at(0.4), weight: 1) == 0)
    #expect(other.available(now: at(0.6), weight: 1) >= Block.size)
  }

  @Test func `no limit needs no bucket`() {
    let bucket = SharedBucket(loops: 2)
    #expect(LoopBucket(bucket, loop: 0) == nil)
    bucket.setRate(0, now: at(0))
    var nothing = LoopBucket(bucket, loop: 1)
    #expect(nothing?.available(now: at(100), weight: 1) == 0)
  }
}
