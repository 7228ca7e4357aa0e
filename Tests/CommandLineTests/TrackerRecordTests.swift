import Testing

@testable import apus

/// What `apus doctor` reads in the DNS (BEP 34).
@Suite struct TrackerRecordTests {
  @Test(
    arguments: [
      (
        "BITTORRENT UDP:6969 TCP:80",
        TrackerRecord.ports([.init(isUDP: true, port: 6969), .init(isUDP: false, port: 80)])
      ),
      ("BITTORRENT", .denied), ("BITTORRENT DENY ALL", .denied), ("BITTORRENT UDP:0 TCP:x later:9", .denied),
      ("BITTORRENT new UDP:1", .ports([.init(isUDP: true, port: 1)])), ("v=spf1 -all", nil), ("", nil),
      ("bittorrent UDP:1", nil),
    ] as [(String, TrackerRecord?)])
  func recordsAreThoseOfTheBEP(text: String, record: TrackerRecord?) {
    #expect(TrackerRecord(text) == record)
  }

  @Test func theRecordThatIsAdvisedReadsBack() {
    let text = TrackerRecord.text(ports: [80, 6969])
    #expect(text == "BITTORRENT UDP:80 UDP:6969 TCP:80 TCP:6969")
    let finding = Examination.judge(TrackerRecord(text), "t.example", ports: [6969, 80], "")
    #expect(finding.mark == .good)
    #expect(Examination.judge(TrackerRecord(text), "t.example", ports: [6969], "").mark == .poor)
    #expect(Examination.judge(TrackerRecord(text), "t.example", ports: [80, 6969, 1], "").mark == .poor)
    #expect(Examination.judge(.denied, "t.example", ports: [80], "").mark == .bad)
    #expect(Examination.judge(nil, "t.example", ports: [80], "").mark == .poor)
  }

  /// An answer with a question, an alias before the text, and a text in two parts.
  private var answer: [UInt8] {
    let header: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]
    let question: [UInt8] = [1, 0x74, 7] + Array("example".utf8) + [0, 0, 16, 0, 1]
    let alias: [UInt8] = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 14]
    let parts: [UInt8] = [11] + Array("BITTORRENT ".utf8) + [8] + Array("UDP:6969".utf8)
    return header + question + alias + [0xc0, 14, 0, 16, 0, 1, 0, 0, 0, 60, 0, UInt8(parts.count)] + parts
  }

  @Test func textsOfAnAnswerArePutTogether() {
    #expect(TextRecords.texts(answer) == ["BITTORRENT UDP:6969"])
  }

  @Test func noAnswerTraps() {
    for count in 0..<answer.count { #expect(TextRecords.texts(Array(answer[..<count])).isEmpty) }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var bytes = answer
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      _ = TextRecords.texts(bytes)
    }
  }
}
