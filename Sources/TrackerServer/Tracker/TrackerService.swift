import Addresses
import Bytes
import HTTPServer
internal import Synchronization
import TrackerProtocol

/// Answers a tracker's HTTP requests out of its core. No sockets.
final class TrackerService: Sendable {
  let core: TrackerCore

  init(_ core: TrackerCore) { self.core = core }

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

  private static let greeting = "This is a BitTorrent tracker. Its announce URL ends in /announce.\n"

  // MARK: Announces

  private func announce(_ request: HTTPRequest) -> HTTPResponse {
    let announce: AnnounceRequest
    do {
      announce = try AnnounceRequest(query: request.query)
    } catch {
      return failure(error.description)
    }
    let entries = entries(announce, source: request.remote.address)
    let announcement = Announcement(
      infoHash: announce.infoHash, peer: entries[0], other: entries.count > 1 ? entries[1] : nil,
      peerID: AnnouncedPeerID(announce.peerID.rawBytes, at: 0), uploaded: announce.uploaded,
      downloaded: announce.downloaded, left: announce.left, event: announce.event, wanted: announce.wanted)
    var reply = SwarmReply()
    var generator = SystemRandomNumberGenerator()
    if let refusal = core.announce(
      announcement, now: core.clock(), random: generator.next(), into: &reply)
    {
      return failure(refusal.reason, retryIn: refusal.retryIn)
    }
    let intervals = core.intervals(after: reply)
    let answer = AnnounceReply(
      interval: intervals.usual, minimumInterval: intervals.minimum,
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
    core.counters.scrapes.add(1, ordering: .relaxed)
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
    for hash in question.infoHashes { reply.swarms[hash] = core.scrape(hash) }
    return HTTPResponse(contentType: "text/plain", body: reply.encoded())
  }

  private func failure(_ reason: String, retryIn: RetryIn? = nil, status: Int = 200) -> HTTPResponse {
    core.counters.failures.add(1, ordering: .relaxed)
    return HTTPResponse(
      status: status, contentType: "text/plain", body: TrackerFault.encoded(reason: reason, retryIn: retryIn))
  }

  private var statistics: String {
    let table = core.table.statistics
    let counters = core.counters
    return """
      {"torrents": \(table.torrents), "peers": \(table.peers), "seeds": \(table.seeds), \
      "leeches": \(table.peers - table.seeds), "announces": \(counters.announces.load(ordering: .relaxed)), \
      "scrapes": \(counters.scrapes.load(ordering: .relaxed)), \
      "failures": \(counters.failures.load(ordering: .relaxed)), \
      "uptime": \(core.clock() &- core.startedAt), "interval": \(core.configuration.interval)}

      """
  }
}
