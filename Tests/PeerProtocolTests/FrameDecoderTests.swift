import Bytes
import Digest
import PeerProtocol
import Testing

@Suite struct FrameDecoderTests {
  @Test(arguments: Sample.all)
  func roundTrip(sample: Sample) {
    #expect(
      step(sample.bytes, from: 0)
        == .message(sample.message, next: sample.bytes.count))
  }

  @Test(arguments: Sample.all)
  func everyTruncationIsIncomplete(sample: Sample) {
    for count in 0..<sample.bytes.count {
      let step = PeerProtocolTests.step(Array(sample.bytes.prefix(count)))
      #expect(step == .incomplete(needed: count < 4 ? 4 : sample.bytes.count), "\(count) bytes")
    }
  }

  @Test func framesFollowOneAnother() {
    let stream = [0xff, 0xff] + Sample.all.flatMap(\.bytes)
    var offset = 2
    var count = 0
    while case .message(_, let next) = step(stream, from: offset) {
      // Payload ranges are relative to the buffer, so the messages differ from the samples by their offset.
      #expect(next - offset == Sample.all[count].bytes.count)
      offset = next
      count += 1
    }
    #expect(count == Sample.all.count)
    #expect(offset == stream.count)
    #expect(step(stream, from: offset) == .incomplete(needed: 4))
  }

  @Test func payloadsAreRangesIntoTheBuffer() {
    let prefix: [UInt8] = [0, 0, 0, 1, 1]
    let bytes = prefix + Sample.all.filter { $0.name == "piece" }.flatMap(\.bytes)
    guard
      case .message(.piece(let index, let begin, let range), _) = step(bytes, from: 5)
    else {
      Issue.record("no piece")
      return
    }
    #expect((index, begin) == (7, 16384))
    #expect(Array(bytes[range]) == [1, 2, 3, 4, 5])
  }

  @Test(arguments: [
    ("have", "0000000504ffffffff"), ("request", "0000000d06010203040000400000004000"),
    ("bitfield", "00000003058020"), ("port", "00000003091ae1"), ("allowed fast", "000000051100000423"),
    ("have all", "000000010e"), ("have none", "000000010f"), ("suggest", "000000050d00000003"),
    ("reject", "0000000d10010203040000400000004000"), ("donthave", "00000006140700000102"),
    ("extended", "000000051403090807"), ("keep-alive", "00000000"),
  ])
  func bytesAreThoseOfTheBEPs(name: String, hexadecimal: String) {
    #expect(Sample.all.first { $0.name == name }?.bytes.hexadecimal == hexadecimal)
  }

  @Test func hashRequestHasItsFieldsInOrder() {
    let bytes = Sample.all.first { $0.name == "hash request" }?.bytes ?? []
    #expect(bytes.prefix(5).hexadecimal == "0000003115")
    #expect(bytes.dropFirst(37).hexadecimal == "00000004000002000000000200000009")
  }

  /// Lengths one off for each message of a fixed size, found before the payload is there.
  @Test(
    arguments: [
      (0, [2]), (1, [2]), (2, [3]), (3, [2]), (4, [1, 4, 6]), (6, [1, 12, 14]), (7, [1, 8]), (8, [12, 14]),
      (9, [2, 4]), (13, [4, 6]), (14, [2]), (15, [2]), (16, [12, 14]), (17, [4, 6]), (20, [1]),
      (21, [48, 50, 81]), (22, [1, 48, 50, 80]), (23, [48, 50]),
    ] as [(UInt8, [Int])])
  func wrongLengths(id: UInt8, lengths: [Int]) {
    for length in lengths {
      var bytes: [UInt8] = []
      bytes.append(bigEndian: UInt32(length))
      bytes.append(id)
      #expect(
        step(bytes, from: 0) == .violation(.wrongLength(id: id, length: length)))
    }
  }

  @Test(arguments: [FrameDecoder.Limits.standard.frame + 1, 0x8000_0000, 0xffff_ffff])
  func oversizedIsFoundInTheLengthAlone(length: Int) {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: UInt32(length))
    let limit = FrameDecoder.Limits.standard.frame
    #expect(
      step(bytes, from: 0)
        == .violation(.oversizedFrame(length: length, limit: limit)))
  }

  @Test func limitIsConfigurable() {
    let limits = FrameDecoder.Limits(frame: 4)
    #expect(
      step([0, 0, 0, 5, 4, 0, 0, 0, 0], from: 0, limits: limits)
        == .violation(.oversizedFrame(length: 5, limit: 4)))
    #expect(
      step([0, 0, 0, 4, 5, 0, 0, 0], from: 0, limits: limits)
        == .message(.bitfield(5..<8), next: 8))
  }

  @Test func pieceHeaderIsKnownBeforeItsPayload() {
    let block = BlockRequest(piece: 3, begin: 32768, length: 16384)
    var bytes: [UInt8] = [0xee]
    bytes.append(pieceHeader: block)
    #expect(bytes.count == 1 + FrameDecoder.PieceHeader.byteCount)
    let header = pieceHeader(bytes, from: 1)
    #expect(header.map { [$0.piece, $0.begin, $0.length] } == [3, 32768, 16384])
    #expect(step(bytes, from: 1) == .incomplete(needed: 13 + 16384))
    #expect(pieceHeader(bytes, from: 2) == nil)
    #expect(
      pieceHeader(bytes, from: 1, limits: FrameDecoder.Limits(frame: 100)) == nil)
  }

  @Test(arguments: Sample.all.filter { $0.name != "piece" })
  func otherMessagesHaveNoPieceHeader(sample: Sample) {
    let bytes = sample.bytes + [UInt8](repeating: 0, count: 13)
    #expect(pieceHeader(bytes, from: 0) == nil)
  }

  /// Ranges always lie inside the buffer, whatever comes.
  @Test func garbageNeverCrashes() {
    var generator = SeededGenerator(state: 6)
    var messages = 0
    var violations = 0
    for _ in 0..<100_000 {
      var bytes = (0..<Int.random(in: 0..<96, using: &generator)).map { _ in
        UInt8.random(in: .min ... .max, using: &generator)
      }
      // Most lengths of four random bytes are too large to get any further.
      if bytes.count >= 5, Bool.random(using: &generator) {
        bytes.replaceSubrange(0..<3, with: [0, 0, 0])
        bytes[3] %= 64
        bytes[4] %= 24
      }
      var offset = 0
      scan: while true {
        switch step(bytes, from: offset) {
        case .message(let message, let next):
          if case .piece(_, _, let range) = message { #expect(range.upperBound == next) }
          if case .extended(_, let range) = message {
            #expect(range.upperBound == next)
            _ = try? extensionHandshake(Array(bytes[range]))
          }
          #expect(next > offset && next <= bytes.count)
          offset = next
          messages += 1
        case .incomplete(let needed):
          #expect(needed > bytes.count - offset)
          break scan
        case .violation(let violation):
          #expect(!violation.description.isEmpty)
          violations += 1
          break scan
        }
      }
    }
    #expect(messages > 1000)
    #expect(violations > 1000)
  }
}
