import Addresses
import Testing

@testable import TrackerProtocol

struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

@Suite("The announce schedule")
struct TrackerListTests {
  var generator = SeededGenerator(state: 1)
  let reply = AnnounceReply(interval: 1800, minimumInterval: 900)

  mutating func list(_ tiers: [[String]], isComplete: Bool = false) -> TrackerList {
    var list = TrackerList(tiers: tiers, isComplete: isComplete, using: &generator)
    list.start(now: 0)
    return list
  }

  @Test("started, then at each interval a regular announce, stopped at the end")
  mutating func lifeOfATorrent() {
    var list = list([["http://a"]])
    #expect(list.deadline == 0)
    #expect(list.next(now: 0) == [.announce(0, url: "http://a", event: .started)])
    #expect(list.next(now: 1) == [])
    #expect(list.deadline == .infinity)
    list.succeeded(0, reply, now: 2)
    #expect(list.deadline == 1802)
    #expect(list.next(now: 1801) == [])
    #expect(list.next(now: 1802) == [.announce(0, url: "http://a", event: .regular)])
    list.succeeded(0, reply, now: 1803)
    #expect(list.stop() == [.announce(0, url: "http://a", event: .stopped)])
    #expect(!list.isStopped)
    list.succeeded(0, reply, now: 1804)
    #expect(list.isStopped)
    #expect(list.deadline == .infinity)
    #expect(list.next(now: 9999) == [])
  }

  @Test("a download that completes while it announces its start is not stopped unheard")
  mutating func completionBeforeStop() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    #expect(!list.owesCompletion)
    list.completed(now: 1)
    #expect(list.owesCompletion)
    list.succeeded(0, reply, now: 2)
    #expect(list.owesCompletion)
    #expect(list.next(now: 2) == [.announce(0, url: "http://a", event: .completed)])
    #expect(list.owesCompletion)
    list.succeeded(0, reply, now: 3)
    #expect(!list.owesCompletion)
    #expect(list.stop() == [.announce(0, url: "http://a", event: .stopped)])
  }

  @Test("nobody waits for a tracker that fails to hear of the completion")
  mutating func completionAndFailure() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    list.completed(now: 1)
    list.failed(0, "refused", now: 2, using: &generator)
    #expect(!list.owesCompletion)
  }

  @Test("started is repeated until a tracker acknowledges it, with growing, jittered pauses")
  mutating func backOff() {
    var list = list([["http://a"]])
    var now = 0.0
    var pauses: [Double] = []
    for _ in 0..<14 {
      #expect(list.next(now: now) == [.announce(0, url: "http://a", event: .started)])
      list.failed(0, "refused", now: now, using: &generator)
      #expect(list.next(now: now) == [])
      pauses.append(list.deadline - now)
      now = list.deadline
    }
    for (index, pause) in pauses.enumerated() {
      let nominal = min(5 * Double(1 << index), 3840)
      #expect(pause >= nominal * 0.75 && pause <= nominal * 1.25)
    }
    #expect(Set(pauses.suffix(4)).count == 4)
    _ = list.next(now: now)
    list.succeeded(0, reply, now: now)
    #expect(list.trackers[0].failures == 0)
    #expect(list.next(now: list.deadline) == [.announce(0, url: "http://a", event: .regular)])
  }

  @Test("A tier is shuffled, tiers are not")
  mutating func shuffled() {
    var firsts: Set<Int> = []
    for _ in 0..<100 {
      var list = list([["http://a", "http://b", "http://c"], ["http://d"]])
      for action in list.next(now: 0) {
        if case .announce(let index, _, _) = action { firsts.insert(index) }
      }
      #expect(list.tiers[1] == [3])
    }
    #expect(firsts == [0, 1, 2])
  }

  @Test("The next tracker is asked at once when one fails, and the one that answers is promoted")
  mutating func failover() {
    var list = list([["http://a", "http://b"], ["http://c"]])
    let first = list.tiers[0][0]
    let second = list.tiers[0][1]
    _ = list.next(now: 0)
    list.failed(first, "timed out", now: 15, using: &generator)
    #expect(list.deadline == 15)
    #expect(list.next(now: 15) == [.announce(second, url: list.trackers[second].url, event: .started)])
    list.succeeded(second, reply, now: 16)
    #expect(list.tiers[0] == [second, first])
    #expect(list.current == second)
    // Both of the first tier die: the second tier takes over; the first is tried first again later.
    _ = list.next(now: 1816)
    list.failed(second, "gone", now: 1816, using: &generator)
    #expect(list.next(now: 1816) == [.announce(first, url: list.trackers[first].url, event: .started)])
    list.failed(first, "gone", now: 1816, using: &generator)
    #expect(list.next(now: 1816) == [.announce(2, url: "http://c", event: .started)])
    list.succeeded(2, reply, now: 1817)
    #expect(
      list.next(now: 3617) == [.announce(second, url: list.trackers[second].url, event: .regular)])
    list.succeeded(second, reply, now: 3618)
    // Both know the client, so both are told that it leaves.
    #expect(
      Set(list.stop().map { "\($0)" })
        == Set(
          [second, 2].map {
            "\(TrackerList.Action.announce($0, url: list.trackers[$0].url, event: .stopped))"
          }))
  }

  @Test("completed goes once, at once, to the tracker that knew a leech")
  mutating func completed() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    list.succeeded(0, reply, now: 1)
    list.completed(now: 100)
    list.completed(now: 101)
    #expect(list.next(now: 100) == [.announce(0, url: "http://a", event: .completed)])
    list.failed(0, "reset", now: 101, using: &generator)
    #expect(
      list.next(now: list.trackers[0].blockedUntil) == [.announce(0, url: "http://a", event: .completed)])
    list.succeeded(0, reply, now: 110)
    #expect(list.next(now: 5000) == [.announce(0, url: "http://a", event: .regular)])
  }

  @Test("completed during an announce follows its reply; a seed from the start never sends it")
  mutating func completedInFlight() {
    var leech = list([["http://a"]])
    _ = leech.next(now: 0)
    leech.completed(now: 1)
    #expect(leech.next(now: 1) == [])
    leech.succeeded(0, reply, now: 2)
    #expect(leech.next(now: 2) == [.announce(0, url: "http://a", event: .completed)])

    var seed = list([["http://a"]], isComplete: true)
    _ = seed.next(now: 0)
    seed.succeeded(0, reply, now: 1)
    seed.completed(now: 2)
    #expect(seed.deadline == 1801)

    // Complete before the first acknowledged announce: nobody knew a leech.
    var late = list([["http://a"]])
    late.completed(now: 0)
    _ = late.next(now: 0)
    late.succeeded(0, reply, now: 1)
    #expect(late.deadline == 1801)
  }

  @Test("Announces for more peers and by the user keep the min interval")
  mutating func early() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    list.succeeded(0, reply, now: 0)
    list.announceEarly(now: 10)
    #expect(list.deadline == 900)
    list.announceEarly(now: 1000)
    #expect(list.deadline == 900)
    #expect(list.next(now: 900) == [.announce(0, url: "http://a", event: .regular)])
    list.succeeded(0, AnnounceReply(interval: 1800), now: 900)
    list.announceEarly(now: 901)
    #expect(list.deadline == 960)
  }

  @Test("Intervals are brought into range and never fall below the min interval")
  mutating func intervals() {
    var list = list([["http://a"]])
    var now = 0.0
    for (reply, expected) in [
      (AnnounceReply(interval: 0), 5.0), (AnnounceReply(interval: .max), 86_400),
      (AnnounceReply(interval: 10, minimumInterval: 60), 60), (AnnounceReply(interval: 7), 7),
    ] {
      _ = list.next(now: now)
      list.succeeded(0, reply, now: now)
      #expect(list.deadline == now + expected)
      now = list.deadline
    }
  }

  @Test("retry in is obeyed; never means never, until the user insists")
  mutating func retryIn() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    list.failed(0, "busy", retryIn: .minutes(30), now: 0, using: &generator)
    _ = list.next(now: 0)
    #expect(list.deadline == 1800)
    _ = list.next(now: 1800)
    list.failed(0, "busy", retryIn: .minutes(0), now: 1800, using: &generator)
    _ = list.next(now: 1800)
    #expect(list.deadline > 1805)
    _ = list.next(now: list.deadline)
    list.failed(0, "wrong", retryIn: .never, now: 2000, using: &generator)
    _ = list.next(now: 2000)
    #expect(list.deadline == .infinity)
    list.retryAll(now: 3000)
    #expect(list.next(now: 3000) == [.announce(0, url: "http://a", event: .started)])
  }

  @Test("Leaving gives up what is under way and tells who may know")
  mutating func stopInFlight() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    #expect(list.stop() == [.cancel(0), .announce(0, url: "http://a", event: .stopped)])
    list.failed(0, "timed out", now: 1, using: &generator)
    #expect(list.isStopped)
    var idle = self.list([["http://a"]])
    #expect(idle.stop() == [])
    #expect(idle.isStopped)
    idle.start(now: 50)
    #expect(idle.next(now: 50) == [.announce(0, url: "http://a", event: .started)])
  }

  @Test("A partial seed says paused; the tracker id and the external address are kept")
  mutating func partialSeedAndIdentity() {
    var list = list([["http://a"]])
    _ = list.next(now: 0)
    var reply = reply
    reply.trackerID = [1, 2]
    reply.externalAddress = IPAddress("192.0.2.9")
    list.succeeded(0, reply, now: 0)
    #expect(list.externalAddress == IPAddress("192.0.2.9"))
    list.setPartialSeed(true, now: 5)
    #expect(list.next(now: 900) == [.announce(0, url: "http://a", event: .paused)])
    list.succeeded(0, self.reply, now: 901)
    #expect(list.trackers[0].trackerID == [1, 2])
  }

  @Test("Other schemes, repetitions and floods are left out; no tracker is no work")
  mutating func filtered() {
    let tiers = [["udp://a", "HTTP://b", "http://c", "http://c"], ["wss://d"], ["junk", ""]]
    #expect(list(tiers).trackers.map(\.url) == ["udp://a", "HTTP://b", "http://c"])
    #expect(list([(0..<500).map { "http://\($0)" }]).trackers.count == 100)
    var none = list([])
    #expect(none.next(now: 0) == [])
    #expect(none.deadline == .infinity)
    none.succeeded(3, reply, now: 0)
  }

  @Test("Whatever happens, one announce is under way at a time and time never stands still")
  mutating func anyOrder() {
    for seed in 0..<200 as Range<UInt64> {
      generator = SeededGenerator(state: seed)
      var list = list([["http://a", "http://b"], ["http://c", "http://d"], ["http://e"]])
      var now = 0.0
      var announces = 0
      for _ in 0..<400 {
        for action in list.next(now: now) {
          guard case .announce(let index, _, let event) = action else { continue }
          announces += 1
          #expect(list.trackers.count(where: \.isBusy) == 1)
          #expect(event == .started || list.trackers[index].isStarted)
          if Int.random(in: 0..<3, using: &generator) == 0 {
            list.succeeded(index, AnnounceReply(interval: 60), now: now)
          } else {
            let retryIn: RetryIn? = Bool.random(using: &generator) ? .minutes(0) : nil
            list.failed(index, "no", retryIn: retryIn, now: now, using: &generator)
          }
        }
        if Int.random(in: 0..<20, using: &generator) == 0 { list.announceEarly(now: now) }
        if Int.random(in: 0..<50, using: &generator) == 0 { list.completed(now: now) }
        if list.deadline > now { now = min(list.deadline, now + 30) }
      }
      #expect(announces > 0 && now > 0)
    }
  }

  @Test("A silent tracker holds the next one up for two seconds, and so does every other silent one")
  mutating func silence() {
    let urls = (0..<20).map { ["udp://dead\($0):1"] } + [["udp://alive:1"]]
    var list = list(urls)
    var asked: [(index: Int, at: Double)] = []
    var now = 0.0
    while asked.last?.index != 20, now < 1000 {
      for case .announce(let index, _, _) in list.next(now: now) { asked.append((index, now)) }
      now = list.deadline
    }
    #expect(asked.map(\.index) == Array(0...20))
    #expect(asked.last?.at == 40)
    list.succeeded(20, reply, now: 40.1)
    #expect(list.deadline == 1840.1)
    // The silent ones fail later: the next announce comes in its time all the same.
    for index in 0..<20 {
      list.failed(index, "no answer in time", now: 54, using: &generator)
      #expect(list.next(now: 54) == [])
    }
    #expect(list.deadline == 1840.1)
    #expect(!list.owesCompletion)
    // Nobody says goodbye to those that never answered.
    #expect(list.stop() == [.announce(20, url: "udp://alive:1", event: .stopped)])
  }

  @Test("A tracker that answers late is still heard, and then both are told of the end")
  mutating func lateAnswer() {
    var list = list([["http://slow"], ["http://fast"]])
    _ = list.next(now: 0)
    #expect(list.deadline == 2)
    #expect(list.next(now: 1.9) == [])
    #expect(list.next(now: 2) == [.announce(1, url: "http://fast", event: .started)])
    #expect(list.trackers[0].isOverdue && list.deadline == .infinity)
    list.succeeded(1, reply, now: 2.1)
    list.succeeded(0, reply, now: 5)
    #expect(list.current == 0 && list.deadline == 1805)
    #expect(Set(list.stop().map { "\($0)" }).count == 2)
  }

  @Test("One that waits for its turn at a busy host is not taken for silent; leaving tells no silent one")
  mutating func waits() {
    var list = list([["http://a"], ["http://b"]])
    _ = list.next(now: 0)
    for now in 1...10 {
      list.waits(0, now: Double(now))
      #expect(list.next(now: Double(now)) == [])
    }
    #expect(list.next(now: 12) == [.announce(1, url: "http://b", event: .started)])
    #expect(list.stop() == [.cancel(0), .cancel(1), .announce(1, url: "http://b", event: .stopped)])
  }

  @Test("The pauses of a UDP tracker are 15·2ⁿ s, up to 3840 s, with jitter")
  mutating func backOffOverUDP() {
    var list = list([["udp://a:1"]])
    var now = 0.0
    for failure in 0..<12 {
      #expect(list.next(now: now).count == 1)
      list.failed(0, "no answer in time", now: now, using: &generator)
      #expect(list.next(now: now) == [])
      let nominal = 15 * Double(1 << min(failure, 8))
      #expect(list.deadline - now >= nominal * 0.75 && list.deadline - now <= nominal * 1.25)
      now = list.deadline
    }
  }
}
