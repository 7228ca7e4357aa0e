import Addresses
import Bytes
import Digest
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

private func announcement(
  _ torrent: Int, _ address: String = "203.0.113.1", passkey: Passkey? = nil,
  _ event: AnnounceEvent = .regular
) -> Announcement {
  Announcement(
    infoHash: hash(torrent), peer: Endpoint(IPAddress(address) ?? .anyV4, port: 1),
    peerID: AnnouncedPeerID([UInt8](repeating: 1, count: 20).rawBytes, at: 0), left: 1, event: event,
    passkey: passkey)
}

private func key(_ digit: String) -> Passkey? { Passkey(String(repeating: digit, count: 32).utf8) }

@Suite("Who may announce what")
struct AccessTests {
  @Test("A set has what it was made of, once, and nothing else")
  func sets() {
    let hashes = (0..<10_000).map { _ in InfoHash([UInt8].random(count: 20)) }.compactMap(\.self)
    let set = InfoHashSet(hashes + hashes, seed: 3)
    #expect(set.count == 10_000)
    #expect(hashes.allSatisfy(set.contains))
    #expect((0..<10_000).allSatisfy { _ in !set.contains(InfoHash([UInt8].random(count: 20)) ?? hashes[0]) })
    #expect(!InfoHashSet([], seed: 0).contains(hashes[0]))
  }

  @Test("Lists serve what they allow and not what they deny")
  func lists() {
    let rules = AccessRules()
    #expect(rules.refusal(of: hash(1), passkey: nil) == nil)
    rules.replace(by: AccessLists(denied: InfoHashSet([hash(1)], seed: 1)), now: 0)
    #expect(rules.refusal(of: hash(1), passkey: nil) == .notAllowed)
    #expect(rules.refusal(of: announcement(1), now: 0) == .notAllowed)
    #expect(rules.refusal(of: announcement(2), now: 0) == nil)
    rules.replace(
      by: AccessLists(
        allowed: InfoHashSet([hash(1), hash(2)], seed: 1), denied: InfoHashSet([hash(2)], seed: 1)),
      now: 0)
    #expect(rules.refusal(of: announcement(1), now: 0) == nil)
    #expect(rules.refusal(of: announcement(2), now: 0) == .notAllowed)
    #expect(rules.refusal(of: announcement(3), now: 0) == .notAllowed)
    rules.replace(by: nil, now: 0)
    #expect(rules.refusal(of: announcement(3), now: 0) == nil)
    rules.forget(now: 100)
  }

  @Test("Only passkeys of the list are served, each within its caps")
  func passkeys() throws {
    let (one, two) = (try #require(key("1")), try #require(key("2")))
    let rules = AccessRules()
    func book(_ members: [PasskeyBook.Member]) -> AccessLists {
      AccessLists(passkeys: PasskeyBook(members, lifetime: 100, seed: 5))
    }
    rules.replace(by: book([.init(passkey: one, torrents: 2, addresses: 2)]), now: 0)
    #expect(rules.refusal(of: hash(1), passkey: nil) == .unknownPasskey)
    #expect(rules.refusal(of: hash(1), passkey: two) == .unknownPasskey)
    #expect(rules.refusal(of: hash(1), passkey: one) == nil)
    #expect(rules.refusal(of: announcement(1), now: 0) == .unknownPasskey)
    #expect(rules.refusal(of: announcement(1, passkey: two), now: 0) == .unknownPasskey)
    for _ in 0..<3 {
      for torrent in [1, 2] {
        #expect(rules.refusal(of: announcement(torrent, passkey: one), now: 0) == nil)
      }
    }
    #expect(rules.refusal(of: announcement(3, passkey: one), now: 50) == .tooManyTorrentsOfPasskey)
    // One that leaves makes room; so does time.
    #expect(rules.refusal(of: announcement(1, passkey: one, .stopped), now: 50) == nil)
    #expect(rules.refusal(of: announcement(3, passkey: one), now: 50) == nil)
    #expect(rules.refusal(of: announcement(4, passkey: one), now: 100) == .tooManyTorrentsOfPasskey)
    #expect(rules.refusal(of: announcement(4, passkey: one), now: 101) == nil)
    // Addresses of one network of 64 bits are one.
    for address in ["2001:db8::1", "2001:db8::2"] {
      #expect(rules.refusal(of: announcement(4, address, passkey: one), now: 102) == nil)
    }
    #expect(rules.refusal(of: announcement(4, "2001:db8:1::1", passkey: one), now: 102) == .tooManyAddresses)
    // What was used goes on counting when the list is read again.
    rules.replace(
      by: book([
        .init(passkey: two, torrents: 0, addresses: 0), .init(passkey: one, torrents: 2, addresses: 2),
      ]),
      now: 103)
    #expect(rules.refusal(of: announcement(4, "2001:db8:1::1", passkey: one), now: 103) == .tooManyAddresses)
    for torrent in 1..<100 {
      #expect(rules.refusal(of: announcement(torrent, passkey: two), now: 103) == nil)
    }
  }

  @Test("A scrape of everything has what the lists serve, for those who have a passkey if one is needed")
  func fullScrape() throws {
    var configuration = TrackerConfiguration(listen: [])
    configuration.fullScrapeInterval = 3600
    let core = TrackerCore(configuration, seed: 7) { 1000 }
    let service = TrackerService(core)
    var reply = SwarmReply()
    for number in 1...6 {
      #expect(core.announce(announcement(number), now: 1000, random: 1, into: &reply) == nil)
    }
    func ask(_ path: String, from address: UInt32) -> [UInt8] {
      service.answer(
        HTTPRequest(
          method: "GET", path: path, query: [], remote: Endpoint(IPAddress(v4: address), port: 1),
          headers: ["Accept-Encoding": "gzip"], body: [])
      ).body
    }
    // Each from another address, as an address gets one an hour.
    var asked: UInt32 = 0
    func scraped(_ path: String) throws -> Set<InfoHash> {
      asked += 1
      return Set(try ScrapeReply(unpacked(ask(path, from: asked))).swarms.keys)
    }
    #expect(try scraped("/scrape") == Set((1...6).map { hash($0) }))
    // What was packed before the lists changed is given to nobody any more.
    let denied = InfoHashSet([hash(2)], seed: 1)
    core.access.replace(by: AccessLists(denied: denied), now: 0)
    #expect(try scraped("/scrape") == Set([1, 3, 4, 5, 6].map { hash($0) }))
    let allowed = InfoHashSet([hash(1), hash(2), hash(9)], seed: 1)
    core.access.replace(by: AccessLists(allowed: allowed, denied: denied), now: 0)
    #expect(try scraped("/scrape") == [hash(1)])
    let one = try #require(key("1"))
    let book = PasskeyBook([.init(passkey: one, torrents: 0, addresses: 0)], lifetime: 100, seed: 5)
    core.access.replace(by: AccessLists(allowed: allowed, denied: denied, passkeys: book), now: 0)
    let refusal = TrackerRefusal.unknownPasskey
    let fault = TrackerFault.refused(reason: refusal.reason, retryIn: refusal.retryIn)
    for path in ["/scrape", "/\(String(repeating: "2", count: 32))/scrape"] {
      #expect(throws: fault) { try ScrapeReply(ask(path, from: 1000)) }
    }
    // Who was refused has not used up what an address may have.
    let path = "/\(String(repeating: "1", count: 32))/scrape"
    #expect(try ScrapeReply(unpacked(ask(path, from: 1000))).swarms.keys.map(\.self) == [hash(1)])
    core.access.replace(by: nil, now: 0)
    #expect(try scraped("/scrape").count == 6)
  }

  @Test("A denied torrent is not betrayed to who has no passkey")
  func order() throws {
    let one = try #require(key("1"))
    let lists = AccessLists(
      denied: InfoHashSet([hash(1)], seed: 1),
      passkeys: PasskeyBook([.init(passkey: one, torrents: 0, addresses: 0)], lifetime: 1, seed: 1))
    #expect(lists.refusal(of: announcement(1), now: 0) == .unknownPasskey)
    #expect(lists.refusal(of: announcement(1, passkey: one), now: 0) == .notAllowed)
  }

  @Test("Files of lists have comments, remarks and both lengths of info-hashes")
  func files() throws {
    let text = """
      # ours
      \(String(repeating: "0a", count: 20))  a remark # more

      \(String(repeating: "0B", count: 32))\r
      """
    let hashes = try AccessFiles.infoHashes(Array(text.utf8))
    #expect(
      hashes == [InfoHash([UInt8](repeating: 10, count: 20)), InfoHash([UInt8](repeating: 11, count: 20))])
    #expect(
      throws: AccessFiles.Fault(line: 2, problem: "'0a0' is no info-hash of 40 or 64 hexadecimal digits")
    ) {
      try AccessFiles.infoHashes(Array("\n0a0".utf8))
    }
    let secret = String(repeating: "5", count: 32)
    let members = try AccessFiles.members(
      Array("\(secret)\n\(secret.replacing("5", with: "6")) ann torrents=7 addresses=0".utf8), torrents: 3,
      addresses: 4)
    #expect(members.map(\.torrents) == [3, 7] && members.map(\.addresses) == [4, 0])
    let faults = ["x\(secret)", "\(secret) torrents=-1", "\(secret) addresses=10001"].map { line in
      #expect(throws: AccessFiles.Fault.self) {
        try AccessFiles.members(Array(line.utf8), torrents: 0, addresses: 0)
      }?.problem ?? ""
    }
    #expect(faults.allSatisfy { !$0.isEmpty && !$0.contains("5555") })
  }

  @Test("The token must be right to the last character")
  func token() {
    func request(_ header: String?) -> HTTPRequest {
      HTTPRequest(
        method: "GET", path: "/", query: [], remote: Endpoint(.loopbackV4, port: 1),
        headers: header.map { ["Authorization": $0] } ?? [:], body: [])
    }
    #expect(AdminToken.isIn(request("Bearer sesame"), "sesame"))
    #expect(AdminToken.isIn(request("bearer sesame"), "sesame"))
    for wrong in ["Bearer sesam", "Bearer sesamE", "Bearer sesame ", "Basic sesame", "Bearer ", "sesame", ""]
    {
      #expect(!AdminToken.isIn(request(wrong), "sesame"))
    }
    #expect(!AdminToken.isIn(request(nil), "sesame"))
    #expect(!AdminToken.isIn(request("Bearer "), ""))
    #expect(!AdminToken.isIn(request("Bearer sesame"), nil))
  }
}

@Suite("What a curated tracker tells")
struct CuratedTrackerTests {
  @Test("A denied torrent is refused with a reason, counted, and its swarm is not told of")
  func denied() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.1", left: 0)
    let core = tracker.service.core
    #expect(core.scrape(hash(1), for: nil).seeds == 1)
    core.access.replace(by: AccessLists(denied: InfoHashSet([hash(1)], seed: 9)), now: 0)
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 1, count: 20), port: 1, left: 1)
    let answer = String(decoding: tracker.get("/announce", request.query).body, as: UTF8.self)
    #expect(
      answer.contains("this tracker does not serve this torrent") && answer.contains("8:retry in5:never"))
    #expect(core.scrape(hash(1), for: nil).seeds == 0)
    #expect(core.counters.refusals.first { $0.name == "torrent_not_served" }?.count == 1)
  }

  @Test("Passkeys open a private tracker, in the path over HTTP and in the URL data over UDP")
  func passkeys() throws {
    let secret = String(repeating: "5", count: 32)
    func lists() throws -> AccessLists {
      let members = try AccessFiles.members(Array(secret.utf8), torrents: 1, addresses: 0)
      return AccessLists(passkeys: PasskeyBook(members, lifetime: 100, seed: 4))
    }
    let tracker = TestTracker()
    tracker.service.core.access.replace(by: try lists(), now: 1000)
    func ask(_ path: String, _ torrent: Int) -> String {
      let request = AnnounceRequest(
        infoHash: hash(torrent), peerID: [UInt8](repeating: 1, count: 20), port: 1, left: 1)
      return String(decoding: tracker.get(path, request.query).body, as: UTF8.self)
    }
    #expect(ask("/announce", 1).contains("passkey unknown"))
    #expect(ask("/\(String(repeating: "6", count: 32))/announce", 1).contains("passkey unknown"))
    #expect(ask("/\(secret)/announce", 1).contains("8:interval"))
    #expect(ask("/\(secret)/announce", 2).contains("too many torrents"))

    var stage = UDPStage()
    stage.server.core.access.replace(by: try lists(), now: 1000)
    let client = Endpoint(IPAddress("203.0.113.9") ?? .anyV4, port: 4)
    func request(_ torrent: Int) -> AnnounceRequest {
      AnnounceRequest(infoHash: hash(torrent), peerID: [UInt8](repeating: 1, count: 20), port: 4, left: 1)
    }
    let path = Array("/\(secret)/announce".utf8)
    let id = try stage.connect(client)
    #expect(
      try stage.ask(.announce(request(1), connection: id, data: []), from: client)
        == .error("passkey unknown"))
    guard case .announce = try stage.ask(.announce(request(1), connection: id, data: path), from: client)
    else {
      Issue.record("the passkey is not taken")
      return
    }
    #expect(
      try stage.ask(.announce(request(2), connection: id, data: path), from: client)
        == .error("too many torrents"))
    #expect(tracker.service.core.counters.refusals.map(\.count) == [0, 0, 2, 1])
  }
}
