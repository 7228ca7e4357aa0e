public import Addresses
public import Digest

/// A DHT of both address families: a node among IPv4 nodes and one among IPv6 nodes, searched together (BEP 32).
///
/// Sans-I/O and confined to one thread, as `DHTNode` is. Whatever is asked for is asked of both nodes under one
/// `RequestID`, and reported once.
public final class DHT {
  /// The nodes, one for each family that there is.
  public let nodes: [DHTNode]
  private var waiting: [RequestID: (left: Int, report: SearchReport)] = [:]
  private var nextRequest: UInt64 = 0
  private var events: [DHTEvent] = []

  /// Nodes of the families that datagrams can be sent to; with what an earlier run left. `random` must not be
  /// foreseeable by others.
  public init(
    v4: Bool, v6: Bool, state: DHTState? = nil, options: DHTOptions = DHTOptions(), now: Double,
    random: @escaping () -> UInt64
  ) {
    var nodes: [DHTNode] = []
    if v4 { nodes.append(DHTNode(isV6: false, id: state?.id, options: options, now: now, random: random)) }
    if v6 { nodes.append(DHTNode(isV6: true, id: state?.id6, options: options, now: now, random: random)) }
    if let first = nodes.first, let last = nodes.last, first !== last {
      first.sibling = last
      last.sibling = first
    }
    self.nodes = nodes
    if let state { bootstrap(routers: [], nodes: state.nodes + state.nodes6, now: now) }
  }

  /// What to keep for the next run: the nodes that answer now, and if those are few, the ones from before.
  public var state: DHTState {
    var state = DHTState()
    for node in nodes {
      let known = node.contacts
      let all = known.count < RoutingTable.bucketSize ? known + node.maintenance.saved : known
      if node.isV6 {
        (state.id6, state.nodes6) = (node.id, all)
      } else {
        (state.id, state.nodes) = (node.id, all)
      }
    }
    return state
  }

  /// Nodes in the routing tables.
  public var nodeCount: Int { nodes.reduce(0) { $0 + $1.nodeCount } }

  /// See `DHTNode.bootstrap`.
  public func bootstrap(routers: [Endpoint], nodes known: [NodeAddress] = [], now: Double) {
    for node in nodes { node.bootstrap(routers: routers, nodes: known, now: now) }
  }

  /// See `DHTNode.hear`.
  public func hear(of endpoint: Endpoint, now: Double) {
    for node in nodes { node.hear(of: endpoint, now: now) }
  }

  /// See `DHTNode.assume`.
  public func assume(_ address: IPAddress, now: Double) {
    for node in nodes { node.assume(address, now: now) }
  }

  /// Hands a datagram to the node of its family.
  public func receive(_ datagram: [UInt8], from endpoint: Endpoint, now: Double) {
    node(for: endpoint)?.receive(datagram, from: endpoint, now: now)
  }

  /// When to call `tick` next, if nothing comes before.
  public var deadline: Double { nodes.reduce(.infinity) { min($0, $1.deadline) } }

  /// Does what is due.
  public func tick(now: Double) {
    for node in nodes { node.tick(now: now) }
  }

  /// Takes what is to be sent.
  public func takeDatagrams() -> [Datagram] { nodes.flatMap { $0.takeDatagrams() } }

  /// Takes what has happened.
  public func takeEvents() -> [DHTEvent] {
    for node in nodes {
      for event in node.takeEvents() {
        if case .finished(let request, let report) = event {
          join(request, report)
        } else {
          events.append(event)
        }
      }
    }
    defer { events = [] }
    return events
  }

  // MARK: Requests

  /// See `DHTNode.findPeers`.
  public func findPeers(
    _ infoHash: InfoHash, announce: SelfAnnouncement? = nil, noSeeds: Bool = false, scrape: Bool = false,
    now: Double
  ) -> RequestID {
    request { node, request in
      node.findPeers(
        infoHash, announce: announce, noSeeds: noSeeds, scrape: scrape, as: request, now: now)
    }
  }

  /// See `DHTNode.findItem`.
  public func findItem(_ target: NodeID, salt: [UInt8] = [], now: Double) -> RequestID {
    request { node, request in node.findItem(target, salt: salt, as: request, now: now) }
  }

  /// See `DHTNode.put`.
  public func put(_ item: Item, expected: Int64? = nil, now: Double) -> RequestID {
    request { node, request in node.put(item, expected: expected, as: request, now: now) }
  }

  /// See `DHTNode.findNodes`.
  public func findNodes(_ target: NodeID, now: Double) -> RequestID {
    request { node, request in node.findNodes(target, as: request, now: now) }
  }

  /// See `DHTNode.query`. Without a node of that family it counts as not answered.
  public func query(_ query: Query, _ endpoint: Endpoint, now: Double) -> RequestID {
    let request = newRequest()
    if let node = node(for: endpoint) {
      node.query(query, endpoint, as: request, now: now)
    } else {
      events.append(.answered(request, nil))
    }
    return request
  }

  /// Gives up a search; nothing more is told of it.
  public func cancel(_ request: RequestID) {
    waiting[request] = nil
    for node in nodes { node.cancel(request) }
  }

  private func node(for endpoint: Endpoint) -> DHTNode? {
    nodes.first { $0.isV6 != endpoint.address.isV4 }
  }

  private func newRequest() -> RequestID {
    nextRequest += 1
    return RequestID(number: nextRequest)
  }

  private func request(_ start: (DHTNode, RequestID) -> Void) -> RequestID {
    let request = newRequest()
    guard !nodes.isEmpty else {
      events.append(.finished(request, SearchReport()))
      return request
    }
    waiting[request] = (nodes.count, SearchReport())
    for node in nodes { start(node, request) }
    return request
  }

  private func join(_ request: RequestID, _ report: SearchReport) {
    guard var known = waiting[request] else { return }
    known.left -= 1
    known.report.join(report)
    waiting[request] = known.left > 0 ? known : nil
    if known.left == 0 { events.append(.finished(request, known.report)) }
  }
}
