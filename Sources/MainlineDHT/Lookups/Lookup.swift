import Addresses

/// One search through the DHT: asks the nodes that are nearest to a target for nearer ones, until the nearest
/// have answered (Kademlia; BEP 5).
///
/// Who names wrong nodes can slow it down, not stop it: no more than `Limits.queries` are sent, a node's word
/// adds few candidates, one an address, and is not believed further when those that it named do not answer.
/// Of the nearest, half at least have ids that belong to their addresses, if there are such (BEP 42), and no
/// two are of one /24 or /64.
struct Lookup: Sendable {
  /// Bounds; times in seconds.
  struct Limits: Sendable {
    /// Queries under way at once, those that are slow not counted: Kademlia's alpha.
    var parallel = 4
    /// Nodes that must have answered: K.
    var width = RoutingTable.bucketSize
    var queries = 100
    var candidates = 400
    /// Candidates that one response may add.
    var perResponse = 8
  }

  enum State: Sendable {
    case fresh
    case asked
    /// Asked, and should have answered by now; others are asked instead.
    case slow
    case answered
    case failed
  }

  struct Candidate: Sendable {
    let node: NodeAddress
    /// `nil` if only the address was known; nearest then, so that it is asked first.
    let distance: NodeID?
    let isSecure: Bool
    /// Which candidate named it, and how many steps it is from where the search began.
    let source: Int?
    let depth: Int
    /// Whether another one named it, too.
    var isConfirmed = false
    var state = State.fresh
    var token: [UInt8]?
    /// Of those that it named: how many answered, and how many did not.
    var good = 0
    var bad = 0
  }

  let target: NodeID
  let limits: Limits
  private(set) var candidates: [Candidate] = []
  /// Indices of candidates by distance.
  private var order: [Int] = []
  private var endpoints: [Endpoint: Int] = [:]
  private var subnets: [UInt64: Int] = [:]
  private(set) var queries = 0
  private(set) var replies = 0
  private var asked = 0
  private var slow = 0

  init(target: NodeID, limits: Limits = Limits()) {
    self.target = target
    self.limits = limits
  }

  /// A node to begin with. Without an id: a router of which only the address is known.
  mutating func begin(with endpoint: Endpoint, id: NodeID?) {
    add(NodeAddress(id: id ?? target, endpoint: endpoint), hasID: id != nil, source: nil, depth: 0)
  }

  /// Whom to ask now; each is taken to be asked.
  mutating func next() -> [(index: Int, node: NodeAddress, hasID: Bool)] {
    var chosen: [(index: Int, node: NodeAddress, hasID: Bool)] = []
    guard asked < limits.parallel else { return [] }
    for index in nearest() where candidates[index].state == .fresh {
      guard asked < limits.parallel, queries < limits.queries else { break }
      candidates[index].state = .asked
      asked += 1
      queries += 1
      chosen.append((index, candidates[index].node, candidates[index].distance != nil))
    }
    return chosen
  }

  /// Whether there is nobody left to ask or to wait for. Slow ones are waited for only if too few answered.
  var isDone: Bool {
    guard asked == 0 else { return false }
    let nearest = nearest()
    if queries < limits.queries, nearest.contains(where: { candidates[$0].state == .fresh }) { return false }
    return slow == 0 || nearest.count { candidates[$0].state == .answered } >= limits.width
  }

  /// A candidate has not answered in good time.
  mutating func isSlow(_ index: Int) {
    guard candidates[index].state == .asked else { return }
    candidates[index].state = .slow
    asked -= 1
    slow += 1
    blame(index)
  }

  /// A candidate has not answered at all, or not as it should.
  mutating func failed(_ index: Int) {
    if candidates[index].state == .asked { blame(index) }
    guard settle(index) else { return }
    candidates[index].state = .failed
  }

  /// A candidate has answered and named others.
  mutating func answered(_ index: Int, nodes: [NodeAddress], token: [UInt8]?) {
    let wasSlow = candidates[index].state == .slow
    guard settle(index) else { return }
    candidates[index].state = .answered
    candidates[index].token = token
    replies += 1
    if let source = candidates[index].source {
      candidates[source].good += 1
      if wasSlow { candidates[source].bad -= 1 }
    }
    let isLocal = candidates[index].node.endpoint.address.isLocal
    let depth = candidates[index].depth + 1
    var left = limits.perResponse
    for node in nodes where left > 0 {
      // Only neighbours can know of neighbours.
      if node.endpoint.address.isLocal, !isLocal { continue }
      left -= 1
      add(node, hasID: true, source: index, depth: depth)
    }
  }

  /// The nearest that have answered, nearest first.
  var closest: [Candidate] { nearest().map { candidates[$0] }.filter { $0.state == .answered } }

  /// Steps from the start to a candidate: 0 for those to begin with.
  func depth(of index: Int) -> Int { candidates[index].depth }

  private mutating func settle(_ index: Int) -> Bool {
    switch candidates[index].state {
    case .asked: asked -= 1
    case .slow: slow -= 1
    default: return false
    }
    return true
  }

  private mutating func blame(_ index: Int) {
    if let source = candidates[index].source { candidates[source].bad += 1 }
  }

  private mutating func add(_ node: NodeAddress, hasID: Bool, source: Int?, depth: Int) {
    if let known = endpoints[node.endpoint] {
      if candidates[known].source != source { candidates[known].isConfirmed = true }
      return
    }
    let address = node.endpoint.address
    guard candidates.count < limits.candidates else { return }
    if !address.isLocal {
      guard subnets[address.subnet, default: 0] < 3 else { return }
      subnets[address.subnet, default: 0] += 1
    }
    let index = candidates.count
    let distance = hasID ? node.id.distance(to: target) : nil
    candidates.append(
      Candidate(
        node: node, distance: distance, isSecure: node.id.isValid(for: address), source: source, depth: depth)
    )
    endpoints[node.endpoint] = index
    var (low, high) = (0, order.count)
    while low < high {
      let middle = (low + high) / 2
      if isNearer(distance, candidates[order[middle]].distance) { high = middle } else { low = middle + 1 }
    }
    order.insert(index, at: low)
  }

  private func isNearer(_ one: NodeID?, _ other: NodeID?) -> Bool {
    guard let other else { return false }
    guard let one else { return true }
    return one < other
  }

  /// Whether a candidate is known only from somebody whose others did not answer.
  private func isDoubtful(_ candidate: Candidate) -> Bool {
    guard let source = candidate.source, !candidate.isConfirmed else { return false }
    return candidates[source].bad >= 3 && candidates[source].bad > 2 * candidates[source].good
  }

  /// The nearest candidates that are not out, `limits.width` of them, by the rules above.
  private func nearest() -> [Int] {
    var chosen: [Int] = []
    var spare: [Int] = []
    var insecure = 0
    var networks: Set<UInt64> = []
    for index in order {
      if chosen.count >= limits.width { break }
      let candidate = candidates[index]
      switch candidate.state {
      case .failed, .slow: continue
      case .fresh where isDoubtful(candidate): continue
      default: break
      }
      let address = candidate.node.endpoint.address
      if !address.isLocal, candidate.distance != nil {
        guard networks.insert(address.subnet).inserted else { continue }
        if !candidate.isSecure {
          guard insecure < limits.width / 2 else {
            spare.append(index)
            continue
          }
          insecure += 1
        }
      }
      chosen.append(index)
    }
    return chosen + spare.prefix(limits.width - chosen.count)
  }
}
