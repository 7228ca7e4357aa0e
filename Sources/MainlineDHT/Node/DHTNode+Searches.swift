public import Addresses
public import Digest

// What we ask of others: searches, announces, puts, single queries.
extension DHTNode {
  /// Searches for peers of a swarm; with `announce`, tells the nodes nearest to it that we are in it.
  ///
  /// Tells of peers as they are found, then that it has finished. With `scrape` the report has the swarm's size.
  @discardableResult
  public func findPeers(
    _ infoHash: InfoHash, announce: SelfAnnouncement? = nil, noSeeds: Bool = false, scrape: Bool = false,
    as request: RequestID? = nil, now: Double
  ) -> RequestID {
    let goal = Search.Goal.peers(announce: announce, noSeeds: noSeeds, scrape: scrape)
    return search(goal, NodeID(infoHash), as: request, now: now)
  }

  /// Searches for an item (BEP 44); of a mutable one with a salt that must be given. The report has it.
  @discardableResult
  public func findItem(
    _ target: NodeID, salt: [UInt8] = [], as request: RequestID? = nil, now: Double
  ) -> RequestID {
    search(.item(salt: salt), target, as: request, now: now)
  }

  /// Stores an item with the nodes nearest to it; if `expected` is given, only where that is its number now.
  @discardableResult
  public func put(_ item: Item, expected: Int64? = nil, as request: RequestID? = nil, now: Double)
    -> RequestID
  {
    search(.put(item, expected: expected), item.target, as: request, now: now)
  }

  /// Searches for the nodes nearest to a point.
  @discardableResult
  public func findNodes(_ target: NodeID, as request: RequestID? = nil, now: Double) -> RequestID {
    search(.nodes, target, as: request, now: now)
  }

  /// Asks one node one thing.
  @discardableResult
  public func query(
    _ query: Query, _ endpoint: Endpoint, as request: RequestID? = nil, now: Double
  ) -> RequestID {
    let request = request ?? newRequest()
    ask(query, endpoint, id: nil, .direct(request), now: now)
    return request
  }

  /// Gives up a search; nothing more is told of it.
  public func cancel(_ request: RequestID) { searches[request] = nil }

  /// Searches under way, those for the table included.
  public var searchCount: Int { searches.count }

  func newRequest() -> RequestID {
    nextRequest += 1
    return RequestID(number: nextRequest)
  }

  func search(_ goal: Search.Goal, _ target: NodeID, as request: RequestID?, now: Double) -> RequestID {
    let request = request ?? newRequest()
    var search = Search(goal, target: target)
    for node in table.closest(to: target, count: 2 * RoutingTable.bucketSize) {
      search.lookup.begin(with: node.endpoint, id: node.id)
    }
    if table.count < RoutingTable.bucketSize {
      for node in maintenance.saved.prefix(32) { search.lookup.begin(with: node.endpoint, id: node.id) }
      for endpoint in maintenance.routers { search.lookup.begin(with: endpoint, id: nil) }
    }
    table.refreshed(table.index(of: target), now: now)
    if case .peers(_, let noSeeds, _) = goal {
      // Others may have announced themselves to us.
      let here = peers.peers(of: target, count: Search.peerLimit, noSeeds: noSeeds, now: now, random)
      search.found.formUnion(here)
      search.report.peers = here.count
      if !here.isEmpty { events.append(.peers(request, here)) }
    }
    searches[request] = search
    advance(request, now: now)
    return request
  }

  /// Asks whom the search wants asked; ends it when that is nobody.
  func advance(_ request: RequestID, now: Double) {
    guard var search = searches[request], search.storing == nil else { return }
    var want: AddressFamilies = []
    if let sibling, sibling.table.count < RoutingTable.bucketSize { want = [.v4, .v6] }
    let query = search.query(want)
    if !search.hasEnough {
      for (index, node, hasID) in search.lookup.next() {
        ask(query, node.endpoint, id: hasID ? node.id : nil, .search(request, index), now: now)
      }
    }
    let isDone = search.hasEnough || search.lookup.isDone
    if isDone { store(&search, request, now: now) }
    searches[request] = search
    if isDone, search.storing == 0 { finish(request, now: now) }
  }

  /// The nearest nodes are known: stores with them what there is to store.
  private func store(_ search: inout Search, _ request: RequestID, now: Double) {
    let closest = search.lookup.closest
    search.report.closest = closest.map(\.node)
    search.report.queries = search.lookup.queries
    search.report.replies = search.lookup.replies
    if search.report.peers == 0, search.report.item == nil {
      search.report.hops = closest.first.map { $0.depth + 1 } ?? 0
    }
    search.storing = 0
    for candidate in closest {
      guard let token = candidate.token, let query = search.store(token) else { continue }
      ask(query, candidate.node.endpoint, id: candidate.node.id, .store(request), now: now)
      search.storing? += 1
    }
  }

  /// A node has answered an announce or a put.
  func stored(_ request: RequestID, refusal: String?, now: Double) {
    guard let storing = searches[request]?.storing else { return }
    searches[request]?.storing = storing - 1
    if let refusal {
      searches[request]?.report.refusal = refusal
    } else {
      searches[request]?.report.stored += 1
    }
    if storing == 1 { finish(request, now: now) }
  }

  private func finish(_ request: RequestID, now: Double) {
    guard let search = searches.removeValue(forKey: request) else { return }
    if maintenance.own.remove(request) != nil {
      refreshed(request, now: now)
    } else {
      events.append(.finished(request, search.report))
    }
  }
}
