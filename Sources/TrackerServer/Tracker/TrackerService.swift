import Addresses
import Bytes
import HTTPServer
internal import Synchronization
import TrackerProtocol

/// Answers a tracker's requests out of its table. No sockets; the clock is passed in.
final class TrackerService: Sendable {
  let configuration: TrackerConfiguration
  let table: SwarmTable
  private let clock: @Sendable () -> UInt32
  private let startedAt: UInt32
  private let announces = Atomic<Int>(0)
  private let scrapes = Atomic<Int>(0)
  private let failures = Atomic<Int>(0)
  private let nextShard = Atomic<Int>(0)

  init(_ configuration: TrackerConfiguration, seed: UInt64, clock: @escaping @Sendable () -> UInt32) {
    self.configuration = configuration
    self.clock = clock
    startedAt = clock()
    table = SwarmTable(limits: configuration.limits, seed: seed)
  }

  /// The answer to any request: bencoded, but for `/` and `/stats`.
  func answer(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" || request.method == "HEAD" else {
      return failure("only GET is understood", retryIn: .never, status: 405)
    }
    switch request.path {
    case "/announce": return announce(request)
    case "/scrape": return scrape(request)
    case "/stats": return HTTPResponse(contentType: "application/json", body: [UInt8](statistics.utf8))
    case "/": return HTTPResponse(contentType: "text/plain", body: [UInt8](Self.greeting.utf8))
    default: return failure("this tracker answers at /announce and /scrape", retryIn: .never, status: 404)
    }
  }

  /// Forgets old peers in the next `shards` shards, never long under one lock.
  func sweep(shards: Int) {
    for _ in 0..<shards {
      let shard = nextShard.add(1, ordering: .relaxed).oldValue % table.shardCount
      while !table.sweep(shard: shard, budget: 4096, now: clock()) {}
    }
  }

  private static let greeting = "This is a BitTorrent tracker. Its announce URL ends in /announce.\n"

  // MARK: Announces

  private func announce(_ request: HTTPRequest) -> HTTPResponse {
    announces.add(1, ordering: .relaxed)
    let announce: AnnounceRequest
    do {
      announce = try AnnounceRequest(query: request.query)
    } catch {
      return failure(error.description)
    }
    let entries = entries(announce, source: request.remote.address)
    var reply = SwarmReply()
    do {
      try enter(announce, entries, &reply)
    } catch {
      return failure("this tracker takes no more torrents at the moment", retryIn: .minutes(15))
    }
    let answer = AnnounceReply(
      interval: configuration.interval,
      minimumInterval: configuration.minimumInterval ?? (configuration.interval + 1) / 2,
      seeds: reply.counts.seeds, leeches: reply.counts.leeches,
      peersV4: without(entries, reply.peersV4, isV6: false),
      peersV6: without(entries, reply.peersV6, isV6: true), externalAddress: request.remote.address)
    return HTTPResponse(contentType: "text/plain", body: answer.encoded(compact: announce.acceptsCompact))
  }

  /// Where a client can be reached: at the address that it comes from. What it claims counts only if
  /// it is near, or anyone could have the swarm attack anyone (BEP 7): an address of the family that it
  /// comes from replaces that one, an address of the other is a second entry.
  private func entries(_ announce: AnnounceRequest, source: IPAddress) -> [Endpoint] {
    var entries = [Endpoint(source, port: announce.port)]
    guard source.isLoopback || source.isPrivate else { return entries }
    for address in announce.claimedAddresses where !address.isUnspecified && !address.isMulticast {
      let entry = Endpoint(address, port: announce.port)
      if address.isV4 == source.isV4 {
        entries[0] = entry
      } else {
        entries = [entries[0], entry]
      }
    }
    return entries
  }

  private func enter(
    _ announce: AnnounceRequest, _ entries: [Endpoint], _ reply: inout SwarmReply
  ) throws(SwarmRefusal) {
    let now = clock()
    var generator = SystemRandomNumberGenerator()
    for (index, entry) in entries.enumerated().reversed() {
      // The first entry goes last, as its reply is the one that is sent; it alone completes a download.
      let event = index > 0 && announce.event == .completed ? .regular : announce.event
      let wanted =
        index > 0 ? 0 : min(announce.wanted ?? configuration.usualWanted, configuration.maximumWanted)
      try table.announce(
        announce.infoHash, entry, SwarmAnnounce(isSeed: announce.left == 0, event: event, wanted: wanted),
        now: now, random: generator.next(), into: &reply)
    }
  }

  /// The peers but for the asker's own second entry; the first is never among them.
  private func without(_ entries: [Endpoint], _ peers: [UInt8], isV6: Bool) -> [UInt8] {
    guard entries.count > 1 else { return peers }
    var kept: [UInt8] = []
    for offset in stride(from: 0, to: peers.count, by: Endpoint.compactSize(isV6: isV6)) {
      let peer = Endpoint(compact: peers.rawBytes, at: offset, isV6: isV6)
      if !entries.contains(peer) { peer.appendCompact(to: &kept) }
    }
    return kept
  }

  // MARK: The rest

  private func scrape(_ request: HTTPRequest) -> HTTPResponse {
    scrapes.add(1, ordering: .relaxed)
    let question: ScrapeRequest
    do {
      question = try ScrapeRequest(query: request.query)
    } catch {
      return failure(error.description)
    }
    guard !question.infoHashes.isEmpty else {
      return failure("name the torrents to scrape by info_hash", retryIn: .never)
    }
    var reply = ScrapeReply(swarms: [:])
    // An open tracker knows every torrent: of most it knows that nobody is there.
    for hash in question.infoHashes { reply.swarms[hash] = table.scrape(hash) ?? SwarmCounts(downloaders: 0) }
    return HTTPResponse(contentType: "text/plain", body: reply.encoded())
  }

  private func failure(_ reason: String, retryIn: RetryIn? = nil, status: Int = 200) -> HTTPResponse {
    failures.add(1, ordering: .relaxed)
    return HTTPResponse(
      status: status, contentType: "text/plain", body: TrackerFault.encoded(reason: reason, retryIn: retryIn))
  }

  private var statistics: String {
    let table = table.statistics
    return """
      {"torrents": \(table.torrents), "peers": \(table.peers), "seeds": \(table.seeds), \
      "leeches": \(table.peers - table.seeds), "announces": \(announces.load(ordering: .relaxed)), \
      "scrapes": \(scrapes.load(ordering: .relaxed)), "failures": \(failures.load(ordering: .relaxed)), \
      "uptime": \(clock() &- startedAt), "interval": \(configuration.interval)}

      """
  }
}
