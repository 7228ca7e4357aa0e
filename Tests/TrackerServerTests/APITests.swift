import Addresses
import Digest
import JSON
import Synchronization
import TestSupport
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

/// Says yes so many times.
private final class Countdown: Sendable {
  private let left: Atomic<Int>
  init(_ count: Int) { left = Atomic(count) }
  func next() -> Bool { left.subtract(1, ordering: .relaxed).oldValue > 0 }
}

@Suite("The tracker's API")
struct APITests {
  private func json(_ response: HTTPResponse) throws -> JSONValue { try JSONValue(utf8: response.body) }

  private func tracker(torrents: Int = 0) throws -> TestTracker {
    let tracker = TestTracker(adminToken: "secret")
    for number in 0..<torrents {
      // Torrent n has n % 7 leeches and a seed.
      for peer in 0...number % 7 {
        let request = AnnounceRequest(
          infoHash: hash(number), peerID: [UInt8](repeating: 65, count: 20), port: UInt16(peer + 1),
          left: UInt64(peer))
        _ = try AnnounceReply(tracker.get("/announce", request.query).body)
      }
    }
    return tracker
  }

  private func admin(_ tracker: TestTracker, _ path: String, _ query: String = "", token: String = "secret")
    -> HTTPResponse
  {
    tracker.service.answer(
      HTTPRequest(
        method: "GET", path: path, query: Array(query.utf8), remote: Endpoint(.loopbackV4, port: 1),
        headers: ["Authorization": "Bearer \(token)"], body: []))
  }

  @Test(
    "Pages follow each other without a gap or a repetition, in every order",
    arguments: TorrentPage.Order.allCases, [false, true])
  func pages(order: TorrentPage.Order, isReversed: Bool) throws {
    let tracker = try tracker(torrents: 100)
    var found: [TorrentPage.Place] = []
    var cursor = ""
    repeat {
      let query = "limit=30&sort=\(order.rawValue)\(isReversed ? "&order=reversed" : "")\(cursor)"
      let page = try json(admin(tracker, "/api/torrents", query))
      for torrent in page["torrents"]?.array ?? [] {
        let hash = try #require((torrent["info_hash"]?.string).flatMap { InfoHash(hexadecimal: $0) })
        let counts = tracker.service.core.scrape(hash)
        #expect(
          torrent["seeds"] == JSONValue(counts.seeds) && torrent["leeches"] == JSONValue(counts.leeches))
        found.append(TorrentPage.Place(order.rank(counts), hash))
      }
      cursor = page["next"]?.string.map { "&cursor=\($0)" } ?? ""
    } while !cursor.isEmpty
    #expect(found.count == 100)
    #expect(found == (isReversed ? found.sorted().reversed() : found.sorted()))
    #expect(Set(found.map(\.hash)) == Set((0..<100).map(hash)))
  }

  @Test("Lists take turns: strangers wait a while after one, the administrator does not")
  func turns() throws {
    let gate = ScanGate()
    #expect(gate.enter(now: 100, isAdmin: false))
    #expect(!gate.enter(now: 101, isAdmin: true))
    gate.leave(entered: 100, now: 110)
    #expect(!gate.enter(now: 149, isAdmin: false))
    #expect(gate.enter(now: 149, isAdmin: true))
    gate.leave(entered: 149, now: 149)
    #expect(gate.enter(now: 150, isAdmin: false))
  }

  @Test("A torrent is shown with its peers and pieces; addresses only to the administrator")
  func torrent() throws {
    let tracker = try tracker()
    _ = try tracker.announce("203.0.113.1", left: 0)
    _ = try tracker.announce("203.0.113.2", .paused, extra: "&x_have=0-9")
    _ = try tracker.announce("2001:db8::1", extra: "&x_have=4")
    tracker.pass(7)
    let path = "/api/torrents/\(hash(1))"
    let open = try json(tracker.get(path))
    #expect(open["seeds"] == 1 && open["leeches"] == 2 && open["downloaders"] == 1)
    #expect(open["pieces"]?["reporting"] == 2 && open["pieces"]?["highest"] == 10)
    let peers = try #require(open["peers"]?.array)
    #expect(peers.count == 3 && peers.allSatisfy { $0["address"] == nil && $0["age"] == 7 })
    #expect(Set(peers.compactMap { $0["pieces"]?.integer }) == [1, 10])
    #expect(!String(decoding: tracker.get(path).body, as: UTF8.self).contains("203.0.113"))
    let shown = try json(admin(tracker, path))["peers"]?.array?.compactMap { $0["address"]?.string }
    #expect(Set(shown ?? []) == ["203.0.113.1:6881", "203.0.113.2:6881", "[2001:db8::1]:6881"])
    let wrong = admin(tracker, path, token: "secreT")
    #expect(!String(decoding: wrong.body, as: UTF8.self).contains("203.0.113"))
  }

  @Test("Peers of a torrent come in pages")
  func peerPages() throws {
    let tracker = try tracker()
    for number in 1...25 {
      _ = try tracker.announce(number % 2 == 0 ? "203.0.113.1" : "2001:db8::1", port: UInt16(number))
    }
    var seen: [String] = []
    var next: Int64? = 0
    while let first = next {
      let page = try json(admin(tracker, "/api/torrents/\(hash(1))", "limit=7&first=\(first)"))
      seen += (page["peers"]?.array ?? []).compactMap { $0["address"]?.string }
      next = page["next"]?.integer
    }
    #expect(seen.count == 25 && Set(seen).count == 25)
  }

  @Test("The dump has everything, and is for the administrator")
  func dump() throws {
    let tracker = try tracker(torrents: 50)
    #expect(tracker.get("/api/dump").status == 401)
    #expect(admin(tracker, "/api/dump", token: "").status == 401)
    let response = admin(tracker, "/api/dump")
    var lines: [UInt8] = []
    while let part = response.stream?() { lines += part }
    let torrents = try lines.split(separator: 10).map { try JSONValue(utf8: Array($0)) }
    #expect(Set(torrents.compactMap { $0["info_hash"]?.string }) == Set((0..<50).map { "\(hash($0))" }))
    let peers = torrents.reduce(0) { $0 + ($1["peers"]?.array?.count ?? 0) }
    #expect(peers == tracker.service.core.table.statistics.peers)
    let closed = TestTracker()
    #expect(admin(closed, "/api/dump", token: "").status == 401)
  }

  @Test(
    "What makes no sense is said to be so",
    arguments: [
      ("/api/torrents", "limit=0", 400), ("/api/torrents", "limit=x", 400),
      ("/api/torrents", "sort=name", 400),
      ("/api/torrents", "cursor=zz", 400), ("/api/torrents/zz", "", 400),
      ("/api/torrents/00000000000000000000", "", 400),
      ("/api/torrents/0000000000000000000000000000000000000000", "", 404), ("/api/nothing", "", 404),
    ])
  func faults(path: String, query: String, status: Int) throws {
    let response = TestTracker().get(path, query)
    #expect(response.status == status)
    #expect(try json(response)["error"]?.string?.isEmpty == false)
    #expect(TestTracker().get("/api/torrents", method: "POST").status == 405)
  }

  @Test("Every path is described, and every path that is described is answered")
  func description() throws {
    let tracker = try tracker(torrents: 1)
    let document = try json(tracker.get("/api/openapi.json"))
    #expect(document["openapi"]?.string == "3.1.0")
    guard case .object(let paths) = document["paths"] else {
      Issue.record("there are no paths")
      return
    }
    #expect(Set(paths.map(\.name)) == Set(TrackerService.routes.map(\.path)))
    for path in paths {
      guard case .object(let operations) = path.value else { continue }
      for operation in operations {
        let real = path.name.split(separator: "/").map { $0 == "{hash}" ? "\(hash(0))" : String($0) }
        let response = tracker.service.answer(
          HTTPRequest(
            method: operation.name.uppercased(), path: "/" + real.joined(separator: "/"), query: [],
            remote: Endpoint(.loopbackV4, port: 1), headers: ["Authorization": "Bearer secret"], body: []))
        #expect(response.status != 404 && response.status != 405, "\(path.name)")
        // Every member of an answer is in its schema.
        let schema = operation.value["responses"]?["200"]?["content"]?["application/json"]?["schema"]
        guard case .object(let properties)? = schema?["properties"],
          case .object(let members) = try json(response)
        else { continue }
        #expect(Set(members.map(\.name)).isSubset(of: Set(properties.map(\.name))), "\(path.name)")
      }
    }
  }

  @Test("A dump larger than any buffer arrives whole, over a connection")
  func overHTTP() async throws {
    let part = [UInt8](repeating: 122, count: 100_000)
    let server = try HTTPServer(listen: [Endpoint(.loopbackV4, port: 0)]) { _ in
      let left = Countdown(30)
      var response = HTTPResponse(contentType: "text/plain", body: [])
      response.stream = { left.next() ? part : nil }
      return response
    }
    defer { server.stop() }
    let address = try #require(server.boundEndpoints.first)
    let answer = try await onThread {
      try HTTPExchange("GET", "/", at: TestAddress(ip: "127.0.0.1", port: address.port))
    }
    #expect(answer.status == 200)
    #expect(answer.body.count { $0 == 122 } == 3_000_000)
  }
}
