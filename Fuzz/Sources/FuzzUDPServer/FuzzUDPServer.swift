import Addresses
import Bytes
import FuzzDriver
import TrackerServer

/// Datagrams to a UDP tracker, from clients that may have a connection id of it. Whatever comes: no answer is longer
/// than it may be, those without an id get no more than they sent, and the table keeps its bounds.
@main
enum FuzzUDPServer {
  static func main() {
    let code = fuzz { start, count in
      FuzzUDPServer.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    var stage = Stage()
    stage.run(input)
    precondition(stage.server.statistics.torrents <= 8)
  }
}

private struct Stage {
  var server: UDPTrackerServer
  private var moment = UDPTrackerServer.Moment(seconds: 100, wallSeconds: 1_800_000_000)
  private var random: UInt64 = 1
  private var ids: [Endpoint: UInt64] = [:]
  private let clients: [Endpoint]

  init() {
    var configuration = TrackerConfiguration(listen: [])
    configuration.limits.torrents = 8
    configuration.limits.peers = 64
    server = UDPTrackerServer(configuration, secret: [1], seed: 1)
    clients = (0..<4).map { number in
      let text = number < 2 ? "11.0.0.\(number + 1)" : "2001:db8::\(number)"
      return Endpoint(IPAddress(text) ?? .anyV4, port: UInt16(6881 + number))
    }
  }

  /// Each command is three bytes: what, by whom, and how many bytes of what follows.
  mutating func run(_ input: [UInt8]) {
    var rest = input[...]
    while let command = rest.popFirst(), let who = rest.popFirst(), let value = rest.popFirst() {
      let client = clients[Int(who & 3)]
      switch command & 3 {
      case 0: connect(client)
      case 1:
        moment.seconds += UInt32(value)
        moment.wallSeconds += UInt64(value) * 4
      default:
        let count = min(rest.count, Int(value) * (who & 4 == 0 ? 1 : 8))
        var datagram = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
        // With its connection id, so that it is heard.
        if command & 3 == 3, datagram.count >= 12, let id = ids[client] {
          for index in 0..<8 { datagram[index] = UInt8(truncatingIfNeeded: id >> UInt64(56 - 8 * index)) }
          datagram.replaceSubrange(8..<12, with: [0, 0, 0, who >> 4 & 3])
        }
        _ = send(datagram, client)
      }
    }
  }

  private mutating func connect(_ client: Endpoint) {
    let answer = send([0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 9, 9, 9, 9], client)
    precondition(answer.count == 16)
    ids[client] = answer.rawBytes.bigEndian(UInt64.self, at: 8)
  }

  private mutating func send(_ datagram: [UInt8], _ client: Endpoint) -> [UInt8] {
    random &+= 0x9e37_79b9_7f4a_7c15
    var answer = [UInt8](repeating: 0, count: UDPTrackerServer.maximumAnswer)
    var span = answer.mutableSpan
    var room = span.mutableBytes
    let length = server.answer(datagram.rawBytes, from: client, at: moment, random: random, into: &room)
    precondition(length <= UDPTrackerServer.maximumAnswer)
    let isKnown =
      datagram.count >= 8 && ids[client].map { $0 == datagram.rawBytes.bigEndian(UInt64.self, at: 0) } == true
    precondition(isKnown || length <= datagram.count)
    answer.removeLast(answer.count - length)
    return answer
  }
}
