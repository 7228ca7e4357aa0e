import Bytes
import Digest
import EventLoop
import HTTPServer
import JSON
import TrackerProtocol

// What the tracker knows, as JSON (X7 of docs/EXTENSIONS.md).
extension TrackerService {
  /// Answers a request whose path begins with `/api/`.
  func answerAPI(_ request: HTTPRequest) -> HTTPResponse {
    let asked = APIRequest(request, token: core.configuration.adminToken)
    let method = request.method == "HEAD" ? "GET" : request.method
    let routes = Self.routes.filter { $0.answer != nil && $0.matches(asked.path) }
    guard let route = routes.first(where: { $0.method == method }), let answer = route.answer else {
      return routes.isEmpty
        ? Self.problem(404, "there is no such path; /api/openapi.json lists them")
        : Self.problem(405, "only \(routes.map(\.method).joined(separator: ", ")) is understood")
    }
    // What the pages do not list is not listed here either.
    let isOpen = !route.needsToken && (core.configuration.pages.listsTorrents || !route.listsTorrents)
    guard isOpen || asked.isAdmin else {
      var response = Self.problem(401, "this needs the administrator's token")
      response.headers.append(("WWW-Authenticate", "Bearer"))
      return response
    }
    return answer(self, asked)
  }

  static func problem(_ status: Int, _ text: String) -> HTTPResponse {
    HTTPResponse(json: ["error": .string(text)], status: status)
  }

  func torrents(_ request: APIRequest) -> HTTPResponse {
    guard let limit = request.number("limit", in: 1...1000, usual: 100) else {
      return Self.problem(400, "limit: choose from 1 to 1000")
    }
    guard let order = TorrentPage.Order(rawValue: request.parameters["sort"] ?? "peers") else {
      let words = TorrentPage.Order.allCases.map(\.rawValue).joined(separator: ", ")
      return Self.problem(400, "sort: choose one of \(words)")
    }
    let cursor = request.parameters["cursor"].map { TorrentPage.Place(cursor: $0) }
    if let cursor, cursor == nil { return Self.problem(400, "cursor: not one that this tracker gave") }
    let entered = Instant.now.nanoseconds
    guard scans.enter(now: entered, isAdmin: request.isAdmin) else {
      var busy = Self.problem(503, "others ask for lists at the moment")
      busy.headers.append(("Retry-After", "1"))
      return busy
    }
    let page = TorrentPage(
      of: core.table, by: order, after: cursor ?? nil, limit: limit,
      isReversed: request.parameters["order"] == "reversed")
    scans.leave(entered: entered, now: Instant.now.nanoseconds)
    return HTTPResponse(json: page.json)
  }

  func torrent(_ request: APIRequest) -> HTTPResponse {
    guard let hash = request.path.last.flatMap({ InfoHash(hexadecimal: $0) }) else {
      return Self.problem(400, "an info-hash has 40 hexadecimal digits")
    }
    guard let limit = request.number("limit", in: 0...1000, usual: 100),
      let first = request.number("first", in: 0...1_000_000, usual: 0)
    else { return Self.problem(400, "limit and first: whole numbers, limit up to 1000") }
    guard let report = TorrentReport(hash, first: first, limit: limit, core: core) else {
      return Self.problem(404, "nobody has announced this torrent lately")
    }
    return HTTPResponse(json: report.json(showsAddresses: request.isAdmin))
  }

  func dump() -> HTTPResponse {
    let dump = TorrentDump(core)
    var response = HTTPResponse(contentType: "application/x-ndjson", body: [])
    response.stream = { dump.next() }
    return response
  }
}
