import EventLoop
import Testing

@testable import BitTorrent

@Suite struct RequestWindowTests {
  /// A peer behind a link: it serves one block after another at `rate`, each half a round trip away.
  struct Link {
    var rate: Double
    var roundTrip: Double
    /// Seconds that a request lies with the peer, whatever else it does.
    var service = 0.0
    var window = RequestWindow()
    var time = 0.0
    var free = 0.0
    var queue: [(requested: Double, arrives: Double)] = []
    var depths: [Int] = []

    /// Keeps the window full for `seconds`; the bytes that came.
    mutating func run(_ seconds: Double) -> Double {
      let end = time + seconds
      var bytes = 0.0
      var head = 0
      while true {
        while queue.count - head < window.depth {
          free = max(free, time + roundTrip / 2) + Double(Block.size) / rate
          queue.append((time, free + service + roundTrip / 2))
        }
        guard queue[head].arrives <= end else { break }
        time = queue[head].arrives
        window.received(Block.size, requested: at(queue[head].requested), now: at(time))
        bytes += Double(Block.size)
        head += 1
        depths.append(window.depth)
      }
      queue.removeFirst(head)
      time = end
      return bytes
    }
  }

  @Test(arguments: [20e3, 200e3, 2.5e6, 12.5e6, 125e6, 1_073_741_824], [0.0002, 0.001, 0.02, 0.08])
  func `the link is filled and the window is steady`(rate: Double, roundTrip: Double) {
    var link = Link(rate: rate, roundTrip: roundTrip)
    link.window.peerLimit = 100_000
    link.window.limit = 100_000
    _ = link.run(max(2, 200_000 / rate))
    link.depths = []
    let seconds = max(0.5, 2_000_000 / rate)
    let bytes = link.run(seconds)
    #expect(bytes / seconds / rate > 0.95)
    let (low, high) = (link.depths.min() ?? 0, link.depths.max() ?? 0)
    #expect(high - low <= max(2, high / 10), "\(low) to \(high)")
    // Not much more than what the link and the margin hold.
    let blocks = rate / Double(Block.size)
    #expect(Double(high) <= 2.3 * blocks * (roundTrip + RequestWindow.margin) + 2 * 1.3 + 2)
  }

  @Test func `a gigabyte a second over a millisecond is reached within a fifth of a second`() {
    var link = Link(rate: 1_073_741_824, roundTrip: 0.001)
    _ = link.run(0.2)
    #expect(link.window.depth == RequestWindow.usualPeerLimit)
    expect(link.run(1) > 0.95 * 1_073_741_824)
  }

  @Test func `the peer's and our own limit hold`() {
    var link = Link(rate: 1e9, roundTrip: 0.01)
    link.window.peerLimit = 60
    _ = link.run(1)
    #expect(link.window.depth == 60)
    link.window.peerLimit = 5_000
    #expect(link.window.depth == 512)
    link.window.peerLimit = 1
    #expect(link.window.depth == 1)
    link.window.peerLimit = 0
    #expect(link.window.depth == 1)
  }

  @Test func `a slow peer holds few, a snubbed one`() {
    var link = Link(rate: 5_000, roundTrip: 0.05)
    _ = link.run(60)
    #expect((2...3).contains(link.window.depth))
    link.window.isSnubbed = true
    #expect(link.window.depth == 1)
  }

  @Test(arguments: [0.02, 0.2])
  func `a peer that is one of several is asked for less at once, and no less a second`(roundTrip: Double) {
    var link = Link(rate: 2.5e6, roundTrip: roundTrip)
    _ = link.run(5)
    let before = link.window.depth
    link.window.isOneOfSeveral = true
    #expect(link.run(5) > 0.95 * 5 * 2.5e6)
    let ratio = (roundTrip + RequestWindow.sharedMargin) / (roundTrip + RequestWindow.margin)
    #expect(abs(Double(link.window.depth) - Double(before) * ratio) <= 2)
  }

  @Test func `the window follows a rate that changes`() {
    var link = Link(rate: 10e6, roundTrip: 0.02)
    link.window.peerLimit = 5000
    link.window.limit = 5000
    _ = link.run(3)
    let before = link.window.depth
    link.rate = 1e6
    _ = link.run(10)
    #expect(link.window.depth < before / 5)
    link.rate = 10e6
    _ = link.run(5)
    #expect(abs(link.window.depth - before) <= before / 8)
  }

  @Test(arguments: [0.1, 0.4, 0.8])
  func `a peer that becomes slow to answer, but not slower, is not starved`(_ service: Double) {
    var link = Link(rate: 10e6, roundTrip: 0.001)
    link.window.peerLimit = 5000
    link.window.limit = 5000
    _ = link.run(3)
    link.service = service
    _ = link.run(20)
    #expect(link.run(5) > 0.9 * 5 * 10e6)
  }

  @Test func `a pause in which nothing is asked for does not count`() {
    var link = Link(rate: 10e6, roundTrip: 0.02)
    _ = link.run(3)
    let before = link.window.depth
    link.queue = []
    link.time += 30
    link.depths = []
    _ = link.run(0.3)
    #expect((link.depths.min() ?? 0) >= before * 3 / 4)
  }
}
