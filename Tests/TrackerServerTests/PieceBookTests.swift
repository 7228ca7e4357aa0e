import Addresses
import Digest
import Testing
import TrackerProtocol

@testable import TrackerServer

@Suite("Who has which pieces")
struct PieceBookTests {
  private func have(_ text: String) -> ExtensionQuery {
    var query = ExtensionQuery()
    query.have = PieceSet(text.utf8)
    return query
  }

  private func query(got: String? = nil, lost: String? = nil, need: [Int] = []) -> ExtensionQuery {
    var query = ExtensionQuery()
    query.got = got.flatMap { PieceSet($0.utf8) }
    query.lost = lost.flatMap { PieceSet($0.utf8) }
    query.need = need
    return query
  }

  @Test("What clients have, got and lost decides who is named, but never the asker")
  func holders() {
    let book = PieceBook()
    _ = book.take(have("0-9"), of: endpoint(1), in: hash(1), now: 0)
    _ = book.take(have("5-"), of: endpoint(2), in: hash(1), now: 0)
    _ = book.take(have("3"), of: endpoint(3, isV6: true), in: hash(2), now: 0)
    var asker: UInt32 = 10
    func ask(_ pieces: Int...) -> [Int: Set<Endpoint>] {
      asker += 1
      let answer = book.take(query(need: pieces), of: endpoint(Int(asker)), in: hash(1), now: asker)
      return answer.holders.mapValues { Set($0) }
    }
    #expect(ask(3, 7, 5000) == [3: [endpoint(1)], 7: [endpoint(1), endpoint(2)], 5000: [endpoint(2)]])
    _ = book.take(query(lost: "7,9"), of: endpoint(1), in: hash(1), now: 1)
    _ = book.take(query(got: "3"), of: endpoint(2), in: hash(1), now: 1)
    #expect(ask(3, 7) == [3: [endpoint(1), endpoint(2)], 7: [endpoint(2)]])
    #expect(book.take(query(need: [7]), of: endpoint(2), in: hash(1), now: 1).holders == [:])
    book.leave(endpoint(2), hash(1))
    #expect(ask(7) == [:])
  }

  @Test("Deltas of a client that is not known are answered with a wish for all of it")
  func wantsAll() {
    let book = PieceBook()
    #expect(book.take(query(got: ""), of: endpoint(1), in: hash(1), now: 0).wantsAll)
    #expect(book.take(ExtensionQuery(), of: endpoint(2), in: hash(1), now: 0) == PieceBook.Answer())
    #expect(!book.take(have("1"), of: endpoint(1), in: hash(1), now: 0).wantsAll)
    #expect(!book.take(query(got: "2"), of: endpoint(1), in: hash(1), now: 0).wantsAll)
  }

  @Test("A client may ask once an interval, and gets no more holders than the limit, each as often")
  func limits() {
    var limits = PieceBook.Limits()
    limits.holders = 3
    let book = PieceBook(limits: limits)
    for number in 0..<12 { _ = book.take(have("1"), of: endpoint(number), in: hash(1), now: 0) }
    #expect(book.take(query(need: [1]), of: endpoint(50), in: hash(1), now: 100).holders[1]?.count == 3)
    #expect(book.take(query(need: [1]), of: endpoint(50), in: hash(1), now: 159).holders == [:])
    #expect(book.take(query(need: [1]), of: endpoint(50), in: hash(1), now: 160).holders[1]?.count == 3)
    var named: [Endpoint: Int] = [:]
    for number in 0..<1200 {
      let answer = book.take(query(need: [1]), of: endpoint(1000 + number), in: hash(1), now: 200)
      for holder in answer.holders[1] ?? [] { named[holder, default: 0] += 1 }
    }
    #expect(named.count == 12)
    #expect(named.values.allSatisfy { (200...400).contains($0) }, "\(named)")
  }

  @Test("Memory is bounded, and given back when clients leave or are silent")
  func memory() {
    var limits = PieceBook.Limits()
    limits.memory = 64 << 10
    limits.peersPerTorrent = 5
    let book = PieceBook(limits: limits, shards: 1)
    let bits = PieceSet((0..<10_000).map { $0 * 2..<$0 * 2 + 1 })
    var query = ExtensionQuery()
    query.have = bits
    for number in 0..<100 { _ = book.take(query, of: endpoint(number), in: hash(number), now: 0) }
    #expect(book.memory <= 64 << 10 && book.memory > 48 << 10, "\(book.memory)")
    for number in 0..<100 { book.leave(endpoint(number), hash(number)) }
    #expect(book.memory == 0)
    for number in 0..<9 { _ = book.take(have("1"), of: endpoint(number), in: hash(1), now: 0) }
    let asked = book.take(self.query(need: [1]), of: endpoint(3), in: hash(1), now: 0)
    #expect(asked.holders[1]?.count == 4)
    book.sweep(shard: 0, now: limits.lifetime)
    #expect(book.memory > 0)
    book.sweep(shard: 0, now: limits.lifetime + 1)
    #expect(book.memory == 0)
  }

  @Test("A summary counts who has how much, and what is rarest")
  func summary() {
    let book = PieceBook()
    #expect(book.summary(of: hash(1)) == PieceBook.Summary())
    _ = book.take(have("0-19"), of: endpoint(1), in: hash(1), now: 0)
    _ = book.take(have("0-9,12"), of: endpoint(2), in: hash(1), now: 0)
    _ = book.take(have("0-"), of: endpoint(3), in: hash(1), now: 0)
    let summary = book.summary(of: hash(1))
    #expect(summary.reporting == 3 && summary.highest == 20)
    #expect(summary.counts == [endpoint(1): 20, endpoint(2): 11, endpoint(3): 20])
    #expect(summary.rarest.map(\.piece) == [10, 11, 13, 14, 15, 16, 17, 18, 19, 0])
    #expect(summary.rarest.map(\.holders) == [2, 2, 2, 2, 2, 2, 2, 2, 2, 3])
  }

  @Test("Over HTTP: a client says what it has, another finds it; stock clients see nothing of it")
  func announces() throws {
    let tracker = TestTracker()
    let plain = try tracker.announce("203.0.113.9")
    #expect(plain.extensions == nil)
    let first = try tracker.announce("203.0.113.1", extra: "&x_have=0-9")
    #expect(first.extensions?.pieceInterval == 60 && first.extensions?.holders == [:])
    let second = try tracker.announce("203.0.113.2", extra: "&x_need=4,70")
    #expect(second.extensions?.holders == [4: [Endpoint(IPAddress("203.0.113.1") ?? .anyV4, port: 6881)]])
    _ = try tracker.announce("203.0.113.1", .stopped, extra: "&x_rank=0")
    #expect(try tracker.announce("203.0.113.3", extra: "&x_need=4").extensions?.holders == [:])
  }
}
