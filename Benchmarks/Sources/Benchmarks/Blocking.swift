import Addresses
import Blocklist
import Bytes

/// Blocklists of 500,000 ranges: reading one, and looking addresses up.
enum Blocking {
  static let all = [lookUp("an address", v4), lookUp("an IPv6 address", v6), read]

  private static let count = 500_000

  private static func lookUp(_ what: String, _ text: @escaping @Sendable () -> [UInt8]) -> Benchmark {
    Benchmark("blocklist: look up \(what), 500,000 ranges", operations: 1_000_000, stepped: 100) {
      let list = blocklist(text())
      precondition(list.rangeCount == Self.count && list.byteCount <= 10_000_000)
      // Every other one is in the list; spread out, so that each look-up begins with memory that is not at hand.
      let isV6 = what.contains("IPv6")
      let addresses = (0..<4096).map { number -> IPAddress in
        let range = number &* 2_654_435_761 % Self.count
        return isV6
          ? IPAddress(network(range * 2 + number % 2)) : IPAddress(v4: host(range) + UInt32(number % 2) * 128)
      }
      return { operations in
        var hits = 0
        for number in 0..<operations where list.contains(addresses[number & 4095]) { hits += 1 }
        use(hits)
      }
    }
  }

  private static let read = Benchmark("blocklist: read a list of 500,000 ranges", operations: 1) {
    let text = v4()
    return { operations in
      for _ in 0..<operations { use(blocklist(text).rangeCount) }
    }
  }

  private static func blocklist(_ text: [UInt8]) -> Blocklist {
    var reader = BlocklistReader()
    do {
      for start in stride(from: 0, to: text.count, by: 64 << 10) {
        try reader.take(text.rawBytes.extracting(start..<min(start + (64 << 10), text.count)))
      }
      _ = try reader.endOfList()
    } catch {
      preconditionFailure("\(error)")
    }
    return reader.blocklist()
  }

  /// The first address of a range: half of every /24 from 1.0.0.0 on.
  private static func host(_ range: Int) -> UInt32 { (1 << 24) + (UInt32(range) << 8) }

  private static func v4() -> [UInt8] {
    var text: [UInt8] = []
    for range in 0..<count {
      let first = IPAddress(v4: host(range))
      text += Array("range \(range):\(first)-\(IPAddress(v4: host(range) + 127))\n".utf8)
    }
    return text
  }

  /// Every other /48 from 2001:: on.
  private static func network(_ number: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: (0x2001 << 48) | (UInt64(number) << 16))
    bytes.append(bigEndian: UInt64(7))
    return bytes
  }

  private static func v6() -> [UInt8] {
    var text: [UInt8] = []
    for range in 0..<count { text += Array("\(IPAddress(network(range * 2)))/48\n".utf8) }
    return text
  }
}

extension IPAddress {
  fileprivate init(_ bytes: [UInt8]) { self.init(bytes.rawBytes, at: 0, isV6: true) }
}
