import Addresses
import Bytes
import TrackerServer

/// What a datagram costs a UDP tracker, without the system's part.
enum UDPAnnounces {
  static let all = [announce(isV6: false), announce(isV6: true), scrape, connect, badConnection]

  private static let torrents = 1_000_000
  private static let moment = UDPTrackerServer.Moment(seconds: 5, wallSeconds: 1_800_000_000)

  /// A million torrents of one peer each, which renew in no order.
  private static func announce(isV6: Bool) -> Benchmark {
    Benchmark("udp tracker: announce over \(isV6 ? "IPv6" : "IPv4")", operations: 300_000, stepped: 32) {
      let desk = Desk(isV6: isV6)
      for number in 0..<torrents { desk.announce(number) }
      return { count in
        var number = 0
        for _ in 0..<count {
          number = (number + 618_033) % torrents
          desk.announce(number)
        }
        use(desk.length)
      }
    }
  }

  private static let scrape = Benchmark("udp tracker: scrape of 5 swarms", operations: 100_000, stepped: 32) {
    let desk = Desk(isV6: false)
    for number in 0..<10_000 { desk.announce(number) }
    return { count in for number in 0..<count { desk.scrape(number) } }
  }

  private static let connect = Benchmark("udp tracker: connect", operations: 500_000, stepped: 32) {
    let desk = Desk(isV6: false)
    return { count in for number in 0..<count { desk.connect(number) } }
  }

  /// Each from another address, so that each gets its error.
  private static let badConnection = Benchmark(
    "udp tracker: bad connection id", operations: 500_000, stepped: 32
  ) {
    let desk = Desk(isV6: false)
    for number in 0..<10_000 { desk.announce(number) }
    return { count in for number in 0..<count { desk.announce(number, flaw: 1) } }
  }
}

/// A tracker and the datagrams that it gets.
private final class Desk {
  private var server = UDPTrackerServer(TrackerConfiguration(listen: []), secret: [1], seed: 9)
  private var random = SystemRandom()
  private var request = [UInt8](repeating: 0, count: 128)
  private var answer = [UInt8](repeating: 0, count: UDPTrackerServer.maximumAnswer)
  private let moment = UDPTrackerServer.Moment(seconds: 5, wallSeconds: 1_800_000_000)
  private let addresses: [Endpoint]
  private var ids: [UInt64] = []
  private(set) var length = 0

  struct SystemRandom: RandomNumberGenerator {
    var state: UInt64 = 1
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1
      return state ^ state >> 29
    }
  }

  init(isV6: Bool) {
    addresses = (0..<1000).map { number in
      let text = isV6 ? "2001:db8::\(String(number + 1, radix: 16))" : "11.0.\(number / 250).\(number % 250)"
      return Endpoint(IPAddress(text) ?? .anyV4, port: 6881)
    }
    for address in addresses {
      write(0x417_2710_1980, action: 0)
      ask(16, from: address)
      ids.append(answer.rawBytes.bigEndian(UInt64.self, at: 8))
    }
  }

  func connect(_ number: Int) {
    write(0x417_2710_1980, action: 0)
    ask(16, from: addresses[number % addresses.count])
  }

  func announce(_ number: Int, flaw: UInt64 = 0) {
    let place = number % addresses.count
    write(ids[place] ^ flaw, action: 1)
    put(UInt64(number), at: 16)
    put(UInt64(number) &* 0x9E37_79B9_7F4A_7C15, at: 24)
    put(UInt64(number % 3 == 0 ? 0 : 1), at: 64)
    put(UInt64(50), at: 88)
    request[96] = 0x1a
    request[97] = 0xe1
    ask(98, from: addresses[place])
  }

  func scrape(_ number: Int) {
    let place = number % addresses.count
    write(ids[place], action: 2)
    for index in 0..<5 {
      put(UInt64((number + index) % 10_000), at: 16 + 20 * index)
      put(UInt64((number + index) % 10_000) &* 0x9E37_79B9_7F4A_7C15, at: 24 + 20 * index)
    }
    ask(116, from: addresses[place])
  }

  private func write(_ connection: UInt64, action: UInt32) {
    put(connection, at: 0)
    put(UInt64(action) << 32 | 7, at: 8)
  }

  private func put(_ value: UInt64, at offset: Int) {
    request.withUnsafeMutableBytes { bytes in
      bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
    }
  }

  private func ask(_ count: Int, from source: Endpoint) {
    var span = answer.mutableSpan
    var room = span.mutableBytes
    length = server.answer(
      request.rawBytes.extracting(0..<count), from: source, at: moment, random: random.next(), into: &room)
  }
}
