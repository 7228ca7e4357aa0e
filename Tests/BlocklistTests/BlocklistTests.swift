import Addresses
import Bytes
import CZlib
import Testing

@testable import Blocklist

/// Whole lists: what they block, what they cost, what of them is bad.
@Suite struct BlocklistTests {
  static func read(_ text: String, limits: BlocklistLimits = .init()) throws -> (Blocklist, BlocklistReport) {
    try read([Array(text.utf8)], limits: limits)
  }

  static func read(_ parts: [[UInt8]], limits: BlocklistLimits = .init()) throws -> (
    Blocklist, BlocklistReport
  ) {
    var reader = BlocklistReader(limits: limits)
    for part in parts { try reader.take(part.rawBytes) }
    let report = try reader.endOfList()
    return (reader.blocklist(), report)
  }

  static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  @Test func bothEndsOfARangeAreIn() throws {
    let (list, _) = try Self.read(
      "10.0.0.5-10.0.0.9\n10.0.0.20/30\n2001:db8:1::/48\n2001:db8:5::7-2001:db8:5::9")
    let inside = [
      "10.0.0.5", "10.0.0.9", "10.0.0.20", "10.0.0.23", "2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff",
      "2001:db8:5::7", "2001:db8:5::9",
    ]
    let outside = [
      "10.0.0.4", "10.0.0.10", "10.0.0.19", "10.0.0.24", "0.0.0.0", "255.255.255.255", "2001:db8:0:ffff::1",
      "2001:db8:2::", "2001:db8:5::6", "2001:db8:5::a", "::", "::a00:5",
    ]
    for text in inside { #expect(list.contains(try Self.address(text)), "\(text)") }
    for text in outside { #expect(!list.contains(try Self.address(text)), "\(text)") }
  }

  @Test func rangesThatTouchAreOne() throws {
    let (list, report) = try Self.read("10.0.0.0/25\n10.0.0.128/25\n10.0.0.7\n10.0.1.0-10.0.1.1\n10.0.0.0/24")
    #expect(report.ranges == 5)
    #expect(list.rangeCount == 1)
    #expect(try list.contains(Self.address("10.0.1.1")) && !list.contains(Self.address("10.0.1.2")))
  }

  @Test func theLastAddressHasNoNeighbour() throws {
    let (list, _) = try Self.read(
      "255.255.255.255\n255.255.255.254\nffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    #expect(try list.contains(Self.address("255.255.255.255")))
    #expect(try list.contains(Self.address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")))
    #expect(list.rangeCount == 2)
  }

  /// Against a list of all ranges that is gone through one by one.
  @Test(arguments: 0..<8)
  func agreesWithAModel(seed: Int) throws {
    var random = SystemRandomNumberGenerator()
    var ranges: [(UInt128, UInt128)] = []
    var set = RangeSet()
    for _ in 0..<200 {
      let isV4 = Bool.random(using: &random)
      let base: UInt128 =
        isV4
        ? 0xffff_0000_0000 | UInt128(UInt32.random(in: 0...4000, using: &random))
        : 0x2001 << 112 | UInt128(UInt64.random(in: 0...9, using: &random)) << 64
          | UInt128([0, 1, .max, .random(in: 0 ... .max, using: &random)].randomElement(using: &random) ?? 0)
      let reach =
        isV4
        ? UInt128(UInt32.random(in: 0...30, using: &random))
        : UInt128([0, 5, 1 << 33, .max].randomElement(using: &random) ?? 0) * UInt128.random(in: 0...2)
      guard let range = AddressRange(base, base + reach) else { continue }
      ranges.append((range.first, range.last))
      set.insert(range)
    }
    let list = Blocklist(set)
    var probes = ranges.flatMap { [$0.0, $0.1, $0.0 &- 1, $0.1 &+ 1] }
    probes += (0..<300).map { _ in 0xffff_0000_0000 | UInt128.random(in: 0...4100, using: &random) }
    for probe in probes {
      var bytes: [UInt8] = []
      bytes.append(bigEndian: UInt64(probe >> 64))
      bytes.append(bigEndian: UInt64(truncatingIfNeeded: probe))
      let expected = ranges.contains { $0.0 <= probe && probe <= $0.1 }
      #expect(list.contains(IPAddress(bytes.rawBytes, at: 0, isV6: true)) == expected)
    }
  }

  @Test func malformedLinesAreCountedAndShown() throws {
    let long = String(repeating: "x", count: 5000)
    let text =
      "# head\n1.2.3.4\nnonsense \u{1}here\n\n1.2.3.6 - 1.2.3.7 , 200 , ok\n\(long)\n5.6.7.8\n1.2.3.300"
    let (list, report) = try Self.read(text)
    #expect(report.ranges == 2)
    #expect(report.allowed == 1)
    #expect(report.malformed == 3)
    #expect(report.faults.map(\.line) == [3, 6, 8])
    #expect(report.faults[0].text == "nonsense  here")
    #expect(report.faults[1].text.count == 80)
    #expect(try list.contains(Self.address("5.6.7.8")))
  }

  @Test(arguments: [1, 2, 3, 7, 64])
  func linesMayBeCutAnywhere(size: Int) throws {
    let text = "a:1.2.3.4-1.2.3.9\r\n\n#x\n2001:db8::/32\n9.9.9.9"
    let bytes = Array(text.utf8)
    let parts = stride(from: 0, to: bytes.count, by: size).map {
      Array(bytes[$0..<min($0 + size, bytes.count)])
    }
    for packed in [parts, Self.cut(try Self.gzip(bytes), size)] {
      let (list, report) = try Self.read(packed)
      #expect(report == BlocklistReport(ranges: 3))
      #expect(list.rangeCount == 3)
    }
  }

  @Test func severalListsBecomeOne() throws {
    var reader = BlocklistReader()
    let packed = try Self.gzip(Array("1.2.3.4\nbad\n".utf8))
    try reader.take(packed.rawBytes)
    let first = try reader.endOfList()
    let plain = Array("5.6.7.8\nworse".utf8)
    try reader.take(plain.rawBytes)
    let second = try reader.endOfList()
    #expect(first == BlocklistReport(ranges: 1, malformed: 1, faults: [.init(line: 2, text: "bad")]))
    #expect(second == BlocklistReport(ranges: 1, malformed: 1, faults: [.init(line: 2, text: "worse")]))
    let list = reader.blocklist()
    #expect(try list.contains(Self.address("1.2.3.4")) && list.contains(Self.address("5.6.7.8")))
  }

  @Test func gzipFilesInARowAreOneList() throws {
    let (list, report) = try Self.read([
      try Self.gzip(Array("1.2.3.4\n5.6.".utf8)) + Self.gzip(Array("7.8".utf8))
    ])
    #expect(report.ranges == 2)
    #expect(try list.contains(Self.address("5.6.7.8")))
  }

  @Test func brokenAndTornGzipIsRefused() throws {
    let whole = try Self.gzip(Array(String(repeating: "1.2.3.4\n", count: 1000).utf8))
    #expect(throws: BlocklistError.truncated) { try Self.read([Array(whole.dropLast(9))]) }
    var broken = whole
    broken[12] ^= 0xff
    #expect(throws: BlocklistError.self) { try Self.read([broken]) }
  }

  @Test func bombsAreRefusedWhileTheyAreSmall() throws {
    let bomb = try Self.gzip([UInt8](repeating: 10, count: 64 << 20))
    #expect(bomb.count < 100_000)
    var limits = BlocklistLimits()
    limits.bytes = 1 << 20
    #expect(throws: BlocklistError.tooLarge(limit: 1 << 20)) { try Self.read([bomb], limits: limits) }
    limits.bytes = 1 << 30
    limits.ranges = 10
    #expect(throws: BlocklistError.tooManyRanges(limit: 10)) {
      try Self.read(String(repeating: "1.2.3.4\n", count: 11), limits: limits)
    }
  }

  @Test(arguments: [(false, 8), (true, 16)])
  func halfAMillionRangesTakeLessThanTenMegabytes(isV6: Bool, bytes: Int) throws {
    var set = RangeSet()
    for number in 0..<500_000 {
      let base =
        isV6
        ? 0x2001 << 112 | UInt128(number) << 81
        : 0xffff_0000_0000 | UInt128(number) << 8
      let range = try #require(AddressRange(base, base + (isV6 ? (1 << 80) - 1 : 127)))
      set.insert(range)
    }
    let list = Blocklist(set)
    #expect(list.rangeCount == 500_000)
    #expect(list.byteCount >= 500_000 * bytes)
    #expect(list.byteCount <= 10_000_000)
  }

  static func cut(_ bytes: [UInt8], _ size: Int) -> [[UInt8]] {
    stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
  }

  static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    try #require(
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK)
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 1024)
    let capacity = output.count
    let result = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(capacity)
        return deflate(&stream, Z_FINISH)
      }
    }
    try #require(result == Z_STREAM_END)
    return Array(output.prefix(capacity - Int(stream.avail_out)))
  }
}
