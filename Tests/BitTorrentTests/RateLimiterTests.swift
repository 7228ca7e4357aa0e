import EventLoop
import Testing

@testable import BitTorrent

/// Turns in virtual time: members that always want more, as peers of torrents.
@Suite struct RateLimiterTests {
  /// A limiter with shares, and what each member of each share has moved.
  struct Line {
    struct Member: Hashable {
      let torrent: Int
      let peer: Int
    }
    let limiter = RateLimiter<Member>()
    var shares: [RateShare<Member>] = []
    var moved: [Member: Int] = [:]
    var now = 0.0

    /// `torrents`: how many peers each has, and its own limit.
    init(_ rate: Int?, _ torrents: [(peers: Int, limit: Int?)]) throws {
      limiter.setLimit(rate, now: at(0))
      for (index, torrent) in torrents.enumerated() {
        let share = try #require(limiter.share(limit: torrent.limit, now: at(0)))
        shares.append(share)
        for peer in 0..<torrent.peers { share.wait(Member(torrent: index, peer: peer)) }
      }
    }

    /// Rounds as a loop makes them, with a clock that is late at times; each member moves `block` bytes or
    /// as many whole blocks as its turn has, and waits again.
    mutating func run(until end: Double, block: Int = Block.size) {
      var random = SeededGenerator(seed: 1)
      while now < end {
        limiter.beginRound(now: at(now))
        while let turn = limiter.next(now: at(now)) {
          let bytes = max(1, turn.bytes / block) * block
          shares[turn.member.torrent].spend(bytes)
          moved[turn.member, default: 0] += bytes
          shares[turn.member.torrent].wait(turn.member)
        }
        now += min(max(limiter.delay, 0.02), 0.05) + Double.random(in: 0...0.005, using: &random)
      }
    }

    func sum(_ torrent: Int) -> Int { moved.reduce(0) { $0 + ($1.key.torrent == torrent ? $1.value : 0) } }
    var total: Int { moved.values.reduce(0, +) }
  }

  @Test(arguments: limitedRates, [1, 7, 60])
  func `any number of peers moves the rate within three per cent`(_ rate: Int, _ peers: Int) throws {
    var line = try Line(rate, [(peers, nil)])
    line.run(until: 10)
    #expect(abs(Double(line.total) / (Double(rate) * line.now) - 1) <= 0.03)
  }

  @Test(arguments: [2 << 20, 1 << 30])
  func `peers of a torrent get the same`(_ rate: Int) throws {
    var line = try Line(rate, [(20, nil)])
    line.run(until: 10)
    let mean = Double(line.total) / 20
    #expect(line.moved.count == 20)
    for bytes in line.moved.values { #expect(abs(Double(bytes) / mean - 1) < 0.1) }
  }

  @Test func `torrents get the same whatever the number of their peers`() throws {
    var line = try Line(1 << 20, [(1, nil), (50, nil), (4, nil)])
    line.run(until: 20)
    for torrent in 0..<3 {
      #expect(abs(Double(line.sum(torrent)) / Double(line.total) - 1.0 / 3) < 0.01)
    }
  }

  @Test func `a torrent with a lower limit leaves the rest to the others`() throws {
    var line = try Line(1 << 20, [(3, 100 << 10), (1, nil), (1, nil)])
    line.run(until: 20)
    let seconds = line.now
    #expect(abs(Double(line.sum(0)) / (Double(100 << 10) * seconds) - 1) <= 0.03)
    #expect(abs(Double(line.total) / (Double(1 << 20) * seconds) - 1) <= 0.03)
    #expect(abs(Double(line.sum(1)) / Double(line.sum(2)) - 1) < 0.05)
  }

  @Test func `torrents with limits of their own need none in common`() throws {
    var line = try Line(nil, [(2, 200 << 10), (5, 3 << 20)])
    line.run(until: 10)
    #expect(abs(Double(line.sum(0)) / (Double(200 << 10) * line.now) - 1) <= 0.03)
    #expect(abs(Double(line.sum(1)) / (Double(3 << 20) * line.now) - 1) <= 0.03)
    let unlimited = RateLimiter<Int>()
    #expect(unlimited.share(limit: nil, now: at(0)) == nil)
  }

  @Test func `nobody takes bytes while others wait for them`() throws {
    let limiter = RateLimiter<Int>()
    limiter.setLimit(1 << 20, now: at(0))
    let one = try #require(limiter.share(limit: nil, now: at(0)))
    let other = try #require(limiter.share(limit: nil, now: at(0)))
    #expect(one.allowance(now: at(0.01)) == 0)
    #expect(one.allowance(now: at(0.1)) >= Block.size)
    one.wait(7)
    #expect(one.allowance(now: at(1)) == 0)
    #expect(other.allowance(now: at(1)) == 0)
    #expect(limiter.next(now: at(1))?.member == 7)
    #expect(!limiter.isWaitedFor)
    #expect(other.allowance(now: at(1)) >= Block.size)
  }

  @Test func `who leaves has no turn and holds up nobody`() throws {
    let limiter = RateLimiter<Int>()
    limiter.setLimit(1 << 20, now: at(0))
    let share = try #require(limiter.share(limit: nil, now: at(0)))
    let empty = try #require(limiter.share(limit: nil, now: at(0)))
    empty.wait(0)
    for member in 1...3 { share.wait(member) }
    empty.leave { $0 == 0 }
    share.leave { $0 == 2 }
    var turns: [Int] = []
    while let turn = limiter.next(now: at(1)) { turns.append(turn.member) }
    #expect(turns == [1, 3])
    #expect(!limiter.isWaitedFor)
    empty.wait(9)
    #expect(limiter.next(now: at(1))?.member == 9)
  }

  @Test func `a change of limits empties the line`() throws {
    var line = try Line(1000, [(2, nil), (1, 500)])
    line.run(until: 0.1)
    line.limiter.emptyLine()
    #expect(!line.limiter.isWaitedFor)
    #expect(line.shares.allSatisfy { !$0.isWaitedFor })
    line.shares[1].wait(Line.Member(torrent: 1, peer: 0))
    #expect(line.limiter.isWaitedFor)
  }

  @Test func `blocks larger than a turn are paid for`() throws {
    var line = try Line(1 << 20, [(4, nil)])
    line.run(until: 20, block: 128 << 10)
    #expect(abs(Double(line.total) / (Double(1 << 20) * line.now) - 1) <= 0.03)
  }
}
