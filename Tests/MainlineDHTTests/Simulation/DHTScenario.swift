import Addresses
import Bytes
import Digest
import MainlineDHT

/// How a DHT of many nodes fares: swarms are announced, nodes come and go, others look for the swarms.
struct DHTScenario {
  var name: String
  var nodes = 1000
  /// The part of the nodes that leave without a word and are replaced between announce and search.
  var churn = 0.2
  /// The part of the nodes that lie.
  var poison = 0.0
  /// The part of datagrams that get lost.
  var loss = 0.01
  var swarms = 100
  var searches = 400
  /// Whether queries are made longer to pay for their answers; other programs do not.
  var pads = true
  /// Whether messages are encoded and decoded on their way.
  var encodes = false

  /// Runs it in virtual time.
  func run(seed: UInt64) -> DHTReport {
    let stage = DHTStage(self, seed: seed)
    stage.build()
    stage.announce()
    stage.churnNodes()
    return stage.search()
  }
}

/// What came of a scenario.
struct DHTReport: CustomStringConvertible {
  var name: String
  var searches = 0
  var found = 0
  var hops: [Int] = []
  var queries: [Int] = []
  var seconds: [Double] = []
  var stored: [Int] = []
  /// Messages a node and minute, of all that was sent.
  var messagesPerNodeMinute = 0.0

  static func median<T: Comparable>(_ values: [T]) -> T? { values.sorted()[safe: values.count / 2] }

  var foundShare: Double { Double(found) / Double(max(1, searches)) }

  var description: String {
    func shown(_ value: (some Any)?) -> String { value.map { "\($0)" } ?? "-" }
    let worst = shown(queries.max())
    return "\(name): \(found) of \(searches) found; median hops \(shown(Self.median(hops))), queries "
      + "\(shown(Self.median(queries))) (at most \(worst)), seconds "
      + "\(shown(Self.median(seconds).map { ($0 * 100).rounded() / 100 })), stored with "
      + "\(shown(Self.median(stored))); \(shown((messagesPerNodeMinute * 10).rounded() / 10)) messages a node and minute"
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}

/// A scenario under way.
final class DHTStage {
  let scenario: DHTScenario
  let network: VirtualNetwork
  let numbers: Numbers
  private(set) var honest: [Endpoint] = []
  private var poisoners: [Poisoner] = []
  private var created = 0
  private var swarms: [(name: InfoHash, announcer: Endpoint)] = []
  private var report: DHTReport

  init(_ scenario: DHTScenario, seed: UInt64) {
    self.scenario = scenario
    network = VirtualNetwork(seed: seed)
    network.loss = scenario.loss
    network.encodes = scenario.encodes
    numbers = network.numbers
    report = DHTReport(name: scenario.name)
  }

  func node(at endpoint: Endpoint) -> DHTNode? { network.players[endpoint] as? DHTNode }

  /// An address in a network of its own.
  func newEndpoint() -> Endpoint {
    created += 1
    let address = 0x2000_0000 + UInt32(created) << 8 + UInt32(numbers.number(below: 254) + 1)
    return Endpoint(IPAddress(v4: address), port: UInt16(1024 + numbers.number(below: 60000)))
  }

  /// A node that comes in through one or two that are there.
  @discardableResult
  func join() -> Endpoint {
    let endpoint = newEndpoint()
    let source = Numbers(seed: numbers.next())
    let id = NodeID.derived(from: endpoint.address) { source.next() }
    var options = DHTOptions()
    if !scenario.pads { options.padding = (0, 0, 0) }
    let node = DHTNode(isV6: false, id: id, options: options, now: network.now) { source.next() }
    let routers = honest.isEmpty ? [] : (0..<3).map { _ in honest[numbers.number(below: honest.count)] }
    network.at(endpoint) { node.bootstrap(routers: routers, now: network.now) }
    network.add(node, at: endpoint)
    honest.append(endpoint)
    return endpoint
  }

  private func poison() {
    let endpoint = newEndpoint()
    let source = Numbers(seed: numbers.next())
    let id = NodeID.derived(from: endpoint.address) { source.next() }
    let poisoner = Poisoner(NodeAddress(id: id, endpoint: endpoint), source)
    poisoners.append(poisoner)
    network.add(poisoner, at: endpoint)
    // It makes itself known to many, as an attacker does.
    for _ in 0..<30 where !honest.isEmpty {
      let victim = honest[numbers.number(below: honest.count)]
      let query = Message(
        transaction: [0, 0], content: .query(id: id, .findNode(target: .random { source.next() }, want: [])))
      network.at(victim) {
        node(at: victim)?.receive(query, from: endpoint, now: network.now)
      }
    }
  }

  /// All nodes come in within some minutes.
  func build() {
    let liars = Int(Double(scenario.nodes) * scenario.poison)
    for _ in 0..<scenario.nodes - liars {
      join()
      network.run(for: 0.3)
    }
    for _ in 0..<liars {
      poison()
      network.run(for: 0.3)
    }
    for poisoner in poisoners { poisoner.friends = poisoners.map(\.address.endpoint) }
    network.run(for: 60)
  }

  /// A node announces itself in each swarm.
  func announce() {
    for number in 0..<scenario.swarms {
      let announcer = honest[numbers.number(below: honest.count)]
      let name = SHA1.hash([UInt8](repeating: UInt8(number & 255), count: number + 1).rawBytes)
      swarms.append((name, announcer))
      guard let node = node(at: announcer) else { continue }
      _ = node.takeEvents()
      network.at(announcer) {
        node.findPeers(name, announce: SelfAnnouncement(port: 7000, isSeed: true), now: network.now)
      }
      let report = finished(node)
      self.report.stored.append(report?.stored ?? 0)
    }
  }

  /// Nodes leave, and new ones come, evenly over ten minutes. Those that announced stay: they are the peers.
  func churnNodes() {
    let announcers = Set(swarms.map(\.announcer))
    let count = Int(Double(honest.count) * scenario.churn)
    var shuffler = Numbers(seed: numbers.next())
    var leavers = honest.filter { !announcers.contains($0) }.shuffled(using: &shuffler)
    leavers = Array(leavers.prefix(count))
    for leaver in leavers {
      network.remove(leaver)
      honest.removeAll { $0 == leaver }
      join()
      network.run(for: 600 / Double(count))
    }
  }

  /// Random nodes look for the swarms.
  func search() -> DHTReport {
    for number in 0..<scenario.searches {
      let swarm = swarms[number % swarms.count]
      let seeker = honest[numbers.number(below: honest.count)]
      guard seeker != swarm.announcer, let node = node(at: seeker) else { continue }
      _ = node.takeEvents()
      let start = network.now
      network.at(seeker) { node.findPeers(swarm.name, now: network.now) }
      var found: Set<Endpoint> = []
      guard let outcome = finished(node, collecting: &found) else { continue }
      report.searches += 1
      report.queries.append(outcome.queries)
      report.seconds.append(network.now - start)
      guard found.contains(Endpoint(swarm.announcer.address, port: 7000)) else { continue }
      report.found += 1
      report.hops.append(outcome.hops)
    }
    report.messagesPerNodeMinute =
      Double(network.messages) / Double(scenario.nodes) / (network.now / 60)
    return report
  }

  private func finished(_ node: DHTNode) -> SearchReport? {
    var found: Set<Endpoint> = []
    return finished(node, collecting: &found)
  }

  private func finished(_ node: DHTNode, collecting found: inout Set<Endpoint>) -> SearchReport? {
    var outcome: SearchReport?
    _ = network.run(upTo: 120) {
      for event in node.takeEvents() {
        switch event {
        case .peers(_, let peers): found.formUnion(peers)
        case .finished(_, let report): outcome = report
        default: break
        }
      }
      return outcome != nil
    }
    return outcome
  }
}
