import Addresses
import Bytes
import Digest
import JSON
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

extension TestTracker {
  func post(_ path: String, _ body: [UInt8], from address: String = "203.0.113.1") -> HTTPResponse {
    let remote = Endpoint(IPAddress(address) ?? .anyV4, port: 40_000)
    return service.answer(
      HTTPRequest(method: "POST", path: path, query: [], remote: remote, headers: [:], body: body))
  }

  func batch(
    _ entries: [BatchRequest.Entry], rest: BatchRequest.Rest = .none, key: UInt32 = 1,
    from address: String = "203.0.113.1"
  ) throws -> BatchReply {
    let batch = BatchRequest(
      peerID: [UInt8](repeating: 65, count: 20), port: 6881, key: key, entries: entries, rest: rest)
    return try BatchReply(post("/announce", batch.encoded(), from: address).body)
  }
}

@Suite("Batches of announces")
struct BatchTests {
  @Test("Ten thousand torrents join, renew and leave, each in one request")
  func many() throws {
    let tracker = TestTracker()
    let joined = try tracker.batch((0..<10_000).map { .init(infoHash: hash($0), event: .started) })
    #expect(joined.results.count == 10_000 && joined.interval == 1800 && joined.remembered == 10_000)
    #expect(tracker.service.core.table.statistics.seeds == 10_000)
    tracker.pass(2000)
    // Nothing is listed: all go on.
    #expect(try tracker.batch([], rest: .renew).remembered == 10_000)
    tracker.pass(2000)
    tracker.service.core.sweep(shards: 512)
    #expect(tracker.service.core.table.statistics.seeds == 10_000)
    #expect(try tracker.batch([], rest: .stop).remembered == 0)
    #expect(tracker.service.core.table.statistics.peers == 0)
    #expect(tracker.service.core.extensions.nodes.entries == 0)
  }

  @Test("Each torrent has its own result: counts, peers, holders, refusals")
  func results() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.7", left: 5, extra: "&x_have=3")
    let reply = try tracker.batch([
      .init(infoHash: hash(1), event: .started, left: 9, query: Array("x_need=3".utf8)),
      .init(infoHash: hash(2), event: .started),
    ])
    let holder = Endpoint(IPAddress("203.0.113.7") ?? .anyV4, port: 6881)
    guard case .reply(let first) = reply.results[0], case .reply(let second) = reply.results[1] else {
      throw RequestFault.missing("results")
    }
    #expect((first.seeds, first.leeches) == (0, 2) && first.peers == [holder])
    #expect(first.extensions?.holders == [3: [holder]])
    #expect((second.seeds, second.leeches) == (1, 0) && second.extensions == nil)
    // A table without room takes nobody at the first word, and says so at the second.
    let full = TestTracker { $0.torrents = 0 }
    guard case .refused = try full.batch([.init(infoHash: hash(3))]).results[0] else {
      throw RequestFault.missing("a refusal")
    }
    let again = try full.batch([.init(infoHash: hash(3))])
    #expect(again.results == [.refused(TrackerRefusal.tooManyTorrents.reason)] && again.remembered == 0)
    #expect(reply.externalAddress == IPAddress("203.0.113.1") && reply.remembered == 2)
  }

  @Test("What is listed counts before the rest, and what completes is counted once")
  func rest() throws {
    let tracker = TestTracker()
    _ = try tracker.batch((0..<4).map { .init(infoHash: hash($0), event: .started, left: 1) })
    let reply = try tracker.batch(
      [.init(infoHash: hash(0), event: .completed), .init(infoHash: hash(1), event: .stopped)], rest: .renew)
    #expect(reply.remembered == 3)
    #expect(tracker.service.core.scrape(hash(0)) == SwarmCounts(seeds: 1, downloaded: 1, downloaders: 0))
    #expect(tracker.service.core.scrape(hash(1)).leeches == 0)
    #expect(tracker.service.core.scrape(hash(3)).leeches == 1)
  }

  @Test("Nobody ends what another key or another address has announced")
  func keys() throws {
    let tracker = TestTracker()
    _ = try tracker.batch((0..<4).map { .init(infoHash: hash($0), event: .started) })
    _ = try tracker.batch([], rest: .stop, key: 2)
    _ = try tracker.batch([], rest: .stop, from: "203.0.113.2")
    #expect(tracker.service.core.table.statistics.seeds == 4)
  }

  @Test("A node book that is full remembers nobody new, and forgets who is silent")
  func bounded() {
    var limits = NodeBook.Limits()
    limits.entries = 10
    let book = NodeBook(limits: limits)
    func join(_ node: Int, _ count: Int) -> Int {
      let torrents = Dictionary(uniqueKeysWithValues: (0..<count).map { (hash($0), true) })
      return book.take(endpoint(node), key: nil, joined: torrents, left: [], isWhole: false, now: 0)
    }
    #expect(join(1, 6) == 6 && join(2, 6) == 0 && join(3, 4) == 4 && book.entries == 10)
    book.sweep(now: limits.lifetime + 1)
    #expect(book.entries == 0)
  }

  @Test("The same as JSON, for people and scripts")
  func json() throws {
    let tracker = TestTracker()
    let body = """
      {"peer_id": "-XX0000-abcdefghijkl", "port": 7000, "torrents": [
        {"info_hash": "\(hash(1))", "event": "started", "left": 10, "x_have": "0-3"},
        {"info_hash": "\(hash(2))"}]}
      """
    let response = tracker.post("/announce", Array(body.utf8))
    #expect(response.status == 200 && response.contentType == "application/json")
    let answer = try JSONValue(utf8: response.body)
    #expect(answer["torrents"]?.array?.count == 2 && answer["remembered"] == 2)
    #expect(answer["torrents"]?.array?[0]["leeches"] == 1)
    let asked = try tracker.announce("203.0.113.2", extra: "&x_need=2")
    #expect(asked.extensions?.holders[2]?.first?.port == 7000)
    for wrong in ["{", "{}", "{\"peer_id\":\"x\",\"port\":1}"] {
      #expect(tracker.post("/announce", Array(wrong.utf8)).status == 400)
    }
    #expect(throws: TrackerFault.self) { try BatchReply(tracker.post("/announce", []).body) }
  }
}
