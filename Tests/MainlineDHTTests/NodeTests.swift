import Addresses
import Bencode
import Bytes
import Digest
import Testing

@testable import MainlineDHT

/// One node, and somebody who talks to it.
private final class Stage {
  let node: DHTNode
  let numbers = Numbers(seed: 7)
  var now = 0.0
  let stranger: Endpoint
  let strangerID: NodeID

  init(options: DHTOptions = DHTOptions(), stranger: String = "9.8.7.6:5000", isV6: Bool = false) throws {
    let numbers = numbers
    node = DHTNode(isV6: isV6, options: options, now: 0) { numbers.next() }
    self.stranger = try #require(Endpoint(stranger))
    strangerID = .random { numbers.next() }
  }

  /// Sends a query and gives what comes back to that address, pings left out.
  func ask(_ query: Query, from endpoint: Endpoint? = nil, readOnly: Bool = false, padding: Int = 280)
    -> [Message]
  {
    var message = Message(transaction: [1, 2], content: .query(id: strangerID, query))
    message.isReadOnly = readOnly
    message.padding = padding
    node.receive(message.encoded(), from: endpoint ?? stranger, now: now)
    return sent().filter { $0.endpoint == endpoint ?? stranger && !$0.isQuery }.map(\.message)
  }

  func sentQuery() throws -> Datagram {
    guard let query = sent().first(where: \.isQuery) else { throw NoAnswer() }
    return query
  }

  func sent() -> [Datagram] { node.takeDatagrams() }

  /// Answers the query of a datagram.
  func answer(
    _ datagram: Datagram, id: NodeID, from: Endpoint? = nil, _ change: (inout Response) -> Void = { _ in }
  ) {
    var response = Response(id: id)
    change(&response)
    let message = Message(transaction: datagram.message.transaction, content: .response(response))
    node.receive(message.encoded(), from: from ?? datagram.endpoint, now: now)
  }

  /// Gets the node to know another.
  func introduce(_ address: NodeAddress) {
    node.query(.ping, address.endpoint, now: now)
    for datagram in sent() where datagram.endpoint == address.endpoint { answer(datagram, id: address.id) }
    _ = node.takeEvents()
  }

  func fill(_ count: Int, first: UInt32 = 0x2000_0001) {
    for number in 0..<count {
      let endpoint = Endpoint(IPAddress(v4: first + UInt32(number) << 8), port: 1000)
      introduce(NodeAddress(id: .random { numbers.next() }, endpoint: endpoint))
    }
  }

  func token(for name: NodeID = NodeID(SHA1.hash([1].rawBytes))) throws -> [UInt8] {
    let reply = ask(.getPeers(infoHash: name, want: []))
    guard case .response(let response)? = reply.first?.content, let token = response.token else {
      throw NoAnswer()
    }
    return token
  }
}

private struct NoAnswer: Error {}

extension Datagram {
  fileprivate var isQuery: Bool { if case .query = message.content { true } else { false } }
}

extension Message {
  fileprivate var response: Response? { if case .response(let response) = content { response } else { nil } }
  fileprivate var failureCode: Int64? { if case .failure(let code, _) = content { code } else { nil } }
}

@Suite struct DHTNodeTests {
  private let name = NodeID(SHA1.hash([1].rawBytes))

  @Test func aPingIsAnsweredWithTheSendersAddress() throws {
    let stage = try Stage()
    let reply = try #require(stage.ask(.ping).first)
    #expect(reply.response?.id == stage.node.id)
    #expect(reply.transaction == [1, 2])
    #expect(reply.observed == stage.stranger)
  }

  @Test func findNodeNamesTheNearest() throws {
    let stage = try Stage()
    stage.fill(40)
    let target = NodeID(SHA1.hash([9].rawBytes))
    let nodes = try #require(stage.ask(.findNode(target: target, want: [])).first?.response?.nodes)
    #expect(nodes.count == 8)
    #expect(nodes == stage.node.table.closest(to: target, count: 8))
  }

  @Test func announcesNeedTheTokenOfTheirAddress() throws {
    let stage = try Stage()
    let token = try stage.token()
    func announce(_ token: [UInt8], from endpoint: Endpoint?) -> Message? {
      stage.ask(.announcePeer(PeerAnnouncement(infoHash: name, port: 6881, token: token)), from: endpoint)
        .first
    }
    #expect(announce([1, 2, 3], from: nil)?.failureCode == 203)
    #expect(announce(token, from: Endpoint("9.8.7.5:5000"))?.failureCode == 203)
    #expect(stage.node.stored.peers == 0)
    #expect(announce(token, from: nil)?.response != nil)
    #expect(stage.node.stored.peers == 1)
    let peers = stage.ask(.getPeers(infoHash: name, want: [])).first?.response?.peers
    #expect(peers?.map(\.description) == ["9.8.7.6:6881"])
    // After the secret has changed twice, the token is worth nothing.
    for time in [301.0, 602] {
      stage.now = time
      stage.node.tick(now: time)
    }
    #expect(announce(token, from: nil)?.failureCode == 203)
  }

  @Test func theImpliedPortIsThatOfTheDatagram() throws {
    let stage = try Stage()
    let announcement = PeerAnnouncement(
      infoHash: name, port: 1, impliesPort: true, isSeed: true, token: try stage.token())
    #expect(stage.ask(.announcePeer(announcement)).first?.response != nil)
    let reply = stage.ask(.getPeers(infoHash: name, want: [])).first?.response
    #expect(reply?.peers == [stage.stranger])
    #expect(stage.ask(.getPeers(infoHash: name, want: [], noSeeds: true)).first?.response?.peers == [])
  }

  @Test func aScrapeCountsSeedsAndOthers() throws {
    let stage = try Stage(stranger: "127.0.0.1:5000")
    for number in 0..<60 {
      let peer = Endpoint(IPAddress(v4: 0x0101_0000 + UInt32(number)), port: 1)
      _ = stage.node.peers.announce(peer, in: name, isSeed: number < 20, now: 0)
    }
    // Long replies go to proved addresses only: the ping comes first.
    #expect(stage.ask(.getPeers(infoHash: name, want: [], scrape: true)).isEmpty)
    stage.node.prove(stage.stranger, now: 0)
    let held = stage.sent().compactMap(\.message.response)
    #expect(held.count == 1)
    let response = try #require(held.first)
    #expect(abs((response.seedFilter?.estimatedCount ?? 0) - 20) < 2)
    #expect(abs((response.peerFilter?.estimatedCount ?? 0) - 40) < 3)
    #expect(response.peers.count > 20)
  }

  @Test func itemsAreStoredAndGiven() throws {
    let stage = try Stage()
    let seed = [UInt8](repeating: 1, count: 32)
    func item(_ sequence: Int64) throws -> MutableItem {
      try #require(MutableItem(signing: Array("2:hi".utf8), salt: [5], sequence: sequence, seed: seed))
    }
    let token = try stage.token()
    let put = ItemPut(item: .mutable(try item(3)), token: token)
    let unproved = ItemPut(item: .mutable(try item(3)), token: [1])
    #expect(stage.ask(.put(unproved)).first?.failureCode == 203)
    #expect(stage.ask(.put(put)).first?.response != nil)
    let target = try item(3).target
    let all = stage.ask(.get(target: target, want: [])).first?.response
    #expect(all?.value == Array("2:hi".utf8) && all?.sequence == 3)
    let stored = try item(3)
    #expect(all?.key == stored.key && all?.signature == stored.signature)
    let known = stage.ask(.get(target: target, sequence: 3, want: [])).first?.response
    #expect(known?.value == nil && known?.sequence == 3)
    let old = ItemPut(item: .mutable(try item(2)), token: token)
    #expect(stage.ask(.put(old)).first?.failureCode == 302)
    let compare = ItemPut(item: .mutable(try item(4)), expectedSequence: 1, token: token)
    #expect(stage.ask(.put(compare)).first?.failureCode == 301)
    let forged = MutableItem(
      key: try item(9).key, salt: [5], sequence: 9, value: Array("2:no".utf8),
      signature: try item(9).signature)
    #expect(stage.ask(.put(ItemPut(item: .mutable(forged), token: token))).first?.failureCode == 206)
  }

  @Test func samplesNameSwarms() throws {
    let stage = try Stage()
    for number in 0..<5 {
      let name = NodeID(SHA1.hash([UInt8(number)].rawBytes))
      _ = stage.node.peers.announce(stage.stranger, in: name, isSeed: false, now: 0)
    }
    let response = stage.ask(.sampleInfohashes(target: name, want: [])).first?.response
    #expect(response?.samples?.count == 5 && response?.sampleCount == 5)
    #expect(response?.sampleInterval ?? 0 > 0)
  }

  @Test func whatIsUnknownIsSaidToBe() throws {
    let stage = try Stage()
    #expect(stage.ask(.unknown(method: Array("vote".utf8))).first?.failureCode == 204)
    stage.node.receive(Array("d1:ad2:id2:xxe1:q4:ping1:t2:aa1:y1:qe".utf8), from: stage.stranger, now: 0)
    #expect(stage.sent().first?.message.failureCode == 203)
    // Nothing is ever said to what is no query.
    for text in ["d1:rd2:id2:xxe1:t2:aa1:y1:re", "rubbish", "d1:eli201e1:xe1:t2:aa1:y1:ee"] {
      stage.node.receive(Array(text.utf8), from: stage.stranger, now: 0)
    }
    #expect(stage.sent().isEmpty)
  }

  @Test func aReadOnlyNodeAnswersNobody() throws {
    var options = DHTOptions()
    options.isReadOnly = true
    let stage = try Stage(options: options)
    #expect(stage.ask(.ping).isEmpty)
    stage.node.query(.ping, stage.stranger, now: 0)
    #expect(stage.sent().first?.message.isReadOnly == true)
  }

  @Test func readOnlyNodesAreNotTakenIn() throws {
    let stage = try Stage()
    _ = stage.ask(.ping, readOnly: true)
    var message = Message(transaction: [1], content: .query(id: stage.strangerID, .ping))
    message.isReadOnly = true
    message.padding = 100
    stage.node.receive(message, from: stage.stranger, now: 0)
    #expect((stage.sent().allSatisfy { !$0.isQuery }) == true)
    message.isReadOnly = false
    stage.node.receive(message, from: stage.stranger, now: 0)
    // Any other is asked first, and taken in when it answers.
    let ping = try stage.sentQuery()
    #expect(stage.node.nodeCount == 0)
    stage.answer(ping, id: stage.strangerID)
    #expect(stage.node.nodeCount == 1)
  }

  @Test func bothFamiliesAreNamedIfBothAreWanted() throws {
    let numbers = Numbers(seed: 1)
    let dht = DHT(v4: true, v6: true, now: 0) { numbers.next() }
    for number in 1..<30 {
      for text in ["\(number).1.1.1:1", "[2001:db8:\(number)::1]:1"] {
        let endpoint = try #require(Endpoint(text))
        let request = dht.query(.ping, endpoint, now: 0)
        let ping = try #require(dht.takeDatagrams().first)
        let id = NodeID.random { numbers.next() }
        let pong = Message(transaction: ping.message.transaction, content: .response(Response(id: id)))
        dht.receive(pong.encoded(), from: endpoint, now: 0)
        #expect(
          (dht.takeEvents().contains { if case .answered(request, .some) = $0 { true } else { false } })
            == true)
      }
    }
    func nodes(_ want: AddressFamilies, _ from: String) throws -> (Int, Int) {
      var query = Message(
        transaction: [1], content: .query(id: name, .findNode(target: name, want: want)))
      query.padding = 700
      dht.receive(query.encoded(), from: try #require(Endpoint(from)), now: 0)
      let response = dht.takeDatagrams().compactMap(\.message.response).first
      return (response?.nodes.count ?? -1, response?.nodes6.count ?? -1)
    }
    #expect(try nodes([], "200.1.1.1:1") == (8, 0))
    #expect(try nodes([.v6], "200.1.2.1:1") == (0, 8))
    #expect(try nodes([], "[2001:db8:ffff::1]:1") == (0, 8))
    #expect(try nodes([.v4], "[2001:db8:fffe::1]:1") == (8, 0))
    #expect(try nodes([.v4, .v6], "200.1.3.1:1") == (8, 8))
  }
}

@Suite struct HostileDHTTests {
  private let name = NodeID(SHA1.hash([1].rawBytes))

  /// Whatever somebody sends from an address that is not his, no more arrives there than he has sent.
  @Test(arguments: [0, 20, 60, 130, 280, 500, 1180], [false, true])
  func nobodyIsSentMoreThanCameFromThere(_ padding: Int, _ readOnly: Bool) throws {
    let stage = try Stage()
    stage.fill(200)
    let item = Item.immutable(Array("990:".utf8) + [UInt8](repeating: 1, count: 990))
    try stage.node.items.put(
      ItemPut(item: item, token: []), from: IPAddress(v4: 1), own: stage.node.id, now: 0)
    for number in 0..<400 {
      let peer = Endpoint(IPAddress(v4: 0x0101_0000 + UInt32(number)), port: 1)
      _ = stage.node.peers.announce(peer, in: name, isSeed: false, now: 0)
    }
    let queries: [Query] = [
      .ping, .findNode(target: name, want: [.v4, .v6]), .getPeers(infoHash: name, want: []),
      .getPeers(infoHash: name, want: [.v4, .v6], scrape: true), .get(target: item.target, want: []),
      .sampleInfohashes(target: name, want: []), .unknown(method: Array("vote".utf8)), .unknown(method: []),
      .announcePeer(PeerAnnouncement(infoHash: name, port: 1, token: [])),
      .put(ItemPut(item: .immutable(Array("0:".utf8)), token: [])),
    ]
    var answered = 0
    for (number, query) in queries.enumerated() {
      let source = Endpoint(IPAddress(v4: 0x0707_0001 + UInt32(number) << 8), port: readOnly ? 1 : 2)
      var message = Message(transaction: [1, 2], content: .query(id: stage.strangerID, query))
      message.isReadOnly = readOnly
      message.padding = padding
      let datagram = message.encoded()
      var back = 0
      // Also not later, and not by asking again.
      for round in 0..<3 {
        stage.node.receive(datagram, from: source, now: Double(round))
        stage.node.tick(now: Double(round))
      }
      for time in stride(from: 3.0, to: 100, by: 1) { stage.node.tick(now: time) }
      for datagram in stage.sent() where datagram.endpoint == source {
        back += datagram.bytes.count
        if !datagram.isQuery { answered += 1 }
      }
      #expect(back <= 3 * datagram.count, "\(query)")
    }
    // And yet there is an answer to nearly all.
    #expect(answered >= (readOnly ? 20 : padding >= 280 ? 20 : 6), "\(answered)")
    for text in ["d1:q1:a1:t0:1:y1:qe", "d1:q1:x1:t2:aa1:y1:qe", "d1:ad2:id2:xxe1:q4:ping1:t2:aa1:y1:qe"] {
      stage.node.receive(Array(text.utf8), from: stage.stranger, now: 200)
      #expect(stage.sent().reduce(0) { $0 + $1.bytes.count } <= text.utf8.count, "\(text)")
    }
  }

  /// Who asks briefly, as other programs do, gets everything once it has shown that it is there.
  @Test func theNearestNodesComeAfterAProof() throws {
    let stage = try Stage()
    stage.fill(40)
    #expect(stage.ask(.findNode(target: name, want: []), padding: 0).isEmpty)
    stage.node.receive(
      Message(transaction: [3], content: .query(id: stage.strangerID, .findNode(target: name, want: []))),
      from: stage.stranger, now: 0)
    stage.answer(try stage.sentQuery(), id: stage.strangerID)
    let replies = stage.sent().compactMap(\.message)
    #expect(replies.map(\.transaction) == [[1, 2], [3]])
    #expect(replies.allSatisfy { $0.response?.nodes.count == 8 } == true)
    // The address is known from now on.
    #expect(stage.ask(.findNode(target: name, want: []), padding: 0).first?.response?.nodes.count == 8)
  }

  /// A read-only node cannot prove its address: it pays.
  @Test func aReadOnlyNodeGetsWhatItPaysFor() throws {
    let stage = try Stage()
    stage.fill(40)
    _ = stage.node.peers.announce(stage.stranger, in: name, isSeed: true, now: 0)
    let scrape = Query.getPeers(infoHash: name, want: [], scrape: true)
    let brief = stage.ask(scrape, readOnly: true, padding: 0).first?.response
    #expect(brief?.seedFilter == nil && brief?.peers.count == 1)
    let long = stage.ask(scrape, readOnly: true, padding: DHTOptions().padding.items).first?.response
    #expect(long?.seedFilter != nil && long?.peers.count == 1 && long?.nodes.count == 8)
  }

  @Test func queriesToThoseWhoHaveNotAnsweredAreLonger() throws {
    let stage = try Stage()
    let target = Query.findNode(target: name, want: [])
    stage.node.query(target, stage.stranger, now: 0)
    let first = try stage.sentQuery()
    #expect(first.bytes.count > 350 && first.bytes.count < 400)
    #expect(try Message(first.bytes).content == first.message.content)
    stage.answer(first, id: stage.strangerID)
    stage.node.query(target, stage.stranger, now: 1)
    #expect(try stage.sentQuery().bytes.count < 120)
  }

  @Test func longRepliesComeAfterAProof() throws {
    let stage = try Stage()
    let value = Array("990:".utf8) + [UInt8](repeating: 1, count: 990)
    let item = Item.immutable(value)
    try stage.node.items.put(
      ItemPut(item: item, token: []), from: IPAddress(v4: 1), own: stage.node.id, now: 0)
    let query = Message(
      transaction: [7, 7], content: .query(id: stage.strangerID, .get(target: item.target, want: [])))
    stage.node.receive(query.encoded(), from: stage.stranger, now: 0)
    let ping = try stage.sentQuery()
    stage.answer(ping, id: stage.strangerID)
    let reply = try #require(stage.sent().first?.message)
    #expect(reply.transaction == [7, 7])
    #expect(reply.response?.value == value)
    // From then on at once.
    #expect(stage.ask(.get(target: item.target, want: [])).first?.response?.value == value)
  }

  @Test func aFloodIsAnsweredABitOnly() throws {
    let stage = try Stage()
    var answers = 0
    for _ in 0..<5000 { answers += stage.ask(.ping).count }
    #expect(answers == 50)
    #expect(stage.node.counters.limited == 4950)
    #expect(stage.ask(.ping, from: Endpoint("9.8.6.1:1")).count == 1)
  }

  @Test func responsesCountFromWhereTheyWereAskedForOnly() throws {
    let stage = try Stage()
    let other = try #require(Endpoint("9.9.9.9:1"))
    stage.node.query(.ping, other, now: 0)
    let ping = try #require(stage.sent().first)
    stage.answer(ping, id: stage.strangerID, from: stage.stranger)
    #expect(stage.node.counters.unexpected == 1 && stage.node.nodeCount == 0)
    stage.answer(ping, id: stage.strangerID)
    #expect(stage.node.nodeCount == 1)
    // A replay is nothing.
    stage.answer(ping, id: stage.strangerID)
    #expect(stage.node.counters.unexpected == 2)
  }

  @Test func whoAnswersUnderAnotherNameIsDropped() throws {
    let stage = try Stage()
    let address = NodeAddress(id: stage.strangerID, endpoint: stage.stranger)
    stage.introduce(address)
    #expect(stage.node.nodeCount == 1)
    stage.node.findNodes(name, now: 0)
    let query = try #require(stage.sent().first)
    stage.answer(query, id: name) { $0.nodes = [NodeAddress(id: name, endpoint: stage.stranger)] }
    #expect(stage.node.counters.wrongID == 1)
    #expect(stage.node.nodeCount == 0)
    // Nobody is us but us.
    stage.node.query(.ping, stage.stranger, now: 0)
    stage.answer(try #require(stage.sent().first), id: stage.node.id)
    #expect(stage.node.nodeCount == 0)
  }

  @Test func aNodeThatNamesItselfForEverEndsASearch() throws {
    let stage = try Stage()
    stage.introduce(NodeAddress(id: stage.strangerID, endpoint: stage.stranger))
    let request = stage.node.findPeers(name.infoHash, now: 0)
    var queries = 0
    var rounds = 0
    while rounds < 500 {
      rounds += 1
      let asked = stage.sent().filter(\.isQuery)
      if asked.isEmpty { break }
      for datagram in asked {
        queries += 1
        stage.answer(datagram, id: stage.strangerID) { response in
          response.nodes = [NodeAddress(id: stage.strangerID, endpoint: stage.stranger)]
          response.peers = [stage.stranger]
        }
      }
    }
    #expect(queries < 5)
    let isFinished = stage.node.takeEvents().contains {
      if case .finished(request, _) = $0 { true } else { false }
    }
    #expect(isFinished)
  }

  @Test func forgedItemsAreNotFound() throws {
    let stage = try Stage()
    let seed = [UInt8](repeating: 1, count: 32)
    let good = try #require(MutableItem(signing: Array("2:hi".utf8), sequence: 1, seed: seed))
    stage.fill(4)
    let request = stage.node.findItem(good.target, now: 0)
    let asked = stage.sent().filter(\.isQuery)
    #expect(asked.count == 4)
    let nodes = Dictionary(uniqueKeysWithValues: stage.node.contacts.map { ($0.endpoint, $0.id) })
    let forged = [
      (good.key, Array("2:no".utf8), good.signature, Int64(9)),
      (good.key, good.value, good.signature, 9),
      ([UInt8](repeating: 2, count: 32), good.value, good.signature, 1),
      (good.key, good.value, good.signature, 1),
    ]
    for (datagram, (key, value, signature, sequence)) in zip(asked, forged) {
      stage.answer(datagram, id: try #require(nodes[datagram.endpoint])) { response in
        (response.key, response.value) = (key, value)
        (response.signature, response.sequence) = (signature, sequence)
      }
    }
    var found: Item?
    for case .finished(request, let report) in stage.node.takeEvents() { found = report.item }
    #expect(found == .mutable(good))
  }

  @Test func anIDFollowsTheAddress() throws {
    let stage = try Stage()
    stage.fill(30)
    let before = stage.node.id
    let address = try #require(IPAddress("81.2.69.142"))
    #expect(!before.isValid(for: address))
    for contact in stage.node.contacts.prefix(8) {
      stage.node.query(.ping, contact.endpoint, now: 0)
      let ping = try stage.sentQuery()
      var pong = Message(transaction: ping.message.transaction, content: .response(Response(id: contact.id)))
      pong.observed = Endpoint(address, port: 9)
      stage.node.receive(pong.encoded(), from: contact.endpoint, now: 0)
    }
    #expect(stage.node.id != before && stage.node.id.isValid(for: address))
    #expect(stage.node.externalAddress == address)
    #expect(stage.node.nodeCount >= 15)
  }
}

@Suite struct DHTStateTests {
  private func sample() throws -> DHTState {
    let numbers = Numbers(seed: 2)
    var state = DHTState()
    state.id = .random { numbers.next() }
    state.id6 = .random { numbers.next() }
    for number in 1..<20 {
      let v4 = try #require(Endpoint("1.1.\(number).1:\(number)"))
      let v6 = try #require(Endpoint("[2001:db8:\(number)::1]:\(number)"))
      state.nodes.append(NodeAddress(id: .random { numbers.next() }, endpoint: v4))
      state.nodes6.append(NodeAddress(id: .random { numbers.next() }, endpoint: v6))
    }
    return state
  }

  @Test func aStateSurvivesItsFile() throws {
    let state = try sample()
    #expect(DHTState(file: state.file) == state)
    #expect(DHTState(file: DHTState().file) == DHTState())
  }

  @Test func aTornOrChangedFileIsNone() throws {
    let file = try sample().file
    for length in 0..<file.count { #expect(DHTState(file: Array(file[..<length])) == nil) }
    for position in file.indices {
      var changed = file
      changed[position] ^= 0x20
      #expect(DHTState(file: changed) == nil)
    }
    #expect(DHTState(file: file + [0]) == nil)
    #expect(DHTState(file: [UInt8](repeating: 0, count: 100_000)) == nil)
  }

  @Test func aDHTGoesOnWithItsOldNameAndNodes() throws {
    let numbers = Numbers(seed: 3)
    let state = try sample()
    let dht = DHT(v4: true, v6: false, state: state, now: 0) { numbers.next() }
    dht.tick(now: dht.deadline)
    let asked = dht.takeDatagrams()
    #expect(
      (!asked.isEmpty && asked.allSatisfy { state.nodes.map(\.endpoint).contains($0.endpoint) }) == true)
    #expect(dht.nodes.first?.id == state.id)
    // Nothing has answered: what was known is kept.
    #expect(dht.state.nodes == state.nodes)
  }
}
