import Bytes
import PeerProtocol
import Testing

private func decode(_ bytes: [UInt8]) throws(Violation) -> MetadataMessage {
  try MetadataMessage(bytes.rawBytes)
}

private func decode(_ text: String) throws(Violation) -> MetadataMessage { try decode([UInt8](text.utf8)) }

/// The messages of BEP 9.
@Suite struct MetadataMessageTests {
  @Test func theRequestOfTheSpecification() throws {
    #expect(try decode("d8:msg_typei0e5:piecei0ee") == .request(piece: 0))
  }

  @Test func theDataOfTheSpecification() throws {
    let head = "d8:msg_typei1e5:piecei0e10:total_sizei34256ee"
    let data = [UInt8](repeating: 7, count: 1000)
    let start = head.utf8.count
    #expect(
      try decode([UInt8](head.utf8) + data) == .data(piece: 0, total: 34256, start..<start + data.count))
  }

  @Test func theRejectOfTheSpecification() throws {
    #expect(try decode("d8:msg_typei2e5:piecei0ee") == .reject(piece: 0))
  }

  @Test func unknownTypesAreForLaterVersions() throws {
    #expect(try decode("d8:msg_typei3ee") == .unknown(type: 3))
    #expect(try decode("d8:msg_typei-1e5:piecei0ee") == .unknown(type: -1))
  }

  @Test func keysMayComeInAnyOrderAndMoreOfThem() throws {
    #expect(try decode("d5:piecei4e5:extrale8:msg_typei0ee") == .request(piece: 4))
  }

  @Test(arguments: [
    "", "i0e", "le", "de", "d8:msg_type1:0e", "d8:msg_typei0ee", "d8:msg_typei0e5:piecei-1ee",
    "d8:msg_typei0e5:piecei16777216ee", "d8:msg_typei1e5:piecei0e10:total_sizei9ee",
    "d8:msg_typei1e5:piecei0eex", "d8:msg_typei1e5:piecei0e10:total_sizei0eex",
    "d8:msg_typei1e5:piecei0e10:total_sizei-5eex", "d8:msg_typei0e5:piecei0e", "d8:msg_type",
    "d8:msg_typei0e5:piecei9223372036854775808ee",
  ])
  func whatCannotBeIsAViolation(_ text: String) {
    #expect(throws: Violation.malformedExtension(name: "ut_metadata")) { try decode(text) }
  }

  @Test func moreThanAPieceIsAViolation() {
    let head = [UInt8]("d8:msg_typei1e5:piecei0e10:total_sizei99999ee".utf8)
    #expect(throws: Violation.self) { try decode(head + [UInt8](repeating: 0, count: 16385)) }
  }

  @Test func framesAreReadBack() throws {
    let metadata = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
    var bytes: [UInt8] = []
    bytes.append(metadataRequest: 2, id: 9)
    bytes.append(metadataReject: 1, id: 9)
    for piece in 0..<4 { bytes.append(metadata: metadata, piece: piece, id: 9) }
    var messages: [MetadataMessage] = []
    var copy: [UInt8] = []
    var offset = 0
    while case .message(.extended(let id, let range), let next) = step(bytes, from: offset) {
      #expect(id == 9)
      let payload = Array(bytes[range])
      messages.append(try decode(payload))
      if case .data(_, 40_000, let data) = messages[messages.count - 1] { copy += payload[data] }
      offset = next
    }
    // There is no fourth piece.
    #expect(messages.count == 5 && offset == bytes.count)
    #expect(Array(messages.prefix(2)) == [.request(piece: 2), .reject(piece: 1)])
    #expect(copy == metadata)
  }

  @Test(arguments: [(1, 1), (16384, 1), (16385, 2), (32768, 2), (40_000, 3)])
  func piecesCoverTheWhole(_ size: Int, _ count: Int) {
    #expect(MetadataMessage.pieceCount(size) == count)
    let ranges = (0..<count).compactMap { MetadataMessage.range(of: $0, size: size) }
    #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == size)
    for pair in zip(ranges, ranges.dropFirst()) { #expect(pair.0.upperBound == pair.1.lowerBound) }
    #expect(MetadataMessage.range(of: count, size: size) == nil)
    #expect(MetadataMessage.range(of: -1, size: size) == nil)
  }
}
