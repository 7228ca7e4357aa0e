import Addresses
import Bytes
import HTTPServer
internal import Synchronization
import TrackerProtocol

/// Answers a tracker's HTTP requests out of its core. No sockets.
final class TrackerService: Sendable {
  let core: TrackerCore
  /// Who may look through the whole table now.
  let scans = ScanGate()

  init(_ core: TrackerCore) { self.core = core }

  /// The answer to any request: bencoded, but for `/` and `/stats`.
  func answer(_ request: HTTPRequest) -> HTTPResponse {
    guard !core.isPaused.load(ordering: .relaxed) else {
      return failure("another process takes over: connect again", status: 503)
    }
    if let answer = statusAnswer(request) { return answer }
    if request.path.hasPrefix("/api/") { return answerAPI(request) }
    if request.method == "POST", core.extensions.batchLimit > 0,
      case .announce(let passkey) = RequestRoute(path: [UInt8](request.path.utf8))
    {
      return batch(request, passkey)
    }
    guard request.method == "GET" || request.method == "HEAD" else {
      return failure("only GET is understood", retryIn: .never, status: 405)
    }
    switch RequestRoute(path: [UInt8](request.path.utf8)) {
    case .announce(let passkey): return announce(request, passkey)
    case .scrape(let passkey): return scrape(request, passkey)
    case .elsewhere: break
    }
    switch request.path {
    case "/stats": return HTTPResponse(contentType: "application/json", body: [UInt8](statistics.utf8))
    default: return failure("this tracker answers at /announce and /scrape", retryIn: .never, status: 404)
    }
  }

  /// Header fields that the answers depend on.
  static let headers: [String] = ["Accept-Encoding", "Authorization"]
  private let fullScrape = FullScrape()

  // MARK: Announces, where the loops do not answer them: over TLS, and with other methods than GET

  private func announce(_ request: HTTPRequest, _ passkey: Passkey?) -> HTTPResponse {
    respond(request) { responder, client, body in
      responder.announce(request.query.rawBytes, from: client, passkey: passkey, into: &body)
    }
  }

  private func scrape(_ request: HTTPRequest, _ passkey: Passkey?) -> HTTPResponse {
    var isPacked = false
    var response = respond(request) { responder, client, body in
      guard !responder.scrape(request.query.rawBytes, passkey: passkey, into: &body) else { return }
      core.counters.scrapes.add(1, ordering: .relaxed)
      guard let interval = core.configuration.fullScrapeInterval else {
        return responder.refuse("name the torrents to scrape by info_hash", retryIn: .never, into: &body)
      }
      if let refusal = core.access.refusal(ofPasskey: passkey) {
        return responder.refuse(refusal.reason, retryIn: refusal.retryIn, into: &body)
      }
      guard Gzip.isAccepted(by: request.headers["Accept-Encoding"]) else {
        return responder.refuse("a scrape of everything comes as gzip only", into: &body)
      }
      switch fullScrape.answer(to: client, core: core, interval: interval) {
      case .packed(let packed):
        body = packed
        isPacked = true
      case .later:
        let minutes = max(1, (interval + 59) / 60)
        responder.refuse(
          "a scrape of everything is made now and then", retryIn: .minutes(minutes), into: &body)
      }
    }
    if isPacked { response.headers.append(("Content-Encoding", "gzip")) }
    return response
  }

  private func respond(
    _ request: HTTPRequest, _ body: (inout TrackerResponder, IPAddress, inout [UInt8]) -> Void
  ) -> HTTPResponse {
    guard let client = core.configuration.proxies.client(of: request) else {
      return failure(ProxyRules.missing, status: 400)
    }
    var generator = SystemRandomNumberGenerator()
    var responder = TrackerResponder(core, seed: generator.next())
    var bytes: [UInt8] = []
    body(&responder, client, &bytes)
    return HTTPResponse(contentType: "text/plain", body: bytes)
  }

  // MARK: The rest

  func failure(_ reason: String, retryIn: RetryIn? = nil, status: Int = 200) -> HTTPResponse {
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
