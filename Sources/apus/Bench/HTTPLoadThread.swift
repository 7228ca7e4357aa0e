import Addresses
import Bytes
import CSystem
import EventLoop
import Glibc
import TrackerProtocol

/// A thread's share of a load over HTTP: requests leave at a fixed rate over connections that are kept, or each over
/// one of its own. One that finds all connections busy waits, and its wait counts.
struct HTTPLoadThread {
  /// How much a thread has to do.
  struct Share: Sendable {
    var tracker: Endpoint
    /// Path and query of the announce URL.
    var path: String
    var host: String
    var population: SwarmPopulation
    var mix: TrackerMix
    var wanted: Int
    var connections: Int
    var isKept: Bool
    var seed: UInt64
    var rate: Double
    var seconds: Double
    var filling: (first: Int, step: Int)?
  }

  private let share: Share
  private let kinds: [TrackerMix.Kind]
  private var connections: [HTTPLoadConnection]
  private var generator: SplitMix
  private var nextOfFill: Int
  private var passing = 0
  private var result = LoadResult()

  private init(_ share: Share) {
    self.share = share
    kinds = share.mix.table { $0 != .connect && $0 != .bad }
    connections = (0..<share.connections).map { HTTPLoadConnection(number: $0, isKept: share.isKept) }
    generator = SplitMix(state: share.seed)
    nextOfFill = share.filling?.first ?? 0
  }

  /// Does it, on the calling thread.
  static func run(_ share: Share) -> LoadResult {
    apus_pause_exactly()
    var thread = HTTPLoadThread(share)
    thread.run()
    for index in thread.connections.indices { thread.connections[index].close() }
    return thread.result
  }

  private var isFilled: Bool { share.filling != nil && nextOfFill >= share.population.peers }

  private mutating func run() {
    let start = Instant.now.nanoseconds
    var now = start
    var lastSend = start
    var begun = 0
    while true {
      let elapsed = Double(now - start) / 1e9
      let isOver = share.filling != nil ? isFilled : elapsed >= share.seconds
      let due = isOver ? 0 : Int(elapsed * share.rate) - begun
      if due > 0 {
        // When it was due, not when a connection was free.
        let rate = share.rate
        let count = begin(due, dueAt: { start + UInt64(Double(begun + $0) / rate * 1e9) })
        begun += count
        if count > 0 { lastSend = now }
      }
      let isIdle = !advance()
      if isOver, connections.allSatisfy({ !$0.isBusy }) || now - lastSend > 5 * UDPLoad.patience { break }
      if isIdle { apus_pause(50_000) }
      now = Instant.now.nanoseconds
    }
    result.seconds = Double(lastSend - start) / 1e9
  }

  private mutating func begin(_ due: Int, dueAt: (Int) -> UInt64) -> Int {
    var count = 0
    for index in connections.indices where count < due && !connections[index].isBusy && !isFilled {
      let (request, isScrape) = request(from: index)
      guard connections[index].begin(request, to: share.tracker, dueAt: dueAt(count)) else { continue }
      if isScrape { result.scrapes += 1 }
      result.sent += 1
      result.bytesOut += request.count
      count += 1
    }
    return count
  }

  /// Reads and writes what can be; whether anything moved.
  private mutating func advance() -> Bool {
    var isAny = false
    for index in connections.indices where connections[index].isBusy {
      let (moved, answer) = connections[index].advance()
      isAny = isAny || moved
      switch answer {
      case .none: break
      case .failed: result.malformed += 1
      case .body(let body, let bytes):
        result.answered += 1
        result.bytesIn += bytes
        result.latencies.record(Instant.now.nanoseconds - connections[index].dueAt)
        read(body)
      }
    }
    return isAny
  }

  private mutating func read(_ body: [UInt8]) {
    if body.starts(with: Array("d5:files".utf8)) { return }
    do throws(TrackerFault) {
      let reply = try AnnounceReply(body)
      result.announces += 1
      result.peers += reply.peersV4.count / 6 + reply.peersV6.count / 18
    } catch {
      if case .refused = error { result.errors += 1 } else { result.malformed += 1 }
    }
  }

  private mutating func request(from index: Int) -> (bytes: [UInt8], isScrape: Bool) {
    let population = share.population
    let dice = generator.next()
    var peer = Int((dice >> 8).multipliedFullWidth(by: UInt64(population.peers) << 8).high)
    var kind = kinds.isEmpty ? .announce : kinds[Int(dice & 255) % kinds.count]
    if let filling = share.filling {
      (peer, kind) = (nextOfFill, .vanish)
      nextOfFill += filling.step
    }
    guard let hash = population.infoHash(population.torrent(of: peer)) else { return ([], false) }
    if kind == .scrape, let target = ScrapeRequest(infoHashes: [hash]).url(announce: share.path) {
      return (get(target), true)
    }
    var port = population.port(of: peer)
    var event = AnnounceEvent.regular
    if kind == .stop { event = .stopped }
    if kind == .vanish {
      event = .started
      if share.filling == nil {
        passing += 1
        port = UInt16(61_100 + passing % 4400)
      }
    }
    var id = Array("-XX0001-".utf8)
    id.append(bigEndian: SwarmPopulation.mix(UInt64(peer)))
    id.append(bigEndian: UInt32(truncatingIfNeeded: peer))
    let announce = AnnounceRequest(
      infoHash: hash, peerID: id, port: port, left: population.isSeed(peer) ? 0 : 1 << 20, event: event,
      wanted: share.wanted)
    return (get(announce.url(on: share.path)), false)
  }

  private func get(_ target: String) -> [UInt8] {
    Array(
      """
      GET \(target) HTTP/1.1\r
      Host: \(share.host)\r
      User-Agent: apus-bench\r
      Connection: \(share.isKept ? "keep-alive" : "close")\r
      \r

      """.utf8)
  }
}
