import Addresses
import Bytes
import Digest
import Testing
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

@Suite("What the tracker tells about itself")
struct StatusTests {
  @Test("Metrics are a valid exposition with a help and a type for each, and count what was done")
  func metrics() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.1", left: 0, .started)
    _ = try tracker.announce("2001:db8::1", left: 1)
    let page = text(tracker.get("/metrics"))
    let samples = try exposition(page)
    #expect(samples["apus_tracker_torrents"] == 1)
    #expect(samples["apus_tracker_peers{kind=\"seed\"}"] == 1)
    #expect(samples["apus_tracker_announces_total{transport=\"http\",family=\"ipv4\"}"] == 1)
    #expect(samples["apus_tracker_announces_total{transport=\"http\",family=\"ipv6\"}"] == 1)
    #expect(samples["apus_tracker_announce_events_total{event=\"started\"}"] == 1)
    #expect((samples["process_resident_memory_bytes"] ?? 0) > 1e6)
    #expect((samples["process_open_fds"] ?? 0) > 2)
    #expect((samples["process_start_time_seconds"] ?? 0) > 1.6e9)
    #expect(
      samples["apus_tracker_announce_seconds_bucket{le=\"+Inf\"}"]
        == samples["apus_tracker_announce_seconds_count"])
  }

  @Test("Metrics tell what the extensions do and what memory they take")
  func extensions() throws {
    let tracker = TestTracker()
    let none = try exposition(text(tracker.get("/metrics")))
    for name in [
      "batches_total", "batch_entries_total", "batch_torrents", "piece_reports_total", "pieces_bytes",
    ] {
      #expect(none["apus_tracker_" + name] == 0, "\(name)")
    }
    #expect(none["apus_tracker_ranked_torrents"] == 0 && none["apus_tracker_rank_bytes"] == 0)
    #expect(none["apus_tracker_pieces_limit_bytes"] == Double(64 << 20))
    #expect(none["apus_tracker_rank_limit_bytes"] == Double(32 << 20))

    _ = try tracker.announce("203.0.113.1", extra: "&x_have=0-3")
    _ = try tracker.announce("203.0.113.2", extra: "&x_rank=1")
    _ = try tracker.batch(
      [
        .init(infoHash: hash(2)), .init(infoHash: hash(3), query: Array("x_got=".utf8)),
        .init(infoHash: hash(4), query: Array("x_rank=1".utf8)),
      ])
    _ = tracker.post("/announce", [])
    tracker.pass(1)
    let some = try exposition(text(tracker.get("/metrics")))
    #expect(some["apus_tracker_batches_total"] == 1)
    #expect(some["apus_tracker_batch_entries_total"] == 3)
    #expect(some["apus_tracker_batch_torrents"] == 3)
    #expect(some["apus_tracker_piece_reports_total"] == 2)
    #expect(some["apus_tracker_ranked_torrents"] == 2)
    let books = tracker.service.core.extensions
    #expect(books.pieces.memory > 0 && books.rank.memory > 0)
    #expect(some["apus_tracker_pieces_bytes"] == Double(books.pieces.memory))
    #expect(some["apus_tracker_rank_bytes"] == Double(books.rank.memory))
  }

  /// Reads an exposition as strictly as Prometheus does.
  private func exposition(_ page: String) throws -> [String: Double] {
    var types: Set<String> = []
    var samples: [String: Double] = [:]
    for line in page.split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        #expect(types.insert(String(words[2])).inserted, "\(line)")
        #expect(["counter", "gauge", "histogram"].contains(words[3]))
        #expect(words[3] != "counter" || words[2].hasSuffix("_total"))
        continue
      }
      if line.hasPrefix("# HELP ") { continue }
      let match = try #require(
        try /([a-z_0-9]+)(\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\})? (\S+)/.wholeMatch(
          in: line), "\(line)")
      var name = String(match.1)
      for suffix in ["_bucket", "_sum", "_count"] where !types.contains(name) && name.hasSuffix(suffix) {
        name.removeLast(suffix.count)
      }
      #expect(types.contains(name), "\(line)")
      let key = String(match.1) + (match.2.map(String.init) ?? "")
      #expect(samples.updateValue(try #require(Double(match.3)), forKey: key) == nil, "\(line)")
    }
    return samples
  }

  @Test("Times fall into the bucket whose bound they do not pass")
  func histogram() {
    let histogram = Histogram()
    for time: UInt64 in [0, 500, 501, 1000, 1001, 262_144_000, 262_144_001, .max / 4] {
      histogram.observe(nanoseconds: time)
    }
    let counts = histogram.values.counts
    #expect(counts.count == 21)
    #expect(counts[0] == 2 && counts[1] == 2 && counts[2] == 1)
    #expect(counts[19] == 1 && counts[20] == 2)
    #expect(Histogram.quantile(0.5, of: [1, 8, 1]) == 1000)
    #expect(Histogram.quantile(0.5, of: [0, 0]) == nil)
  }

  @Test("The history keeps 24 hours in order and counts by the minute")
  func history() {
    let history = TrackerHistory()
    for minute in 0..<1500 {
      history.add(
        time: Int64(minute * 60), SwarmStatistics(),
        .init(announces: minute * 10 + 7, scrapes: minute, failures: 0), memory: 1)
    }
    #expect(history.minutes.count == 1440)
    #expect(history.minutes.map(\.time) == (60..<1500).map { Int64($0 * 60) })
    #expect(history.minutes.allSatisfy { $0.announces == 10 && $0.scrapes == 1 })
  }

  @Test("Clients are counted by their names, and made-up ones only up to a bound")
  func clients() {
    let clients = ClientCounts()
    func count(_ id: String, now: UInt32 = 0) {
      let bytes = Array(id.utf8) + [UInt8](repeating: 0x78, count: 20 - id.utf8.count)
      clients.count(AnnouncedPeerID(bytes.rawBytes, at: 0), now: now)
    }
    for _ in 0..<3 { count("-qB4250-") }
    count("-qB4390-")
    count("-TR3000-")
    count("M7-10-5--")
    #expect(clients.names.map(\.name) == ["qBittorrent", "BitTorrent", "Transmission"])
    #expect(clients.names.first?.count == 4)
    for number in 0..<1000 {
      count(
        "-\(Character(Unicode.Scalar(UInt8(65 + number % 26))))\(Character(Unicode.Scalar(UInt8(65 + number / 26))))0000-"
      )
    }
    #expect(clients.names.count <= ClientCounts.places + 1)
    #expect(clients.names.contains { $0.name == ClientCounts.others })
    // Two hours later nobody remembers them.
    count("-TR4000-", now: 3600)
    count("-TR4000-", now: 7200)
    #expect(clients.names.map(\.name) == ["Transmission"])
  }

  @Test("The page is whole without a script, loads nothing from elsewhere and escapes what strangers sent")
  func page() throws {
    let tracker = TestTracker()
    _ = try tracker.announce("203.0.113.1", left: 0)
    for minute in 0..<3 { tracker.service.core.status.note(tracker.service.core, time: Int64(minute) * 60) }
    let response = tracker.get("/")
    let html = text(response)
    #expect(response.contentType.hasPrefix("text/html"))
    let policy = response.headers.first { $0.name == "Content-Security-Policy" }?.value
    #expect(policy?.hasPrefix("default-src 'none'") == true && policy?.contains("unsafe") == false)
    #expect(html.contains("<dt>Torrents</dt><dd>1</dd>"))
    #expect(html.contains("<svg") && html.contains("aria-label=\"Peers: seeds 1 now, 1 to 1"))
    #expect(!html.contains("http://") && !html.contains("https://") && !html.contains("style=\""))
    #expect(!html.contains("<script>") && !html.contains("onclick"))
    #expect(HTML.escaped("<a b=\"c\">'&") == "&lt;a b=&quot;c&quot;&gt;&#39;&amp;")
    #expect(tracker.get("/status.css").contentType.hasPrefix("text/css"))
    #expect(tracker.get("/status.js").contentType.hasPrefix("text/javascript"))
  }

  @Test("Present rates are those of the last ten seconds")
  func present() throws {
    let tracker = TestTracker()
    let core = tracker.service.core
    core.status.tick(core)
    for number in 0..<20 {
      _ = try tracker.announce("203.0.113.\(number)")
      core.status.tick(core)
    }
    let present = core.status.present(core, time: 60)
    #expect(present.announces == 60 && present.failures == 0 && present.peers == 20)
    #expect(core.status.largest.map(\.size) == [20])
  }

  @Test("The largest torrents are kept, whatever the order they come in")
  func largest() throws {
    var top = Largest(limit: 3)
    for size in [1, 5, 0, 3, 4, 2, 9, 1] {
      top.add(.init(infoHash: hash(size), seeds: size, leeches: 0, downloaded: 0))
    }
    #expect(Set(top.torrents.map(\.size)) == [4, 5, 9])
  }

  @Test("Charts end at round figures")
  func scale() {
    #expect(
      [0, 0.5, 1, 1.1, 3, 7, 10, 99, 101].map(LineChart.ceiling) == [1, 0.5, 1, 1.5, 3, 8, 10, 100, 150])
    #expect(Figure.grouped(1_234_567) == "1,234,567")
    #expect(Figure.grouped(-999) == "-999")
    #expect(Figure.short(0.05) == "0.1" && Figure.short(12.7) == "13")
    #expect(Figure.bytes(1536) == "1.5 KiB")
  }

  @Test("Pages are made once a second, however many ask")
  func cache() throws {
    let tracker = TestTracker()
    func torrents() -> Bool { text(tracker.get("/metrics")).contains("\napus_tracker_torrents 1\n") }
    #expect(!torrents())
    _ = try tracker.announce("203.0.113.1")
    #expect(!torrents())
    tracker.pass(1)
    #expect(torrents())
  }

  @Test("Health is bad once the loop does not turn")
  func health() {
    let tracker = TestTracker()
    #expect(tracker.get("/health").status == 200)
    tracker.pass(60)
    #expect(tracker.get("/health").status == 503)
    tracker.service.core.status.tick(tracker.service.core)
    #expect(tracker.get("/health").status == 200)
  }

  @Test("A snapshot that cannot be written is told of, but no reason to stop the tracker")
  func snapshotFault() {
    let tracker = TestTracker()
    func health() -> (Int, String) {
      let response = tracker.get("/health")
      return (response.status, String(decoding: response.body, as: UTF8.self))
    }
    tracker.service.core.note(snapshotFault: "no space left")
    let (status, text) = health()
    #expect(status == 200)
    #expect(text.contains("degraded") && text.contains("no space left"), "\(text)")
    tracker.service.core.note(snapshotFault: nil)
    #expect(health().1.contains("\"ok\""))
  }

  @Test("Reloading is the administrator's alone")
  func reload() {
    let tracker = TestTracker()
    #expect(tracker.get("/api/admin/reload", method: "POST").status == 401)
    #expect(tracker.get("/api/admin/reload").status == 405)
  }
}
