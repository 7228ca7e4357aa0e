public import Addresses
import Bytes

/// A datagram to be sent.
public struct Datagram: Sendable, Equatable {
  /// Where it goes.
  public let endpoint: Endpoint
  /// What it says.
  public let message: Message

  /// Puts the two together.
  public init(endpoint: Endpoint, message: Message) {
    self.endpoint = endpoint
    self.message = message
  }

  /// Its bytes.
  public var bytes: [UInt8] { message.encoded() }
}

/// Names something that was asked of a node.
public struct RequestID: Hashable, Sendable {
  let number: UInt64
}

/// How a node behaves; times in seconds. The defaults suit a desktop.
public struct DHTOptions: Sendable {
  /// Takes no queries, and says so (BEP 43): for programs that run for moments.
  public var isReadOnly = false
  /// What other nodes are told that this is.
  public var version: [UInt8] = Array("AP01".utf8)
  /// After which others are asked, too.
  public var slowAfter = 1.0
  /// After which a query is given up.
  public var timeout = 5.0
  /// Bytes that queries to nodes which have not answered lately are made longer by, so that the reply of a node like
  /// this one is paid for: it sends no more to an address that has proved nothing than came from there. For nodes of
  /// IPv4 and of IPv6, and, from a read-only node, which can prove nothing, where an item or the filters of a scrape
  /// may come.
  public var padding = (v4: 280, v6: 380, items: 1180)

  /// The defaults.
  public init() {}
}

/// One node of the DHT: the routing table and the stores of one address family, and the searches under way
/// (BEP 5).
///
/// Sans-I/O and confined to one thread. The owner hands over datagrams with `receive`, calls `tick` when
/// `deadline` has come, and after either takes what is to be sent and what has happened. `now` is in seconds
/// of any monotonic clock.
public final class DHTNode {
  /// Whether this is a node among IPv6 nodes (BEP 32).
  public let isV6: Bool
  let options: DHTOptions
  let random: () -> UInt64
  /// The name, which follows from our address once that is known (BEP 42).
  public internal(set) var id: NodeID
  var table: RoutingTable
  var peers = PeerStore()
  var items = ItemStore()
  var tokens: TokenSource
  var limiter: AnswerLimiter
  /// Four nodes of different networks have to agree where we are.
  var votes = AddressVotes(quorum: 4)
  var transactions = TransactionTable()
  var searches: [RequestID: Search] = [:]
  /// Addresses that have answered us, and until when that counts.
  var proved: [Endpoint: Double] = [:]
  /// Replies that wait for a proof.
  var held: [HeldReply] = []
  var maintenance: Maintenance
  /// The node of the other family.
  weak var sibling: DHTNode?
  /// Own requests are counted from above, so that they never meet those that an owner numbers.
  var nextRequest: UInt64 = 1 << 63
  var outgoing: [Datagram] = []
  var events: [DHTEvent] = []
  /// What came and went.
  public internal(set) var counters = DHTCounters()

  /// A node that knows nobody. `random` must not be foreseeable by others.
  public init(
    isV6: Bool, id: NodeID? = nil, options: DHTOptions = DHTOptions(), now: Double,
    random: @escaping () -> UInt64
  ) {
    self.isV6 = isV6
    self.options = options
    self.random = random
    self.id = id ?? .random(random)
    table = RoutingTable(own: self.id, now: now)
    tokens = TokenSource(now: now, random)
    limiter = AnswerLimiter(now: now)
    maintenance = Maintenance(now: now)
  }

  /// Our address as others see it, once enough of them agree.
  public var externalAddress: IPAddress? { votes.winner(isV4: !isV6) }

  /// Nodes in the routing table.
  public var nodeCount: Int { table.count }

  /// The nodes of the routing table, nearest first.
  public var contacts: [NodeAddress] { table.contacts.map(\.address) }

  /// Swarms, peers and items that others have stored here.
  public var stored: (swarms: Int, peers: Int, items: Int) {
    (peers.swarmCount, peers.peerCount, items.count)
  }

  /// Takes what is to be sent.
  public func takeDatagrams() -> [Datagram] {
    defer { outgoing = [] }
    return outgoing
  }

  /// Takes what has happened.
  public func takeEvents() -> [DHTEvent] {
    defer { events = [] }
    return events
  }

  /// When to call `tick` next, if nothing comes before.
  public var deadline: Double {
    min(transactions.deadline(slowAfter: options.slowAfter, timeout: options.timeout), maintenance.deadline)
  }

  /// Handles a datagram; what is none of a node's is counted and passed over.
  public func receive(_ datagram: [UInt8], from endpoint: Endpoint, now: Double) {
    guard datagram.count <= Message.maximumBytes else {
      counters.malformed += 1
      return
    }
    do throws(MessageFault) {
      receive(try Message(datagram), size: datagram.count, from: endpoint, now: now)
    } catch {
      counters.malformed += 1
      // Only what looks like a query is told; a wrong answer to a wrong answer would go on for ever.
      guard case .malformedQuery(let transaction) = error, !options.isReadOnly, endpoint.canBeSentTo,
        limiter.allows(endpoint, now: now)
      else { return }
      var budget = budget(of: endpoint, size: datagram.count, now: now)
      respond(.failure(code: 203, text: "Protocol Error"), transaction, to: endpoint, &budget)
    }
  }

  /// Handles a message.
  public func receive(_ message: Message, from endpoint: Endpoint, now: Double) {
    receive(message, size: message.encoded().count, from: endpoint, now: now)
  }

  /// Handles a message that came in so many bytes.
  public func receive(_ message: Message, size: Int, from endpoint: Endpoint, now: Double) {
    guard endpoint.canBeSentTo, endpoint.address.isV4 != isV6 else { return }
    switch message.content {
    case .query(let id, let query):
      counters.queries += 1
      guard id != self.id, !options.isReadOnly else { return }
      guard limiter.allows(endpoint, now: now) else {
        counters.limited += 1
        return
      }
      let asker = NodeAddress(id: id, endpoint: endpoint)
      var budget = budget(of: endpoint, size: size, now: now)
      answer(query, message, of: asker, &budget, now: now)
      if !message.isReadOnly, budget ?? .max >= Self.proofBytes { meet(asker, now: now) }
    case .response(let response): conclude(message, response, from: endpoint, now: now)
    case .failure: conclude(message, nil, from: endpoint, now: now)
    }
  }

  /// Does what is due.
  public func tick(now: Double) {
    for transaction in transactions.slow(after: options.slowAfter, now: now) { isSlow(transaction, now: now) }
    for transaction in transactions.expired(after: options.timeout, now: now) {
      isLost(transaction, now: now)
    }
    maintain(now: now)
  }

  /// Bytes that may go to an address for those that have come from it; `nil` if it has shown that what goes there
  /// arrives. So nobody has more sent to others than he could send himself.
  private func budget(of endpoint: Endpoint, size: Int, now: Double) -> Int? {
    (proved[endpoint] ?? 0) > now ? nil : size
  }

  /// Answers a query, within its budget. What could be left out is, before all of it.
  @discardableResult
  func respond(
    _ content: Message.Content, _ transaction: [UInt8], to endpoint: Endpoint, _ budget: inout Int?
  ) -> Bool {
    var message = Message(transaction: transaction, content: content)
    message.version = options.version
    message.observed = endpoint
    if let most = budget {
      if message.encoded().count > most { message.version = nil }
      if message.encoded().count > most { message.observed = nil }
      if message.encoded().count > most, case .failure(let code, _) = content {
        message.content = .failure(code: code, text: "")
      }
      let size = message.encoded().count
      guard size <= most else { return false }
      budget = most - size
    }
    send(message, to: endpoint)
    return true
  }

  /// Bytes of a ping that shows whether somebody is where he says.
  static let proofBytes = 58

  private func send(_ message: Message, to endpoint: Endpoint) {
    counters.sent += 1
    outgoing.append(Datagram(endpoint: endpoint, message: message))
  }

  /// Asks a node something.
  func ask(_ query: Query, _ endpoint: Endpoint, id: NodeID?, _ purpose: Transaction.Purpose, now: Double) {
    let number = transactions.add(
      Transaction(endpoint: endpoint, id: id, sentAt: now, purpose: purpose), random)
    var transaction: [UInt8] = []
    transaction.append(bigEndian: number)
    var message = Message(transaction: transaction, content: .query(id: self.id, query))
    if case .proof = purpose {} else { message.version = options.version }
    message.isReadOnly = options.isReadOnly
    if options.isReadOnly || budget(of: endpoint, size: 0, now: now) != nil {
      message.padding = padding(of: query)
    }
    send(message, to: endpoint)
  }

  private func padding(of query: Query) -> Int {
    switch query {
    case .ping, .announcePeer, .put, .unknown: 0
    case .getPeers(_, _, _, scrape: true) where options.isReadOnly: options.padding.items
    case .get where options.isReadOnly: options.padding.items
    case .getPeers, .findNode, .get, .sampleInfohashes: isV6 ? options.padding.v6 : options.padding.v4
    }
  }
}

/// What came and went.
public struct DHTCounters: Sendable, Equatable {
  /// Messages that were sent.
  public var sent = 0
  /// Queries that came.
  public var queries = 0
  /// Queries that were passed over because there were too many.
  public var limited = 0
  /// Datagrams that were no messages.
  public var malformed = 0
  /// Responses to nothing that was asked, or from somewhere else than what was asked.
  public var unexpected = 0
  /// Responses from a node with another id than it should have.
  public var wrongID = 0
}
