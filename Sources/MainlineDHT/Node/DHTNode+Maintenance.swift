public import Addresses

/// What a node does by itself, and when. Times in seconds.
struct Maintenance: Sendable {
  /// The time between two rounds.
  static let interval = 10.0
  /// Nodes that have asked us and are asked whether they answer, a round.
  static let meetings = 30
  static let firstRetry = 5.0
  static let longestRetry = 300.0

  /// Addresses to begin with, and nodes of an earlier run.
  var routers: [Endpoint] = []
  var saved: [NodeAddress] = []
  /// Searches that are made for the table.
  var own: Set<RequestID> = []
  /// The one that looks for our own id, with which all begins.
  var bootstrap: RequestID?
  var bootstrapAt = Double.infinity
  var retry = firstRetry
  var isReady = false
  /// Buckets to be looked through at the start.
  var unseen: [Int] = []
  var nextRound: Double
  var expireAt: Double
  var meetingsLeft = meetings

  init(now: Double) {
    nextRound = now + Self.interval
    expireAt = now + 60
  }

  var deadline: Double { min(nextRound, bootstrapAt) }

  mutating func startAgain(now: Double) {
    if bootstrap == nil { bootstrapAt = min(bootstrapAt, now) }
  }
}

// How the table is filled and kept.
extension DHTNode {
  /// Addresses through which the DHT is entered while no node is known. Starts that if need be.
  public func bootstrap(routers: [Endpoint], nodes: [NodeAddress] = [], now: Double) {
    for router in routers where router.canBeSentTo && router.address.isV4 != isV6 {
      guard maintenance.routers.count < 64, !maintenance.routers.contains(router) else { continue }
      maintenance.routers.append(router)
    }
    for node in nodes where node.endpoint.canBeSentTo && node.endpoint.address.isV4 != isV6 {
      guard maintenance.saved.count < 200 else { break }
      maintenance.saved.append(node)
    }
    maintenance.retry = Maintenance.firstRetry
    if table.count < RoutingTable.bucketSize { maintenance.startAgain(now: now) }
  }

  /// A peer says that it runs a node there (BEP 5, `port`).
  public func hear(of endpoint: Endpoint, now: Double) {
    guard endpoint.canBeSentTo, endpoint.address.isV4 != isV6, table.count < 200,
      maintenance.meetingsLeft > 0
    else { return }
    maintenance.meetingsLeft -= 1
    ask(.ping, endpoint, id: nil, .ping, now: now)
    if table.count < RoutingTable.bucketSize { bootstrap(routers: [endpoint], now: now) }
  }

  /// Our address, learnt otherwise; counts until nodes agree on another.
  public func assume(_ address: IPAddress, now: Double) {
    guard address.isV4 != isV6, externalAddress == nil, !id.isValid(for: address), table.count == 0 else {
      return
    }
    id = .derived(from: address, random)
    table = RoutingTable(own: id, now: now)
  }

  /// Somebody has asked us something: taken in if there is room and it answers.
  func meet(_ node: NodeAddress, now: Double) {
    table.heard(node, now: now)
    guard maintenance.meetingsLeft > 0, table.hasRoom(for: node),
      !held.contains(where: { $0.endpoint == node.endpoint })
    else { return }
    maintenance.meetingsLeft -= 1
    ask(.ping, node.endpoint, id: node.id, .proof, now: now)
  }

  /// The other family's node was told of nodes of ours.
  func hint(_ nodes: [NodeAddress], fromNeighbour isNeighbour: Bool, now: Double) {
    guard table.count < RoutingTable.bucketSize else { return }
    let new = nodes.filter { node in
      !maintenance.saved.contains(node) && (isNeighbour || !node.endpoint.address.isLocal)
    }
    if !new.isEmpty { bootstrap(routers: [], nodes: new, now: now) }
  }

  func maintain(now: Double) {
    if now >= maintenance.bootstrapAt { startBootstrap(now: now) }
    guard now >= maintenance.nextRound else { return }
    maintenance.nextRound = now + Maintenance.interval
    maintenance.meetingsLeft = Maintenance.meetings
    held.removeAll { $0.until <= now }
    tokens.rotate(now: now, random)
    if now >= maintenance.expireAt {
      maintenance.expireAt = now + 60
      peers.expire(now: now)
      items.expire(now: now)
    }
    for _ in 0..<2 {
      guard let node = table.stalest(after: RoutingTable.staleAfter * 2 / 3, now: now), !isPinging(node)
      else { break }
      ask(.ping, node.endpoint, id: node.id, .ping, now: now)
    }
    refreshOldest(now: now)
    if table.count == 0, maintenance.own.isEmpty, maintenance.bootstrapAt == .infinity,
      !maintenance.routers.isEmpty || !maintenance.saved.isEmpty
    {
      maintenance.startAgain(now: now + maintenance.retry)
    }
  }

  private func isPinging(_ node: NodeAddress) -> Bool { transactions.isWaiting(for: node.endpoint) }

  private func startBootstrap(now: Double) {
    maintenance.bootstrapAt = .infinity
    guard maintenance.bootstrap == nil else { return }
    let request = newRequest()
    maintenance.bootstrap = request
    maintenance.own.insert(request)
    _ = search(.nodes, id, as: request, now: now)
  }

  /// A search that was made for the table has ended.
  func refreshed(_ request: RequestID, now: Double) {
    if request == maintenance.bootstrap {
      maintenance.bootstrap = nil
      guard table.count > 0 else {
        guard !maintenance.routers.isEmpty || !maintenance.saved.isEmpty else { return }
        maintenance.bootstrapAt = now + maintenance.retry * (0.75 + Double(random() % 512) / 1024)
        maintenance.retry = min(maintenance.retry * 2, Maintenance.longestRetry)
        return
      }
      maintenance.retry = Maintenance.firstRetry
      // Whoever knows its neighbourhood looks through what is further away.
      maintenance.unseen = Array(0..<max(0, table.buckets.count - 1))
    }
    while let last = maintenance.unseen.last, last >= table.buckets.count { maintenance.unseen.removeLast() }
    if let bucket = maintenance.unseen.popLast() {
      refresh(bucket, now: now)
    } else if !maintenance.isReady {
      maintenance.isReady = true
      events.append(.ready)
    }
  }

  private func refreshOldest(now: Double) {
    let oldest = table.oldestBucket()
    guard table.count > 0, maintenance.own.isEmpty, now - oldest.refreshedAt > RoutingTable.staleAfter else {
      return
    }
    refresh(oldest.index, now: now)
  }

  private func refresh(_ bucket: Int, now: Double) {
    guard bucket < table.buckets.count else { return }
    table.refreshed(bucket, now: now)
    let request = newRequest()
    maintenance.own.insert(request)
    let isLast = bucket == table.buckets.count - 1
    let target = isLast ? id : id.random(commonPrefix: bucket, random)
    _ = search(.nodes, target, as: request, now: now)
  }
}
