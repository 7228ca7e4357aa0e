import Bytes
import Digest
import Testing

@testable import BitTorrent

@Suite struct BlameBookTests {
  /// The digest of the data that `version` stands for.
  private func digest(_ version: UInt8) -> SHA256Digest { SHA256.hash([version].rawBytes) }

  private func digests(_ versions: [UInt8]) -> [SHA256Digest] { versions.map { digest($0) } }

  @Test func `a lone sender is named at once`() {
    var book = BlameBook<String>()
    expect(book.failed(3, senders: ["eve", "eve"], digests: digests([1, 2])), is: ["eve"])
    expect(book.failed(3, senders: [nil, nil], digests: digests([1, 2])), is: [])
  }

  @Test func `who sent other data is named once the piece passes`() {
    var book = BlameBook<String>()
    expect(book.failed(3, senders: ["ann", "eve", nil], digests: digests([1, 9, 3])), is: [])
    expect(book.isOnRecord(3) && !book.isOnRecord(4))
    expect(book.failed(3, senders: ["mal", "ann", nil], digests: digests([8, 2, 3])), is: [])
    expect(Set(book.passed(3, digests: digests([1, 2, 3]))), is: ["eve", "mal"])
    expect(!book.isOnRecord(3) && book.blockCount == 0)
    expect(book.passed(3, digests: digests([1, 2, 3])), is: [])
  }

  @Test func `who sends two versions of a block is named without waiting`() {
    var book = BlameBook<String>()
    expect(book.failed(0, senders: ["ann", "eve"], digests: digests([1, 8])), is: [])
    expect(book.failed(0, senders: ["bob", "eve"], digests: digests([1, 9])), is: ["eve"])
  }

  @Test func `the honest are never named`() {
    // Every assignment of 3 blocks to 3 senders, one of whom lies in any subset of what it sends.
    let senders = ["ann", "bob", "eve"]
    for assignment in 0..<27 {
      let who = [assignment % 3, assignment / 3 % 3, assignment / 9].map { senders[$0] }
      for lies in 1..<8 {
        let isFalse = (0..<3).map { lies >> $0 & 1 == 1 && who[$0] == "eve" }
        guard isFalse.contains(true) else { continue }
        var book = BlameBook<String>()
        let sent = (0..<3).map { UInt8($0) + (isFalse[$0] ? 100 : 0) }
        let first = book.failed(0, senders: who, digests: digests(sent))
        let named = first + (first.isEmpty ? book.passed(0, digests: digests([0, 1, 2])) : [])
        #expect(named == ["eve"])
      }
    }
  }

  @Test func `memory is bounded and the oldest record goes`() {
    var book = BlameBook<Int>(maximumBlocks: 10)
    for piece in 0..<100 {
      _ = book.failed(piece, senders: [1, 2, 3], digests: digests([1, 2, 3]))
      expect(book.blockCount <= 10)
    }
    expect((0..<100).filter { book.isOnRecord($0) }, is: [97, 98, 99])
    var one = BlameBook<Int>()
    for attempt in 0..<50 { _ = one.failed(0, senders: [attempt, -1], digests: digests([0, 1])) }
    #expect(one.blockCount == 8)
  }
}
