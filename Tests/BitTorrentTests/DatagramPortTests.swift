import Addresses
import Bytes
import EventLoop
import Testing

@testable import BitTorrent

@Suite struct DatagramPortTests {
  /// A datagram that starts with `start` and goes on with `rest` bytes of 7.
  struct Sample {
    let start: [UInt8]
    let rest: Int
    let kind: DatagramPort.Kind

    init(_ start: [UInt8], _ rest: Int, _ kind: DatagramPort.Kind) {
      self.start = start
      self.rest = rest
      self.kind = kind
    }
  }

  static let samples: [Sample] = [
    // BEP 5: a ping.
    Sample(Array("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".utf8), 0, .dht),
    // BEP 29: ST_DATA, ST_FIN, ST_STATE, ST_RESET, ST_SYN of version 1.
    Sample([0x01], 19, .utp), Sample([0x11], 19, .utp), Sample([0x21], 19, .utp),
    Sample([0x31], 19, .utp), Sample([0x41], 30, .utp),
    // A header that is cut, an unknown type, an unknown version.
    Sample([0x01], 18, .unknown), Sample([0x51], 19, .unknown), Sample([0x02], 19, .unknown),
    // BEP 15: connect, announce, scrape, error.
    Sample([0, 0, 0, 0], 12, .tracker), Sample([0, 0, 0, 1], 16, .tracker),
    Sample([0, 0, 0, 2], 16, .tracker), Sample([0, 0, 0, 3], 4, .tracker),
    Sample([0, 0, 0, 4], 12, .unknown), Sample([], 0, .unknown), Sample([0x64, 0x65], 0, .unknown),
  ]

  @Test(arguments: samples)
  func protocolsAreToldApartByTheirFirstBytes(_ sample: Sample) {
    let datagram = sample.start + [UInt8](repeating: 7, count: sample.rest)
    let kind = DatagramPort.kind(datagram.rawBytes)
    #expect(kind == sample.kind)
  }

  @Test func aSessionHasTheSamePortForDatagramsAndConnections() async throws {
    var configuration = SessionConfiguration()
    configuration.listen = [
      Endpoint(.loopbackV4, port: 0), Endpoint(try #require(IPAddress("::1")), port: 0),
    ]
    let session = try await Session(configuration)
    var bound: [Endpoint] = []
    for port in session.ports {
      bound.append(await port.loop.perform { loop in port.value(on: loop).socket.bound })
    }
    #expect(bound == session.listening)
    #expect(Set(bound.map(\.port)).count == 1)
    await session.stop()
  }
}
