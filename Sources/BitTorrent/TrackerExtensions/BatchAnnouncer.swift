import Bytes
import EventLoop
import PeerProtocol
import TrackerProtocol
import Transfer

/// Sends announces of many torrents to one tracker as one request, where the tracker takes that (X6 of
/// docs/EXTENSIONS.md). What comes within a moment goes together. Confined to one loop.
final class BatchAnnouncer {
  /// What goes together: one announce URL, over one family of addresses, with one port of ours.
  struct Place: Hashable {
    let url: String
    let family: AddressFamily
    let port: UInt16
  }

  typealias Reply = (isolated Loop, Result<AnnounceReply, TrackerRefusal>) -> Void

  /// Who waits for an answer.
  class Waiting {
    fileprivate var then: Reply?

    init(_ then: @escaping Reply) { self.then = then }

    /// Hands the answer on, once.
    func take(_ reply: Result<AnnounceReply, TrackerRefusal>, on loop: isolated Loop) {
      then.take()?(loop, reply)
    }
  }

  /// One announce of a batch.
  final class Ticket: Waiting {
    fileprivate let entry: BatchRequest.Entry

    fileprivate init(_ entry: BatchRequest.Entry, _ then: @escaping Reply) {
      self.entry = entry
      super.init(then)
    }

    /// Nobody is told of the answer. If it has not left it does not leave.
    func cancel() { then = nil }
  }

  /// Announces that went together.
  private final class Batch {
    let place: Place
    let tickets: [Ticket]

    init(_ place: Place, _ tickets: [Ticket]) {
      self.place = place
      self.tickets = tickets
    }
  }

  private let peerID: PeerID
  private let http: HTTPClient
  private let gate: AnnounceGate
  private let key = UInt32.random(in: 0 ... .max)
  /// Torrents that a tracker takes at once, by its announce URL.
  private var limits: [String: Int] = [:]
  /// Until when a tracker whose batches failed gets none, whatever it offers.
  private var failed: [String: Instant] = [:]
  private var waiting: [Place: [Ticket]] = [:]
  private var timer: LoopTimer?
  /// Requests that were sent, for tests.
  private(set) var requests = 0

  /// Seconds that announces wait for others.
  private static let pause = 0.1
  /// Torrents of a batch, whatever a tracker takes: the answer stays below `answerLimit`.
  private static let torrentLimit = 10_000
  private static let answerLimit = 8 << 20
  private static let patience = 30.0
  private static let pauseAfterFailure = 600.0

  init(peerID: PeerID, http: HTTPClient, gate: AnnounceGate) {
    self.peerID = peerID
    self.http = http
    self.gate = gate
  }

  /// Whether a tracker takes batches.
  func offers(_ url: String) -> Bool { limits[url] != nil }

  /// A tracker says that it takes batches of so many torrents. Announces that wait for their turn there wait no
  /// more: they go together.
  func offered(_ url: String, limit: Int, on loop: isolated Loop) {
    if let until = failed[url] {
      guard loop.now >= until else { return }
      failed[url] = nil
    }
    let isNew = limits.updateValue(min(limit, Self.torrentLimit), forKey: url) == nil
    if isNew { gate.open(url, on: loop) }
  }

  /// There was no way to anybody: it was not the trackers that failed.
  func networkFound() { failed = [:] }

  /// Adds an announce to the next batch; `then` gets what came of it.
  func add(
    _ request: AnnounceRequest, _ query: ExtensionQuery?, to place: Place, on loop: isolated Loop,
    then: @escaping Reply
  ) -> Ticket {
    let entry = BatchRequest.Entry(
      infoHash: request.infoHash, event: request.event, uploaded: request.uploaded,
      downloaded: request.downloaded, left: request.left, wanted: request.wanted,
      query: query.map { Array($0.query.utf8) } ?? [])
    let ticket = Ticket(entry, then)
    waiting[place, default: []].append(ticket)
    if timer == nil {
      let me = Confined(self, on: loop)
      timer = loop.timer { loop in me.value(on: loop).send(on: loop) }
      timer?.set(after: Self.pause)
    }
    return ticket
  }

  private func send(on loop: isolated Loop) {
    timer?.close()
    timer = nil
    let all = waiting
    waiting = [:]
    for (place, tickets) in all {
      let limit = max(1, limits[place.url] ?? 1)
      let alive = tickets.filter { $0.then != nil }
      for start in stride(from: 0, to: alive.count, by: limit) {
        post(Batch(place, Array(alive[start..<min(start + limit, alive.count)])), on: loop)
      }
    }
  }

  private func post(_ batch: Batch, on loop: isolated Loop) {
    requests += 1
    let place = batch.place
    let request = BatchRequest(
      peerID: peerID.bytes, port: place.port, key: key, entries: batch.tickets.map(\.entry))
    let limits = HTTPLimits(
      maximumBytes: Self.answerLimit, timeout: Self.patience, family: place.family)
    let (me, sent) = (Confined(self, on: loop), Confined(batch, on: loop))
    http.post(place.url, body: request.encoded(), limits: limits, on: loop) { loop, result in
      let reply = TrackerRefusal.read(result) { bytes throws(TrackerFault) in try BatchReply(bytes) }
      me.value(on: loop).answered(reply, sent.value(on: loop), on: loop)
    }
  }

  private func answered(
    _ reply: Result<BatchReply, TrackerRefusal>, _ batch: Batch, on loop: isolated Loop
  ) {
    let tickets = batch.tickets
    var failure = TrackerRefusal(reason: "the answer to a batch lacks torrents")
    switch reply {
    case .success(let reply) where reply.results.count == tickets.count:
      for (ticket, result) in zip(tickets, reply.results) {
        switch result {
        case .reply(let reply): ticket.take(.success(reply), on: loop)
        case .refused(let reason):
          var refusal = TrackerRefusal(reason: reason)
          refusal.isFromTracker = true
          ticket.take(.failure(refusal), on: loop)
        }
      }
      return
    case .success: break
    case .failure(let refusal): failure = refusal
    }
    // It may not take batches any more: the next time each goes alone, a few a second.
    limits[batch.place.url] = nil
    failed[batch.place.url] = loop.now + Self.pauseAfterFailure
    gate.close(batch.place.url)
    for ticket in tickets { ticket.take(.failure(failure), on: loop) }
  }

  /// What waits does not leave any more.
  func close(on loop: isolated Loop) {
    timer?.close()
    timer = nil
    waiting = [:]
  }
}
