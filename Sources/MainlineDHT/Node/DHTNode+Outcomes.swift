import Addresses

// What becomes of our queries.
extension DHTNode {
  /// A response (or, with `nil`, an error) has come. It counts only if it belongs to a query.
  func conclude(_ message: Message, _ response: Response?, from endpoint: Endpoint, now: Double) {
    guard let transaction = transactions.take(message.transaction, from: endpoint) else {
      counters.unexpected += 1
      return
    }
    prove(endpoint, now: now)
    guard let response else { return refused(transaction, message, now: now) }
    guard response.id != id, transaction.id == nil || transaction.id == response.id else {
      // Whoever changes his name is not whom we wanted, and not whom we knew.
      counters.wrongID += 1
      if let known = transaction.id { table.remove(NodeAddress(id: known, endpoint: endpoint)) }
      return failed(transaction, response: response.id == id ? nil : response, now: now)
    }
    table.answered(NodeAddress(id: response.id, endpoint: endpoint), now: now)
    // The first one that is known: through it there are more.
    if !maintenance.isReady, maintenance.own.isEmpty, table.count > 0 { maintenance.startAgain(now: now) }
    if let observed = message.observed, votes.vote(observed.address, by: endpoint.address) { moved(now: now) }
    let others = isV6 ? response.nodes : response.nodes6
    if !others.isEmpty { sibling?.hint(others, fromNeighbour: endpoint.address.isLocal, now: now) }
    switch transaction.purpose {
    case .ping, .proof: break
    case .direct(let request): events.append(.answered(request, response))
    case .store(let request): stored(request, refusal: nil, now: now)
    case .search(let request, let index):
      guard var search = searches[request] else { return }
      search.lookup.answered(index, nodes: isV6 ? response.nodes6 : response.nodes, token: response.token)
      let new = search.take(
        response, fromNeighbour: endpoint.address.isLocal, depth: search.lookup.depth(of: index))
      searches[request] = search
      if !new.isEmpty { events.append(.peers(request, new)) }
      advance(request, now: now)
    }
  }

  /// A query has been waiting for a while.
  func isSlow(_ transaction: Transaction, now: Double) {
    guard case .search(let request, let index) = transaction.purpose else { return }
    searches[request]?.lookup.isSlow(index)
    advance(request, now: now)
  }

  /// A query was not answered.
  func isLost(_ transaction: Transaction, now: Double) {
    if let id = transaction.id {
      let node = NodeAddress(id: id, endpoint: transaction.endpoint)
      if let reserve = table.failed(node) { ask(.ping, reserve.endpoint, id: reserve.id, .ping, now: now) }
    }
    failed(transaction, response: nil, now: now)
  }

  private func refused(_ transaction: Transaction, _ message: Message, now: Double) {
    if case .store(let request) = transaction.purpose, case .failure(_, let text) = message.content {
      stored(request, refusal: text, now: now)
    } else {
      failed(transaction, response: nil, now: now)
    }
  }

  private func failed(_ transaction: Transaction, response: Response?, now: Double) {
    switch transaction.purpose {
    case .ping, .proof: break
    case .direct(let request): events.append(.answered(request, response))
    case .store(let request): stored(request, refusal: "no answer", now: now)
    case .search(let request, let index):
      searches[request]?.lookup.failed(index)
      advance(request, now: now)
    }
  }

  /// Others see us at another address: our id follows it, and the table is sorted anew (BEP 42).
  private func moved(now: Double) {
    guard let address = externalAddress else { return }
    events.append(.externalAddress(address))
    guard !id.isValid(for: address) else { return }
    id = .derived(from: address, random)
    let known = table.contacts
    table = RoutingTable(own: id, now: now)
    for contact in known { table.answered(contact.address, now: contact.answeredAt) }
    maintenance.startAgain(now: now)
  }
}
