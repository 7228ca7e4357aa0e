import Addresses
import Bytes
import Digest
import Testing

@testable import TrackerProtocol

/// What docs/EXTENSIONS.md adds to announces, on the wire.
@Suite("Messages of the extensions")
struct ExtensionTests {
  private func hash(_ number: Int) -> InfoHash {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: UInt64(number))
    return SHA1.hash(bytes.rawBytes)
  }

  @Test(
    "A set of pieces as text",
    arguments: [
      ("", "", 0), ("5", "5", 1), ("0-99,105", "0-99,105", 101), ("7,3,4,5", "3-5,7", 4),
      ("10-20,15-30,31", "10-31", 22), ("1048570-", "1048570-", 6), ("0-", "0-", 1 << 20),
    ])
  func text(given: String, canonical: String, count: Int) throws {
    let set = try #require(PieceSet(given.utf8))
    #expect(set.text == canonical)
    #expect(set.count == count)
    #expect(PieceSet(bitmap: set.bitmap) == set)
  }

  @Test(
    "What is no set of pieces",
    arguments: ["-", "5-3", "1-2-3", "a", "1,", ",1", "1048576", "99999999999999999999"])
  func noSet(text: String) { #expect(PieceSet(text.utf8) == nil) }

  @Test("Sets behave as sets do, in either form", arguments: 0..<40 as Range<UInt64>)
  func model(seed: UInt64) throws {
    var random = Generator(state: seed)
    let size = [10, 70, 500, 3000][Int(seed % 4)]
    func some() -> Set<Int> {
      let density = Int.random(in: 1...100, using: &random)
      return Set((0..<size).filter { _ in Int.random(in: 0..<100, using: &random) < density })
    }
    let (one, other) = (some(), some())
    func set(_ pieces: Set<Int>) -> PieceSet { PieceSet(pieces.map { $0..<$0 + 1 }) }
    let (first, second) = (set(one), set(other))
    #expect(first.count == one.count)
    for piece in -1...size { #expect(first.contains(piece) == one.contains(piece)) }
    #expect(first.union(second) == set(one.union(other)))
    #expect(first.subtracting(second) == set(one.subtracting(other)))
    #expect(first.ranges.lazy.joined().elementsEqual(one.sorted()))
    #expect(PieceSet(first.text.utf8) == first)
    #expect(PieceSet(bitmap: first.bitmap) == first)
    #expect(first.upperBound == (one.max() ?? -1) + 1)
    // Never much more than a bit a piece up to the last.
    #expect(first.memory <= 32 + (size + 63) / 64 * 8 + 64)
    var field = Bitfield(count: size)
    for piece in one { field[piece] = true }
    #expect(PieceSet(field) == first)
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 31
    }
  }

  @Test("The keys of an announce come back as they went")
  func query() throws {
    var query = ExtensionQuery()
    query.isRanked = true
    query.bandwidth = 1_000_000
    query.name = "Zoë's box"
    query.have = PieceSet([0..<5, 9..<10])
    query.got = PieceSet([1..<2])
    query.lost = PieceSet()
    query.need = [7, 12]
    #expect(ExtensionQuery(query: Array("port=1&\(query.query)&left=0".utf8)) == query)
    // Many single pieces go as a bitmap.
    query.have = PieceSet((0..<500).map { $0 * 3..<$0 * 3 + 1 })
    #expect(query.query.contains("x_bits="))
    #expect(ExtensionQuery(query: Array(query.query.utf8)) == query)
  }

  @Test("An announce without such keys has none, and nonsense is passed over")
  func noQuery() {
    #expect(ExtensionQuery(query: Array("info_hash=x_rank&port=1&max_x=2".utf8)) == nil)
    #expect(ExtensionQuery(query: []) == nil)
    let odd = "x_=1&x_have=9-1&x_bw=-4&x_name=a%0Ab&x_need=1,2,3-900&x_rank=2&x_else=1&x_bits=%zz"
    let query = ExtensionQuery(query: Array(odd.utf8))
    var expected = ExtensionQuery()
    expected.need = Array(1...16)
    #expect(query == expected)
  }

  @Test("What a tracker offers comes back in any reply, and stock readers see the rest of it unchanged")
  func replyExtensions() throws {
    var offer = ReplyExtensions()
    offer.batch = 10_000
    offer.pieceInterval = 60
    offer.isRanked = true
    offer.wantsAll = true
    let one = Endpoint(IPAddress(v4: 0xc000_0201), port: 1)
    let two = try #require(Endpoint("[2001:db8::1]:2"))
    offer.holders = [7: [one, two], 12: []]
    var reply = AnnounceReply(
      interval: 1800, seeds: 1, leeches: 2, peersV4: [1, 2, 3, 4, 0, 5], warning: "w")
    reply.extensions = offer
    for compact in [true, false] { #expect(try AnnounceReply(reply.encoded(compact: compact)) == reply) }
    var plain = reply
    plain.extensions = nil
    let text = String(decoding: reply.encoded(compact: true), as: UTF8.self)
    #expect(text.hasPrefix(String(decoding: plain.encoded(compact: true).dropLast(), as: UTF8.self)))
  }

  @Test("A batch comes back as it went, a seed in 21 bytes")
  func batch() throws {
    let events = AnnounceEvent.allCases
    let entries = (0..<200).map { number in
      BatchRequest.Entry(
        infoHash: hash(number), event: events[number % events.count],
        uploaded: number % 3 == 0 ? UInt64(number) << 20 : 0, downloaded: number % 5 == 0 ? .max : 0,
        left: number % 2 == 0 ? 0 : UInt64(number), wanted: number % 7 == 0 ? number : nil,
        query: number % 11 == 0 ? Array("x_rank=1".utf8) : [])
    }
    let batch = BatchRequest(
      peerID: Array("-AP0100-abcdefghijkl".utf8), port: 6881, key: 9, entries: entries, rest: .renew)
    #expect(try BatchRequest(batch.encoded(), limit: 200) == batch)
    #expect(throws: RequestFault.malformed("torrents")) { try BatchRequest(batch.encoded(), limit: 199) }
    var seeds = batch
    seeds.entries = (0..<10_000).map { BatchRequest.Entry(infoHash: hash($0)) }
    #expect(seeds.encoded().count < 10_000 * 21 + 200)
  }

  @Test("The answer to a batch comes back as it went")
  func batchReply() throws {
    var first = AnnounceReply(
      interval: 60, minimumInterval: 30, seeds: 1000, leeches: 3, peersV4: [1, 2, 3, 4, 0, 5],
      externalAddress: IPAddress(v4: 5))
    first.extensions = ReplyExtensions()
    first.extensions?.holders = [4: [Endpoint(IPAddress(v4: 0x0102_0304), port: 9)]]
    let second = AnnounceReply(
      interval: 60, minimumInterval: 30, seeds: 0, leeches: 0, externalAddress: IPAddress(v4: 5))
    let reply = BatchReply(
      interval: 60, minimumInterval: 30, externalAddress: IPAddress(v4: 5), remembered: 3,
      results: [.reply(first), .refused("no"), .reply(second)])
    #expect(try BatchReply(reply.encoded()) == reply)
    #expect(throws: TrackerFault.refused(reason: "no", retryIn: nil)) {
      try BatchReply(TrackerFault.encoded(reason: "no"))
    }
  }

  @Test("Batches that are cut off or wrong are refused, never read beyond their end", arguments: 0..<3)
  func malformedBatch(kind: Int) throws {
    let request = BatchRequest(
      peerID: [UInt8](repeating: 65, count: 20), port: 1,
      entries: [
        .init(infoHash: hash(1), event: .started, uploaded: 1 << 40, left: 3, wanted: 5, query: [120, 95])
      ]
    ).encoded()
    let reply = BatchReply(
      interval: 1, results: [.reply(AnnounceReply(interval: 1, peersV4: [1, 2, 3, 4, 5, 6])), .refused("x")]
    ).encoded()
    for cut in 0..<request.count {
      var bytes = Array(request.prefix(cut))
      if kind == 1 { bytes += [UInt8](repeating: 255, count: request.count - cut) }
      if kind == 2 { bytes = Array(request[..<cut] + request[(cut + 1)...]) }
      _ = try? BatchRequest(bytes, limit: 10)
    }
    for cut in 0..<reply.count {
      var bytes = Array(reply.prefix(cut))
      if kind == 1 { bytes += [UInt8](repeating: 255, count: reply.count - cut) }
      if kind == 2 { bytes = Array(reply[..<cut] + reply[(cut + 1)...]) }
      _ = try? BatchReply(bytes)
    }
  }
}
