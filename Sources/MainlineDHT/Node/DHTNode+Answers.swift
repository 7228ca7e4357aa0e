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
  private static let heldLimit = 256
  private static let sampleLimit = 20
  private static let sampleInterval: Int64 = 60

  /// `budget`: bytes that may go to the asker, if it has proved nothing; what is left of it then.
  func answer(
    _ query: Query, _ message: Message, of asker: NodeAddress, _ budget: inout Int?, now: Double
  ) {
    var response = Response(id: id)
    let address = asker.endpoint.address
    func refuse(_ code: Int64, _ text: String, _ budget: inout Int?) {
      respond(.failure(code: code, text: text), message.transaction, to: asker.endpoint, &budget)
    }
    switch query {
    case .ping: break
    case .findNode(let target, let want): addNodes(target, want, asker, to: &response)
    case .getPeers(let name, let want, let noSeeds, let scrape):
      response.token = tokens.token(for: address)
      addNodes(name, want, asker, to: &response)
      if scrape, let filters = peers.filters(of: name, now: now) {
        (response.seedFilter, response.peerFilter) = (filters.seeds, filters.peers)
      }
      let room = (Self.replyLimit - response.weight) / (isV6 ? 21 : 8)
      response.peers = peers.peers(of: name, count: room, noSeeds: noSeeds, now: now, random)
    case .announcePeer(let announcement):
      guard tokens.isValid(announcement.token, for: address) else {
        return refuse(203, "Bad token", &budget)
      }
      // A token is proof, too.
      prove(asker.endpoint, now: now)
      budget = nil
      let port = announcement.impliesPort ? asker.endpoint.port : announcement.port
      let peer = Endpoint(address, port: port)
      guard peers.announce(peer, in: announcement.infoHash, isSeed: announcement.isSeed, now: now) else {
        return refuse(202, "No room", &budget)
      }
      events.append(.announced(announcement.infoHash.infoHash, peer))
    case .get(let target, let sequence, let want):
      response.token = tokens.token(for: address)
      addNodes(target, want, asker, to: &response)
      if let item = items.item(at: target, now: now) { add(item, newerThan: sequence, to: &response) }
    case .put(let put):
      guard tokens.isValid(put.token, for: address) else {
        return refuse(203, "Bad token", &budget)
      }
      // A token is proof, too.
      prove(asker.endpoint, now: now)
      budget = nil
      do throws(PutRefusal) {
        try items.put(put, from: address, own: id, now: now)
      } catch {
        return refuse(error.rawValue, error.text, &budget)
      }
    case .sampleInfohashes(let target, let want):
      addNodes(target, want, asker, to: &response)
      response.samples = peers.sample(Self.sampleLimit, random).map(\.infoHash)
      response.sampleCount = Int64(peers.swarmCount)
      response.sampleInterval = Self.sampleInterval
    case .unknown:
      return refuse(204, "Method Unknown", &budget)
    }
    reply(response, message, to: asker, &budget, now: now)
  }

  /// Sends a response. One that is longer than the query is cut short, if much is left of it or the asker answers no
  /// pings, or else waits until it has answered one.
  private func reply(
    _ response: Response, _ message: Message, to asker: NodeAddress, _ budget: inout Int?, now: Double
  ) {
    let endpoint = asker.endpoint
    guard !respond(.response(response), message.transaction, to: endpoint, &budget), let most = budget
    else { return }
    let proves = !message.isReadOnly && Self.proofBytes <= most
    // Again for each query: the one before may have been lost, and this one has paid for it.
    if proves { ask(.ping, endpoint, id: asker.id, .proof, now: now) }
    budget = proves ? most - Self.proofBytes : most
    guard let room = budget, !proves || held.count >= Self.heldLimit || room >= Self.usefulBytes,
      !proves || (response.value == nil && response.seedFilter == nil)
    else {
      held.append(
        HeldReply(
          endpoint: endpoint, transaction: message.transaction, response: response,
          until: now + options.timeout))
      budget = 0
      return
    }
    let empty = Message(transaction: message.transaction, content: .response(response.shell))
    guard let short = response.shortened(to: room - empty.encoded().count) else { return }
    respond(.response(short), message.transaction, to: endpoint, &budget)
  }

  /// Bytes of a response that is worth more now than a whole one later: the nearest nodes fit in.
  private static let usefulBytes = 300

  /// An address has shown that what goes there arrives.
  func prove(_ endpoint: Endpoint, now: Double) {
    if proved.count >= 4096 { proved = proved.filter { $0.value > now + 300 } }
    if proved.count < 4096 || proved[endpoint] != nil { proved[endpoint] = now + 600 }
    guard !held.isEmpty else { return }
    var unbounded: Int?
    for reply in held where reply.endpoint == endpoint {
      respond(.response(reply.response), reply.transaction, to: endpoint, &unbounded)
    }
    held.removeAll { $0.endpoint == endpoint }
  }

  /// Adds the nearest nodes of the families that are wanted.
  private func addNodes(
    _ target: NodeID, _ want: AddressFamilies, _ asker: NodeAddress, to response: inout Response
  ) {
    let own: AddressFamilies = isV6 ? .v6 : .v4
    let want = want.isEmpty ? own : want
    let count = RoutingTable.bucketSize
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

  /// The same without all that can be left out.
  var shell: Response {
    var shell = Response(id: id)
    shell.token = token
    shell.sequence = sequence
    shell.sampleCount = sampleCount
    shell.sampleInterval = sampleInterval
    return shell
  }

  /// The shell with as much in it as `room` bytes take; peers before nodes. `nil` if there is less than none.
  func shortened(to room: Int) -> Response? {
    guard room >= 0 else { return nil }
    var (short, room) = (shell, room)
    func fitting(_ count: Int, each size: Int, frame: Int) -> Int {
      let count = min(count, max(0, room - frame) / size)
      if count > 0 { room -= frame + count * size }
      return count
    }
    if let first = peers.first {
      short.peers = Array(peers.prefix(fitting(peers.count, each: first.address.isV4 ? 8 : 21, frame: 10)))
    }
    if let samples {
      short.samples = Array(samples.prefix(fitting(samples.count, each: InfoHash.byteCount, frame: 13)))
    }
    short.nodes = Array(nodes.prefix(fitting(nodes.count, each: 26, frame: 11)))
    short.nodes6 = Array(nodes6.prefix(fitting(nodes6.count, each: 38, frame: 12)))
    return short
  }
}
