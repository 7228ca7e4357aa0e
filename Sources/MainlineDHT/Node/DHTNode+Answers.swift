import Addresses
import Digest

/// A reply that is too long for an address that has proved nothing.
struct HeldReply: Sendable {
  let endpoint: Endpoint
  let transaction: [UInt8]
  let response: Response
  let until: Double
}

// What others ask of us.
extension DHTNode {
  /// Bytes of a reply at most, so that it travels in one packet.
  private static let replyLimit = 1300
  /// Replies that may wait for a proof.
  private static let heldLimit = 64
  private static let sampleLimit = 20
  private static let sampleInterval: Int64 = 60

  func answer(
    _ query: Query, _ transaction: [UInt8], of asker: NodeAddress, isReadOnly: Bool, now: Double
  ) {
    var response = Response(id: id)
    let address = asker.endpoint.address
    let isProved = (proved[asker.endpoint] ?? 0) > now
    switch query {
    case .ping: break
    case .findNode(let target, let want): addNodes(target, want, asker, isProved, to: &response)
    case .getPeers(let name, let want, let noSeeds, let scrape):
      response.token = tokens.token(for: address)
      addNodes(name, want, asker, isProved, to: &response)
      if scrape, let filters = peers.filters(of: name, now: now) {
        (response.seedFilter, response.peerFilter) = (filters.seeds, filters.peers)
      }
      let room = (Self.replyLimit - response.weight) / (isV6 ? 21 : 8)
      response.peers = peers.peers(of: name, count: room, noSeeds: noSeeds, now: now, random)
    case .announcePeer(let announcement):
      guard tokens.isValid(announcement.token, for: address) else {
        return send(.failure(code: 203, text: "Bad token"), transaction, to: asker.endpoint)
      }
      prove(asker.endpoint, now: now)
      let port = announcement.impliesPort ? asker.endpoint.port : announcement.port
      let peer = Endpoint(address, port: port)
      guard peers.announce(peer, in: announcement.infoHash, isSeed: announcement.isSeed, now: now) else {
        return send(.failure(code: 202, text: "No room"), transaction, to: asker.endpoint)
      }
      events.append(.announced(announcement.infoHash.infoHash, peer))
    case .get(let target, let sequence, let want):
      response.token = tokens.token(for: address)
      addNodes(target, want, asker, isProved, to: &response)
      if let item = items.item(at: target, now: now) { add(item, newerThan: sequence, to: &response) }
    case .put(let put):
      guard tokens.isValid(put.token, for: address) else {
        return send(.failure(code: 203, text: "Bad token"), transaction, to: asker.endpoint)
      }
      prove(asker.endpoint, now: now)
      do throws(PutRefusal) {
        try items.put(put, from: address, own: id, now: now)
      } catch {
        return send(.failure(code: error.rawValue, text: error.text), transaction, to: asker.endpoint)
      }
    case .sampleInfohashes(let target, let want):
      addNodes(target, want, asker, isProved, to: &response)
      response.samples = peers.sample(Self.sampleLimit, random).map(\.infoHash)
      response.sampleCount = Int64(peers.swarmCount)
      response.sampleInterval = Self.sampleInterval
    case .unknown:
      return send(.failure(code: 204, text: "Method Unknown"), transaction, to: asker.endpoint)
    }
    reply(response, transaction, to: asker, isProved: isProved, isReadOnly: isReadOnly, now: now)
  }

  /// Sends a response; one that is long only to an address that answers, so that nobody has it sent to others.
  private func reply(
    _ response: Response, _ transaction: [UInt8], to asker: NodeAddress, isProved: Bool, isReadOnly: Bool,
    now: Double
  ) {
    guard !isProved, response.weight > options.unprovedBytes else {
      return send(.response(response), transaction, to: asker.endpoint)
    }
    // A read-only node answers no ping: it gets what is short.
    guard !isReadOnly, held.count < Self.heldLimit else {
      let response = response.shortened(to: options.unprovedBytes)
      return send(.response(response), transaction, to: asker.endpoint)
    }
    if !held.contains(where: { $0.endpoint == asker.endpoint }) {
      ask(.ping, asker.endpoint, id: asker.id, .ping, now: now)
    }
    held.append(
      HeldReply(
        endpoint: asker.endpoint, transaction: transaction, response: response, until: now + options.timeout))
  }

  /// An address has shown that what goes there arrives.
  func prove(_ endpoint: Endpoint, now: Double) {
    if proved.count >= 4096 { proved = proved.filter { $0.value > now + 300 } }
    if proved.count < 4096 || proved[endpoint] != nil { proved[endpoint] = now + 600 }
    guard !held.isEmpty else { return }
    for reply in held where reply.endpoint == endpoint {
      send(.response(reply.response), reply.transaction, to: endpoint)
    }
    held.removeAll { $0.endpoint == endpoint }
  }

  /// Adds the nearest nodes of the families that are wanted; both only half each to strangers.
  private func addNodes(
    _ target: NodeID, _ want: AddressFamilies, _ asker: NodeAddress, _ isProved: Bool,
    to response: inout Response
  ) {
    let own: AddressFamilies = isV6 ? .v6 : .v4
    let want = want.isEmpty ? own : want
    let count = RoutingTable.bucketSize / (want == [.v4, .v6] && !isProved ? 2 : 1)
    func nearest(_ family: AddressFamilies) -> [NodeAddress] {
      guard want.contains(family) else { return [] }
      let table = family == own ? table : sibling?.table
      guard let nodes = table?.closest(to: target, count: count + 1) else { return [] }
      // Addresses of our own network mean nothing elsewhere, and who asks knows itself.
      let isLocal = asker.endpoint.address.isLocal
      return Array(
        nodes.lazy.filter { $0.id != asker.id && (isLocal || !$0.endpoint.address.isLocal) }.prefix(count))
    }
    response.nodes = nearest(.v4)
    response.nodes6 = nearest(.v6)
  }

  private func add(_ item: Item, newerThan sequence: Int64?, to response: inout Response) {
    guard case .mutable(let item) = item else {
      response.value = item.value
      return
    }
    response.sequence = item.sequence
    if let sequence, item.sequence <= sequence { return }
    response.value = item.value
    response.key = item.key
    response.signature = item.signature
  }
}

extension Response {
  /// About how long the datagram is that carries this; rather more.
  var weight: Int {
    var weight = 140 + nodes.count * 26 + nodes6.count * 38
    for peer in peers.prefix(1) { weight += peers.count * (peer.address.isV4 ? 8 : 21) }
    if let value { weight += value.count + 140 }
    if seedFilter != nil { weight += 530 }
    if let samples { weight += samples.count * 20 + 40 }
    return weight
  }

  /// The same with less in it, so that it is no longer than that.
  func shortened(to limit: Int) -> Response {
    var short = self
    if short.weight > limit { (short.seedFilter, short.peerFilter) = (nil, nil) }
    if short.weight > limit, short.value != nil {
      (short.value, short.key, short.signature) = (nil, nil, nil)
    }
    if short.weight > limit, let first = short.peers.first {
      let excess = short.weight - limit
      let size = first.address.isV4 ? 8 : 21
      short.peers.removeLast(min(short.peers.count, excess / size + 1))
    }
    if short.weight > limit, let samples = short.samples {
      short.samples = Array(samples.prefix(max(0, samples.count - (short.weight - limit) / 20 - 1)))
    }
    return short
  }
}
