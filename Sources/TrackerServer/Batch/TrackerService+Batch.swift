import Addresses
import Bytes
import Digest
import HTTPServer
import JSON
internal import Synchronization
import TrackerProtocol

// One request for all torrents of a node (X6 of docs/EXTENSIONS.md): a POST to the announce URL.
extension TrackerService {
  /// Peers in the answer to one batch, over all its torrents.
  private static let peersPerBatch = 50_000

  /// Answers a batch, bencoded or as JSON, in the form that it came in.
  func batch(_ request: HTTPRequest, _ passkey: Passkey?) -> HTTPResponse {
    guard let client = core.configuration.proxies.client(of: request) else {
      return failure(ProxyRules.missing, status: 400)
    }
    let isJSON = request.body.first { $0 > 32 } == UInt8(ascii: "{")
    let batch: BatchRequest
    do {
      let limit = core.extensions.batchLimit
      batch =
        try isJSON ? BatchRequest(json: request.body, limit: limit) : BatchRequest(request.body, limit: limit)
    } catch {
      guard isJSON else { return failure(error.description) }
      return HTTPResponse(json: ["error": .string(error.description)], status: 400)
    }
    core.counters.batches.add(1, ordering: .relaxed)
    core.counters.batchEntries.add(batch.entries.count, ordering: .relaxed)
    let reply = answer(batch, from: client, passkey: passkey)
    if isJSON { return HTTPResponse(json: reply.json(batch)) }
    return HTTPResponse(contentType: "text/plain", body: reply.encoded())
  }

  private func answer(_ batch: BatchRequest, from source: IPAddress, passkey: Passkey?) -> BatchReply {
    let configuration = core.configuration
    var answer = BatchReply(
      interval: configuration.interval,
      minimumInterval: configuration.minimumInterval ?? (configuration.interval + 1) / 2,
      externalAddress: source)
    let node = Endpoint(source, port: batch.port)
    let peerID = AnnouncedPeerID(batch.peerID.rawBytes, at: 0)
    let now = core.clock()
    var generator = SystemRandomNumberGenerator()
    var dice = Dice(state: generator.next())
    var reply = SwarmReply()
    var joined: [InfoHash: Bool] = [:]
    var left: [InfoHash] = []
    var peers = 0
    answer.results.reserveCapacity(batch.entries.count)
    for entry in batch.entries {
      let query = ExtensionQuery(query: entry.query)
      let announcement = Announcement(
        infoHash: entry.infoHash, peer: node, peerID: peerID, uploaded: entry.uploaded,
        downloaded: entry.downloaded, left: entry.left, event: entry.event,
        wanted: peers < Self.peersPerBatch ? entry.wanted : 0, isRanked: query?.isRanked ?? false,
        bandwidth: query?.bandwidth, passkey: passkey)
      if let refusal = core.announce(announcement, now: now, random: dice.next(), into: &reply) {
        answer.results.append(.refused(refusal.reason))
        continue
      }
      guard !reply.isProvisional else {
        answer.results.append(.refused("this tracker is nearly full: announce again in a minute"))
        continue
      }
      if entry.event == .stopped {
        left.append(entry.infoHash)
      } else {
        joined[entry.infoHash] = entry.left == 0
      }
      peers += reply.peersV4.count / 6 + reply.peersV6.count / 18
      var result = AnnounceReply(
        interval: answer.interval, minimumInterval: answer.minimumInterval, seeds: reply.counts.seeds,
        leeches: reply.counts.leeches, peersV4: reply.peersV4, peersV6: reply.peersV6, externalAddress: source
      )
      if let query {
        result.extensions = core.answer(query, to: announcement, now: now)
      } else if entry.event == .stopped {
        core.extensions.pieces.leave(node, entry.infoHash)
      }
      answer.results.append(.reply(result))
    }
    answer.remembered = settle(batch, node, peerID, joined: joined, left: left, passkey: passkey, now: now)
    return answer
  }

  /// Renews or ends what the node announced before and did not list now.
  private func settle(
    _ batch: BatchRequest, _ node: Endpoint, _ peerID: AnnouncedPeerID, joined: [InfoHash: Bool],
    left: [InfoHash], passkey: Passkey?, now: UInt32
  ) -> Int {
    let nodes = core.extensions.nodes
    var (joined, left) = (joined, left)
    let listed = Set(batch.entries.map(\.infoHash))
    if batch.rest != .none, let known = nodes.torrents(of: node, key: batch.key) {
      var reply = SwarmReply()
      for (hash, isSeed) in known where !listed.contains(hash) {
        let announcement = Announcement(
          infoHash: hash, peer: node, peerID: peerID, left: isSeed ? 0 : 1,
          event: batch.rest == .stop ? .stopped : .regular, wanted: 0, passkey: passkey)
        let refusal = core.announce(announcement, now: now, random: 0, into: &reply)
        if batch.rest == .stop { core.extensions.pieces.leave(node, hash) }
        if batch.rest == .stop || refusal != nil { left.append(hash) } else { joined[hash] = isSeed }
      }
    }
    return nodes.take(node, key: batch.key, joined: joined, left: left, isWhole: false, now: now)
  }
}

extension HTTPResponse {
  /// A JSON answer.
  init(json: JSONValue, status: Int = 200, headers: [(name: String, value: String)] = []) {
    var body: [UInt8] = []
    json.append(to: &body)
    body.append(UInt8(ascii: "\n"))
    self.init(status: status, contentType: "application/json", headers: headers, body: body)
  }
}
