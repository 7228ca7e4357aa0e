import Addresses
import Bytes
import Digest
import Testing

@testable import TrackerProtocol

@Suite("The client of UDP trackers")
struct UDPTrackerClientTests {
  typealias Question = UDPTrackerClient.Question
  let tracker = Endpoint(IPAddress(v4: 0x0a37_0001), port: 6969)
  let reply = AnnounceReply(interval: 60, seeds: 1, leeches: 2)
  var generator = SeededGenerator(state: 1)
  var client = UDPTrackerClient()
  let question = Question.announce(UDPTrackerMessageTests.request, data: [])

  /// What the client has sent, as a tracker reads it.
  mutating func sent() -> [(request: UDPTrackerRequest, transaction: UInt32)] {
    client.takeDatagrams().compactMap { UDPTrackerRequest.decode($0.bytes.rawBytes) }
  }

  mutating func answer(
    _ reply: UDPTrackerReply, _ transaction: UInt32, from source: Endpoint? = nil, now: Double
  ) {
    let bytes = reply.encoded(transaction: transaction, isV6: false)
    client.receive(bytes.rawBytes, from: source ?? tracker, now: now, using: &generator)
  }

  mutating func ask(_ patience: UDPTrackerClient.Patience = .short, now: Double) -> Int {
    client.ask(question, at: tracker, patience: patience, now: now, using: &generator)
  }

  @Test("One connection id serves all questions for a minute, not longer")
  mutating func connectionIsReused() throws {
    let ids = [ask(now: 0), ask(now: 0), ask(now: 0)]
    let connects = sent()
    #expect(connects.map(\.request) == [.connect])
    answer(.connection(42), connects[0].transaction, now: 0.1)
    let announces = sent()
    #expect(announces.count == 3)
    for announce in announces {
      #expect(announce.request == .announce(UDPTrackerMessageTests.request, connection: 42, data: []))
      answer(.announce(reply), announce.transaction, now: 0.2)
    }
    #expect(client.takeOutcomes().map(\.id) == ids)
    _ = ask(now: 60)
    let reused = sent()
    #expect(reused.map(\.request) == [.announce(UDPTrackerMessageTests.request, connection: 42, data: [])])
    answer(.announce(reply), reused[0].transaction, now: 60)
    _ = ask(now: 60.2)
    #expect(sent().map(\.request) == [.connect])
    #expect(client.takeOutcomes().count == 1)
  }

  @Test("A silent tracker is asked at 0, 2 and 6 s and given up at 14 s; in the background once for 15 s")
  mutating func timeouts() {
    for (patience, times, end) in [
      (UDPTrackerClient.Patience.short, [0.0, 2, 6], 14.0), (.long, [100], 115),
    ] {
      var asked: [Double] = []
      let id = ask(patience, now: times[0])
      var now = times[0]
      while client.pending > 0 {
        asked += sent().map { _ in now }
        now = client.deadline
        client.advance(now: now, using: &generator)
      }
      #expect(asked == times && now == end)
      #expect(client.takeOutcomes() == [.init(id: id, result: .failure(.unanswered))])
      #expect(client.deadline == .infinity && sent().isEmpty)
    }
  }

  @Test("A tracker that goes silent after it gave a connection id is asked again with the same number")
  mutating func silentAnnounce() {
    _ = ask(now: 0)
    answer(.connection(1), sent()[0].transaction, now: 1)
    let first = sent()[0]
    #expect(client.deadline == 3)
    client.advance(now: 3, using: &generator)
    let second = sent()[0]
    #expect(first == second)
    #expect(client.deadline == 7)
    client.advance(now: 7, using: &generator)
    client.advance(now: 15, using: &generator)
    #expect(client.takeOutcomes().map(\.result) == [.failure(.unanswered)])
    // The answer that comes now is nobody's.
    answer(.announce(reply), first.transaction, now: 16)
    #expect(client.takeOutcomes().isEmpty && client.strays == 1)
  }

  @Test("Thousands that wait for a dead tracker ask it no more often than one")
  mutating func manyWait() {
    for _ in 0..<1000 { _ = ask(now: 0) }
    for now in [0.5, 1, 1.5] { _ = ask(now: now) }
    var datagrams = sent().count
    while client.pending > 0 {
      client.advance(now: client.deadline, using: &generator)
      datagrams += sent().count
    }
    #expect(datagrams <= 8)
    #expect(client.takeOutcomes().count == 1003)
  }

  @Test("Wrong numbers, wrong sources and rubbish change nothing")
  mutating func spoofed() {
    _ = ask(now: 0)
    let connect = sent()[0].transaction
    let others = [Endpoint(tracker.address, port: 6970), Endpoint(IPAddress(v4: 0x0a37_0002), port: 6969)]
    for other in others { answer(.connection(666), connect, from: other, now: 0.1) }
    for wrong in 1..<1000 as Range<UInt32> { answer(.connection(666), connect &+ wrong, now: 0.1) }
    for count in 0..<8 {
      client.receive([UInt8](repeating: 0, count: count).rawBytes, from: tracker, now: 0.1, using: &generator)
    }
    #expect(sent().isEmpty && client.takeOutcomes().isEmpty && client.strays == 2 + 999 + 8)
    answer(.connection(1), connect, now: 0.2)
    let announce = sent()[0].transaction
    for other in others { answer(.announce(reply), announce, from: other, now: 0.3) }
    answer(.announce(reply), connect, now: 0.3)
    #expect(client.takeOutcomes().isEmpty)
    answer(.announce(reply), announce, now: 0.4)
    #expect(client.takeOutcomes().map(\.result) == [.success(.announce(reply))])
    answer(.announce(reply), announce, now: 0.5)
    #expect(client.takeOutcomes().isEmpty)
  }

  @Test("An answer of the wrong kind and a truncated one end the question")
  mutating func malformed() {
    for bad in 0..<3 {
      _ = ask(now: Double(bad) * 100)
      answer(.connection(1), sent()[0].transaction, now: Double(bad) * 100)
      let transaction = sent()[0].transaction
      switch bad {
      case 0: answer(.scrape([]), transaction, now: 0)
      case 1: answer(.connection(7), transaction, now: 100)
      default:
        var bytes = UDPTrackerReply.announce(reply).encoded(transaction: transaction, isV6: false)
        bytes.removeLast()
        client.receive(bytes.rawBytes, from: tracker, now: 200, using: &generator)
      }
      guard case .failure(.malformed) = client.takeOutcomes().first?.result else {
        Issue.record("taken: \(bad)")
        return
      }
    }
    #expect(client.pending == 0)
  }

  @Test("A refused connection id is renewed once; a refused question is refused")
  mutating func renewed() throws {
    _ = ask(now: 0)
    answer(.connection(1), sent()[0].transaction, now: 0)
    answer(.error("no such torrent"), sent()[0].transaction, now: 0.1)
    #expect(
      client.takeOutcomes().map(\.result) == [.failure(.refused(reason: "no such torrent", retryIn: nil))])
    // The id is from before, the tracker begins anew.
    _ = ask(now: 1)
    let old = sent()
    answer(.error("unknown connection"), old[0].transaction, now: 1)
    let renewal = sent()
    #expect(renewal.map(\.request) == [.connect])
    answer(.connection(2), renewal[0].transaction, now: 1)
    let again = sent()
    #expect(again.map(\.request) == [.announce(UDPTrackerMessageTests.request, connection: 2, data: [])])
    answer(.error("unknown connection"), again[0].transaction, now: 1)
    #expect(client.takeOutcomes().count == 1 && sent().isEmpty)
    // Nor does a tracker that gives no ids at all keep anybody.
    _ = ask(now: 100)
    answer(.error("full"), sent()[0].transaction, now: 100)
    #expect(client.takeOutcomes().map(\.result) == [.failure(.refused(reason: "full", retryIn: nil))])
  }

  @Test("A dead tracker does not delay a living one; what is given up is not asked again")
  mutating func independent() {
    let dead = client.ask(
      question, at: Endpoint(tracker.address, port: 1), patience: .short, now: 0, using: &generator)
    _ = ask(now: 0)
    let connects = client.takeDatagrams()
    #expect(connects.count == 2)
    let connect = connects.first { $0.endpoint == tracker }.flatMap {
      UDPTrackerRequest.decode($0.bytes.rawBytes)
    }
    answer(.connection(1), connect?.transaction ?? 0, now: 0.1)
    answer(.announce(reply), sent()[0].transaction, now: 0.2)
    #expect(client.takeOutcomes().map(\.result) == [.success(.announce(reply))])
    client.cancel(dead)
    client.cancel(dead)
    client.advance(now: 100, using: &generator)
    #expect(client.pending == 0 && sent().isEmpty && client.takeOutcomes().isEmpty)
  }

  @Test("A scrape names the swarms in the order of the question")
  mutating func scrape() {
    let hashes = [UDPTrackerMessageTests.hash, InfoHash([UInt8](repeating: 9, count: 20).rawBytes)]
    _ = client.ask(.scrape(hashes), at: tracker, now: 0, using: &generator)
    answer(.connection(1), sent()[0].transaction, now: 0)
    let question = sent()[0]
    #expect(question.request == .scrape(hashes, connection: 1))
    answer(.scrape([SwarmCounts(seeds: 4), SwarmCounts(leeches: 5)]), question.transaction, now: 0)
    let expected = ScrapeReply(swarms: [hashes[0]: SwarmCounts(seeds: 4), hashes[1]: SwarmCounts(leeches: 5)])
    #expect(client.takeOutcomes().map(\.result) == [.success(.scrape(expected))])
  }

  @Test("Nothing larger than what comes back goes to an address that has not answered")
  mutating func noAmplification() {
    for _ in 0..<20 { _ = ask(now: 0) }
    _ = client.ask(.scrape([UDPTrackerMessageTests.hash]), at: tracker, now: 0, using: &generator)
    for _ in 0..<4 {
      for datagram in client.takeDatagrams() { #expect(datagram.bytes.count == 16) }
      client.advance(now: client.deadline, using: &generator)
    }
  }
}
