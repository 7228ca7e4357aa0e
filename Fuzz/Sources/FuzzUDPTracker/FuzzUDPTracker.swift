import Addresses
import Bytes
import Digest
import FuzzDriver
import TrackerProtocol

/// Datagrams, URLs, and a client between two trackers, one of which may say anything. Whatever comes, each
/// question ends once, and what is read can be written.
@main
enum FuzzUDPTracker {
  static func main() {
    let code = fuzz { start, count in
      FuzzUDPTracker.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    _ = UDPTrackerURL(String(decoding: input, as: UTF8.self))
    if let (request, transaction) = UDPTrackerRequest.decode(input.rawBytes) {
      let again = request.encoded(transaction: transaction)
      precondition(UDPTrackerRequest.decode(again.rawBytes)?.transaction == transaction)
    }
    for isV6 in [false, true] {
      guard let (reply, transaction) = try? UDPTrackerReply.decode(input.rawBytes, isV6: isV6) else {
        continue
      }
      let bytes = reply.encoded(transaction: transaction, isV6: isV6)
      guard let again = try? UDPTrackerReply.decode(bytes.rawBytes, isV6: isV6) else {
        preconditionFailure("a reply cannot be read after it was written")
      }
      precondition(again.transaction == transaction)
      if case .announce(let reply) = reply {
        for peer in reply.peers { precondition(peer.port != 0 && !peer.address.isUnspecified) }
      }
    }
    var conversation = Conversation()
    conversation.run(input)
  }
}

/// Numbers that the script foresees, so that it can answer them.
private struct Counter: RandomNumberGenerator {
  var state: UInt64 = 0
  mutating func next() -> UInt64 {
    state &+= 1
    return state << 32 | state
  }
}

private struct Conversation {
  private var client = UDPTrackerClient()
  private var generator = Counter()
  private var now = 0.0
  private var asked: Set<Int> = []
  private let trackers = (0..<2).map { Endpoint(IPAddress(v4: 0x0a00_0001 + UInt32($0)), port: 6969) }

  /// Each command is two bytes: what, and to or from which tracker or how much.
  mutating func run(_ input: [UInt8]) {
    var rest = input[...]
    while let command = rest.popFirst(), let value = rest.popFirst() {
      let tracker = trackers[Int(value & 1)]
      switch command % 5 {
      case 0: ask(tracker, isLong: value & 2 != 0)
      case 1:
        let count = min(rest.count, Int(value >> 1))
        receive(Array(rest.prefix(count)), from: tracker)
        rest = rest.dropFirst(count)
      case 2: answer(tracker, value >> 1)
      case 3: now += Double(value) / 16
      default: client.cancel(Int(value))
      }
      client.advance(now: now, using: &generator)
      look()
    }
    for _ in 0..<64 where client.pending > 0 {
      now = max(now, client.deadline)
      client.advance(now: now, using: &generator)
      look()
    }
    precondition(client.pending == 0 && client.deadline == .infinity)
  }

  private mutating func ask(_ tracker: Endpoint, isLong: Bool) {
    guard let hash = InfoHash([UInt8](repeating: 7, count: 20)), client.pending < 64 else { return }
    let request = AnnounceRequest(infoHash: hash, peerID: [UInt8](repeating: 1, count: 20), port: 1, left: 0)
    asked.insert(
      client.ask(
        isLong ? .scrape([hash]) : .announce(request, data: []), at: tracker,
        patience: isLong ? .long : .short,
        now: now, using: &generator))
  }

  private mutating func receive(_ bytes: [UInt8], from tracker: Endpoint) {
    client.receive(bytes.rawBytes, from: tracker, now: now, using: &generator)
  }

  /// An answer with a number that may be one of those that are awaited.
  private mutating func answer(_ tracker: Endpoint, _ choice: UInt8) {
    let transaction = UInt32(truncatingIfNeeded: generator.state) &- UInt32(choice >> 2)
    let reply: UDPTrackerReply =
      switch choice & 3 {
      case 0: .connection(UInt64(choice))
      case 1: .announce(AnnounceReply(interval: 1))
      case 2: .scrape([SwarmCounts(seeds: 1)])
      default: .error("no")
      }
    receive(reply.encoded(transaction: transaction, isV6: false), from: tracker)
  }

  private mutating func look() {
    for datagram in client.takeDatagrams() {
      precondition(UDPTrackerRequest.decode(datagram.bytes.rawBytes) != nil)
    }
    for outcome in client.takeOutcomes() { precondition(asked.remove(outcome.id) != nil) }
  }
}
