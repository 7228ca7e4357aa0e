import Addresses
import EventLoop
import Testing

@testable import BitTorrent

@Suite struct PeerBookTests {
  var random = SeededGenerator(seed: 7)
  let start = Instant(nanoseconds: 1_000_000_000_000)

  func endpoint(_ host: Int, port: UInt16 = 6881) throws -> Endpoint {
    try #require(Endpoint("10.0.0.\(host):\(port)"))
  }

  @Test mutating func eachPeerIsGivenOnceWhileInUse() throws {
    var book = PeerBook()
    for host in 1...3 { book.add(try endpoint(host), from: .tracker) }
    var given: Set<Endpoint> = []
    while let candidate = book.next(now: start, using: &random) { given.insert(candidate.endpoint) }
    #expect(given == Set(try (1...3).map { try endpoint($0) }))
  }

  @Test(arguments: ["0.0.0.0:80", "10.0.0.1:0", "224.0.0.1:80", "[::]:80", "[ff02::1]:80"])
  func addressesThatNoPeerCanHaveAreRefused(_ text: String) throws {
    var book = PeerBook()
    book.add(try #require(Endpoint(text)), from: .tracker)
    #expect(book.count == 0)
  }

  @Test mutating func failedPeersComeBackLaterEachTime() throws {
    var book = PeerBook()
    let peer = try endpoint(1)
    book.add(peer, from: .tracker)
    var now = start
    var waits: [Double] = []
    for _ in 0..<6 {
      #expect(book.next(now: now, using: &random)?.endpoint == peer)
      book.failed(peer, now: now, using: &random)
      let next = try #require(book.nextAttempt())
      #expect(book.next(now: next + -0.001, using: &random) == nil)
      waits.append(next.seconds(since: now))
      now = next
    }
    for (index, wait) in waits.enumerated() {
      let base = 5 * Double(1 << index)
      #expect(wait >= base * 0.75 && wait <= base * 1.25)
    }
  }

  @Test mutating func usefulPeersComeBackSoon() throws {
    var book = PeerBook()
    let peer = try endpoint(1)
    book.add(peer, from: .tracker)
    for _ in 0..<5 {
      _ = book.next(now: start, using: &random)
      book.failed(peer, now: start, using: &random)
    }
    book.connected(peer)
    book.disconnected(peer, wasUseful: true, now: start, using: &random)
    #expect(book.next(now: start + 7, using: &random)?.endpoint == peer)
  }

  @Test mutating func peersWithoutFailuresGoFirst() throws {
    var book = PeerBook()
    let (bad, good) = (try endpoint(1), try endpoint(2))
    book.add(bad, from: .tracker)
    _ = book.next(now: start, using: &random)
    book.failed(bad, now: start, using: &random)
    book.add(good, from: .tracker)
    #expect(book.next(now: start + 3600, using: &random)?.endpoint == good)
  }

  @Test mutating func bannedAddressesStayOut() throws {
    var book = PeerBook()
    let (one, other) = (try endpoint(1), try endpoint(1, port: 7000))
    book.add(one, from: .tracker)
    book.add(other, from: .tracker)
    book.ban(one)
    #expect(book.isBanned(other))
    #expect(book.next(now: start, using: &random) == nil)
    book.add(other, from: .user)
    #expect(book.count == 0)
  }

  @Test func onLoopbackOnlyTheEndpointIsBanned() throws {
    var book = PeerBook()
    let one = try #require(Endpoint("127.0.0.1:1000"))
    let other = try #require(Endpoint("127.0.0.1:2000"))
    book.ban(one)
    #expect(book.isBanned(one))
    #expect(!book.isBanned(other))
  }

  @Test mutating func ourOwnAddressIsNotTriedAgain() throws {
    var book = PeerBook()
    let peer = try endpoint(1)
    book.add(peer, from: .tracker)
    book.isSelf(peer)
    book.add(peer, from: .tracker)
    #expect(book.next(now: start, using: &random) == nil)
  }

  @Test mutating func theLeastPromisingMakeRoom() throws {
    var book = PeerBook(limit: 2)
    let (bad, good, new) = (try endpoint(1), try endpoint(2), try endpoint(3))
    book.add(bad, from: .tracker)
    _ = book.next(now: start, using: &random)
    book.failed(bad, now: start, using: &random)
    book.add(good, from: .tracker)
    book.add(new, from: .tracker)
    #expect(book.count == 2)
    var given: Set<Endpoint> = []
    while let candidate = book.next(now: start + 3600, using: &random) { given.insert(candidate.endpoint) }
    #expect(given == [good, new])
  }

  @Test mutating func thoseThatAPersonNamesAreTriedFirst() throws {
    var book = PeerBook()
    for host in 1...20 { book.add(try endpoint(host), from: .tracker) }
    let named = try endpoint(50)
    book.add(named, from: .user)
    #expect(book.next(now: start, using: &random)?.endpoint == named)
  }

  @Test mutating func hearsayDoesNotCrowdOutWhatTrackersSay() throws {
    var book = PeerBook(limit: 10)
    for host in 1...5 {
      let peer = try endpoint(host)
      book.add(peer, from: .tracker)
      book.failed(peer, now: start, using: &random)
    }
    for host in 10...200 { book.add(try endpoint(host), from: .exchange) }
    var known: Set<Endpoint> = []
    while let candidate = book.next(now: start + 3600, using: &random) { known.insert(candidate.endpoint) }
    #expect(known.count == 10)
    for host in 1...5 { #expect(known.contains(try endpoint(host))) }
  }
}

@Suite struct EpochScheduleTests {
  let start = Instant(nanoseconds: 1_000_000_000_000)

  @Test func oneEpochRunsAtATimeWithAllThatWaits() {
    var schedule = EpochSchedule()
    schedule.add(1)
    schedule.add(2)
    #expect(schedule.begin(now: start, atOnce: false) == [1, 2])
    schedule.add(3)
    #expect(schedule.begin(now: start, atOnce: true).isEmpty)
    #expect(!schedule.isIdle)
  }

  @Test(arguments: [(0.001, 0.02), (0.1, 0.1), (3.0, 1.0)])
  func theRestIsAsLongAsTheWorkWithinBounds(_ took: Double, _ rest: Double) throws {
    var schedule = EpochSchedule()
    schedule.add(1)
    _ = schedule.begin(now: start, atOnce: false)
    let end = start + took
    schedule.end(now: end)
    schedule.add(2)
    #expect(abs(try #require(schedule.delay(now: end)) - rest) < 1e-6)
    #expect(schedule.begin(now: end + rest * 0.9, atOnce: false).isEmpty)
    #expect(schedule.begin(now: end + rest * 1.01, atOnce: false) == [2])
  }

  @Test func theLastEpochDoesNotWait() {
    var schedule = EpochSchedule()
    schedule.add(1)
    _ = schedule.begin(now: start, atOnce: false)
    schedule.end(now: start + 1)
    schedule.add(2)
    #expect(schedule.begin(now: start + 1, atOnce: true) == [2])
  }
}

@Suite struct PartialMessageTests {
  @Test func theRestIsReadBehindTheStart() {
    var partial = PartialMessage()
    let start: [UInt8] = [1, 2, 3]
    start.withUnsafeBytes { partial.begin($0, needed: 5) }
    #expect(partial.missing == 2)
    partial.withRoom { room in
      room[0] = 4
      room[1] = 5
    }
    partial.received(2)
    #expect(partial.isWhole)
    #expect(partial.take() == [1, 2, 3, 4, 5])
    #expect(partial.isEmpty)
  }
}
