import Bytes
import Testing

@testable import UTP

/// The layout of BEP 29, byte for byte.
@Suite struct PacketTests {
  static let vectors: [(bytes: String, header: UTPHeader, selective: Range<Int>, payload: Range<Int>)] = [
    (
      "41002f8a" + "00112233" + "00000000" + "00100000" + "00010000",
      UTPHeader(
        type: .syn, connectionID: 0x2f8a, timestamp: 0x112233, window: 1 << 20, sequence: 1, acknowledged: 0),
      0..<0, 20..<20
    ),
    (
      "01002f8b" + "fffffff0" + "0000beef" + "00000000" + "ffff0001" + "68656c6c6f",
      UTPHeader(
        type: .data, connectionID: 0x2f8b, timestamp: 0xffff_fff0, difference: 0xbeef, window: 0,
        sequence: 0xffff, acknowledged: 1), 0..<0, 20..<25
    ),
    (
      "21012f8a" + "00000001" + "00000002" + "00000003" + "00040005" + "0004" + "01000080",
      UTPHeader(
        type: .state, connectionID: 0x2f8a, timestamp: 1, difference: 2, window: 3, sequence: 4,
        acknowledged: 5), 22..<26, 26..<26
    ),
    (
      // As libtorrent has it: only as many bytes of bits as it needs.
      "21012f8a" + "00000001" + "00000002" + "00000003" + "00040005" + "0001" + "3f",
      UTPHeader(
        type: .state, connectionID: 0x2f8a, timestamp: 1, difference: 2, window: 3, sequence: 4,
        acknowledged: 5), 22..<23, 23..<23
    ),
    (
      // An unknown extension in front of the selective acknowledgement.
      "11022f8a" + "00000001" + "00000002" + "00000003" + "00040005" + "0103616263" + "000400000001",
      UTPHeader(
        type: .fin, connectionID: 0x2f8a, timestamp: 1, difference: 2, window: 3, sequence: 4,
        acknowledged: 5), 27..<31, 31..<31
    ),
    (
      "31002f8a" + "00000001" + "00000002" + "00000003" + "00040005",
      UTPHeader(
        type: .reset, connectionID: 0x2f8a, timestamp: 1, difference: 2, window: 3, sequence: 4,
        acknowledged: 5), 0..<0, 20..<20
    ),
  ]

  @Test("packets are read as the BEP has them", arguments: vectors.indices)
  func reads(index: Int) throws {
    let vector = Self.vectors[index]
    let bytes = try #require([UInt8](hexadecimal: vector.bytes))
    let parsed = UTPPacket(bytes.rawBytes)
    let packet = try #require(parsed)
    #expect(packet.header == vector.header)
    #expect(packet.selective == vector.selective)
    #expect(packet.payload == vector.payload)
    let isPrefix = UTPPacket.isPrefix(bytes.rawBytes)
    #expect(isPrefix)
    var again = [UInt8](repeating: 0, count: 20)
    again.withUnsafeMutableBytes { vector.header.write(to: $0, extension: bytes[1]) }
    #expect(again == Array(bytes[..<20]))
  }

  @Test(
    "what is no packet is refused",
    arguments: [
      "", "41002f8a" + "00112233" + "00000000" + "00100000" + "000100",
      "42002f8a" + "00112233" + "00000000" + "00100000" + "00010000",
      "51002f8a" + "00112233" + "00000000" + "00100000" + "00010000",
      // Extensions that end too early.
      "21012f8a" + "00000001" + "00000002" + "00000003" + "00040005",
      "21012f8a" + "00000001" + "00000002" + "00000003" + "00040005" + "0004" + "010000",
    ])
  func refuses(text: String) throws {
    let bytes = try #require([UInt8](hexadecimal: text))
    let packet = UTPPacket(bytes.rawBytes)
    #expect(packet == nil)
  }

  @Test(
    "padding is passed over, whatever its size", arguments: [12, 13, 266, 267, 268, 269, 524, 525, 65_000])
  func pads(count: Int) throws {
    var bytes = [UInt8](repeating: 0xff, count: 20 + count + 3)
    bytes.withUnsafeMutableBytes {
      Self.vectors[1].header.write(to: $0, extension: LargestDatagram.number)
      Padding.write(to: $0, count, largest: 9000)
    }
    let parsed = UTPPacket(bytes.rawBytes)
    let packet = try #require(parsed)
    #expect(packet.payload == 20 + count..<bytes.count)
    #expect(packet.header == Self.vectors[1].header)
    #expect(packet.selective.isEmpty)
    #expect(packet.largestDatagram == 9000)
    #expect(bytes[1] <= 2, "older libutp takes nothing else for a packet")
  }

  @Test("datagrams of others are told apart")
  func others() {
    for bytes in [
      Array("d1:ad2:id20:abcdefghij0123456789".utf8), [0, 0, 0, 1] + [UInt8](repeating: 7, count: 20),
    ] {
      let isPrefix = UTPPacket.isPrefix(bytes.rawBytes)
      #expect(!isPrefix)
    }
  }

  @Test("distances go around the wrap")
  func wraps() {
    #expect(distance(3, from: 65_534) == 5)
    #expect(distance(65_534, from: 3) == -5)
    var history = DelayHistory()
    #expect(history.add(5, now: 0) == 0)
    #expect(history.add(0xffff_fffe, now: 1) == 7)
    #expect(history.queueing(9) == 11)
    for step in 1...7 as ClosedRange<UInt64> { _ = history.add(100, now: step * 20_000_001) }
    #expect(history.base == 100, "what is older than two minutes is forgotten")
  }
}
