import Addresses
import Bytes
import FuzzDriver
import MainlineDHT

/// A node that anybody may talk to: whatever comes, in whatever order, it stays within its bounds and answers
/// strangers with little.
@main
enum FuzzDHTNode {
  static func main() {
    let code = fuzz { start, count in
      var conversation = Conversation()
      conversation.run(Script(bytes(start, count)))
      return 0
    }
    precondition(code == 0)
  }
}

/// A node, its clock and those that talk to it.
struct Conversation {
  private let dht: DHT
  private var now = 0.0
  private var asked: [Datagram] = []
  private var names: [NodeID] = []

  init() {
    var state: UInt64 = 1
    dht = DHT(v4: true, v6: true, now: 0) {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 31
    }
    var seed: UInt64 = 7
    for _ in 0..<16 {
      names.append(
        .random {
          seed = seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493
          return seed
        })
    }
  }

  /// Each step is a byte for what happens and a byte for who or what it is.
  mutating func run(_ script: Script) {
    var script = script
    var steps = 0
    while let what = script.byte(), let which = script.byte(), steps < 400 {
      steps += 1
      let name = names[Int(which % 16)]
      switch what % 12 {
      case 0: receive(query(.ping, which), which)
      case 1: receive(query(.findNode(target: name, want: [.v4, .v6]), which), which)
      case 2: receive(query(.getPeers(infoHash: name, want: [], scrape: which > 128), which), which)
      case 3:
        let announcement = PeerAnnouncement(infoHash: name, port: 1, token: [which, 1, 2, 3])
        receive(query(.announcePeer(announcement), which), which)
      case 4: receive(query(.get(target: name, want: []), which), which)
      case 5:
        receive(query(.put(ItemPut(item: .immutable([0x69, which, 0x65]), token: [which])), which), which)
      case 6: receive(query(.sampleInfohashes(target: name, want: []), which), which)
      case 7: _ = dht.findPeers(name.infoHash, announce: SelfAnnouncement(port: 9, isSeed: false), now: now)
      case 8: answer(which)
      case 9: pass(Double(which) * 0.7)
      case 10: dht.bootstrap(routers: [Self.endpoint(which)], now: now)
      default:
        // A datagram in the words of the input.
        let length = min(Int(which) * 4, 1024)
        var datagram: [UInt8] = []
        while datagram.count < length, let byte = script.byte() { datagram.append(byte) }
        receive(datagram, which)
      }
      settle()
    }
    pass(10_000)
    for node in dht.nodes { precondition(node.nodeCount <= 160 * 8 && node.searchCount < 1000) }
  }

  private static func endpoint(_ which: UInt8) -> Endpoint {
    let text = which % 2 == 0 ? "9.\(which % 7).\(which).1:\(1 + Int(which))" : "[2001:db8:\(which)::1]:5"
    return Endpoint(text) ?? Endpoint(.loopbackV4, port: 1)
  }

  private func query(_ query: Query, _ which: UInt8) -> [UInt8] {
    var message = Message(transaction: [which], content: .query(id: names[Int(which >> 4)], query))
    message.isReadOnly = which % 5 == 0
    return message.encoded()
  }

  private mutating func receive(_ datagram: [UInt8], _ which: UInt8) {
    settle()
    let endpoint = Self.endpoint(which)
    dht.receive(datagram, from: endpoint, now: now)
    let sent = dht.takeDatagrams()
    // Those that have answered nothing get little back.
    if !asked.contains(where: { $0.endpoint == endpoint }) {
      let back = sent.filter { $0.endpoint == endpoint }.reduce(0) { $0 + $1.bytes.count }
      precondition(back <= 450 + 150, "\(back) bytes for \(datagram.count)")
    }
    asked += sent
  }

  /// One of the nodes that were asked answers, rightly or not.
  private mutating func answer(_ which: UInt8) {
    guard !asked.isEmpty else { return }
    let datagram = asked.remove(at: Int(which) % asked.count)
    var response = Response(id: names[Int(which % 16)])
    response.token = [which]
    response.nodes = (0..<8).map {
      NodeAddress(id: names[Int(which ^ $0) % 16], endpoint: Self.endpoint(which &* 2 &+ $0 &* 2))
    }
    .filter(\.endpoint.address.isV4)
    response.nodes6 = (0..<8).map {
      NodeAddress(id: names[Int(which ^ $0) % 16], endpoint: Self.endpoint(which | 1 &+ $0 &* 2))
    }
    .filter { !$0.endpoint.address.isV4 }
    response.peers = [Self.endpoint(which)]
    var message = Message(transaction: datagram.message.transaction, content: .response(response))
    message.observed = Self.endpoint(which & 3)
    dht.receive(message.encoded(), from: datagram.endpoint, now: now)
  }

  private mutating func pass(_ seconds: Double) {
    let end = now + seconds
    var turns = 0
    while dht.deadline <= end, turns < 3000 {
      turns += 1
      now = max(now, dht.deadline)
      dht.tick(now: now)
      settle()
    }
    now = max(now, end)
  }

  private mutating func settle() {
    for datagram in dht.takeDatagrams() {
      precondition(datagram.bytes.count <= 1500)
      asked.append(datagram)
    }
    if asked.count > 300 { asked.removeFirst(asked.count - 300) }
    _ = dht.takeEvents()
  }
}
