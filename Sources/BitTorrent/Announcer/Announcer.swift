import Addresses
import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import TrackerProtocol
import Transfer

/// What an announcer asks of the torrent that it announces, and tells it.
protocol AnnouncerOwner: AnyObject {
  /// The figures of an announce.
  var announceFacts: AnnounceFacts { get }
  /// What the tracker said last, if it was not well.
  var trackerMessage: String? { get set }
  /// Peers that the tracker named.
  func learn(_ endpoints: [Endpoint], from source: PeerBook.Source, isV2Only: Bool, on loop: isolated Loop)
  /// Every `stopped` is through.
  func announcerStopped(on loop: isolated Loop)
}

/// The figures of an announce (BEP 3).
struct AnnounceFacts {
  var uploaded: UInt64 = 0
  var downloaded: UInt64 = 0
  var left: UInt64 = 0
  /// Peers asked for.
  var wanted = 0
}

/// Announces one info-hash of a torrent to its trackers: carries out what `TrackerList` decides over
/// HTTP. Confined to the torrent's loop. A hybrid torrent has two, one for each swarm (BEP 52).
final class Announcer {
  /// The largest reply that is read: 200 peers need 4 KiB; the dictionary form of many more this.
  private static let replyLimit = 1 << 20
  private static let patience = 20.0

  let infoHash: InfoHash
  var isV2Only: Bool
  /// The torrent, or its seat while it rests.
  unowned var owner: any AnnouncerOwner
  private let context: LoopContext
  private var list: TrackerList
  /// `stopped` waits until the trackers have heard that the download is complete.
  private var isWaitingToStop = false
  private var key = UInt32.random(in: 0 ... .max)
  private var tickets: [TrackerList.Index: AnnounceGate.Ticket] = [:]
  private var transfers: [TrackerList.Index: Transfer] = [:]
  private var random = SystemRandomNumberGenerator()

  init(
    _ owner: any AnnouncerOwner, infoHash: InfoHash, isV2Only: Bool, trackers: [[String]], isComplete: Bool,
    context: LoopContext
  ) {
    self.owner = owner
    self.infoHash = infoHash
    self.isV2Only = isV2Only
    self.context = context
    list = TrackerList(tiers: trackers, isComplete: isComplete, using: &random)
  }

  /// Whether nothing is under way or owed: what is left can wait for `deadline`.
  var isQuiet: Bool { tickets.isEmpty && !isWaitingToStop && !list.owesCompletion }

  /// When there is something to do next; `nil` if nothing is to come by itself.
  var deadline: Instant? {
    let seconds = list.deadline
    return seconds.isFinite ? Instant(nanoseconds: UInt64(max(0, seconds) * 1e9)) : nil
  }

  /// Whether every `stopped` is through.
  var isStopped: Bool { !isWaitingToStop && list.isStopped }

  func start(on loop: isolated Loop) {
    list.start(now: seconds(loop))
    tick(on: loop)
  }

  /// Carries out what is due. Called every second and after each outcome.
  func tick(on loop: isolated Loop) {
    carryOut(list.next(now: seconds(loop)), on: loop)
  }

  func completed(on loop: isolated Loop) {
    list.completed(now: seconds(loop))
    tick(on: loop)
  }

  /// All that is wanted is here, but not all there is: a partial seed (BEP 21).
  func hasAllThatIsWanted(on loop: isolated Loop) {
    list.setPartialSeed(true, now: seconds(loop))
    tick(on: loop)
  }

  /// More is wanted than there is, after all was here that was wanted before.
  func wantsMore(on loop: isolated Loop) {
    list.setPartialSeed(false, now: seconds(loop))
    tick(on: loop)
  }

  /// The torrent is short of peers.
  func wantPeers(on loop: isolated Loop) {
    list.announceEarly(now: seconds(loop))
  }

  func retry(on loop: isolated Loop) {
    list.retryAll(now: seconds(loop))
    tick(on: loop)
  }

  /// Tells the trackers that we leave; `isStopped` becomes true once that is through.
  func stop(on loop: isolated Loop) {
    isWaitingToStop = list.owesCompletion
    guard !isWaitingToStop else { return }
    // Who was not even asked yet does not know us and needs no goodbye.
    let unsent = tickets.keys.filter { transfers[$0] == nil && !list.trackers[$0].isStarted }
    for action in list.stop() {
      if case .announce(let index, _, _) = action, unsent.contains(index) {
        list.failed(index, "", now: seconds(loop), using: &random)
      } else {
        carryOut([action], on: loop)
      }
    }
  }

  /// Gives up whatever is under way.
  func close(on loop: isolated Loop) {
    for index in Array(tickets.keys) { end(index, on: loop) }
  }

  private func seconds(_ loop: isolated Loop) -> Double { Double(loop.now.nanoseconds) / 1e9 }

  private func carryOut(_ actions: [TrackerList.Action], on loop: isolated Loop) {
    for action in actions {
      switch action {
      case .announce(let index, let url, let event): announce(index, url, event, on: loop)
      case .cancel(let index): end(index, on: loop)
      }
    }
  }

  /// Announces as soon as the tracker's host can bear it.
  private func announce(
    _ index: TrackerList.Index, _ url: String, _ event: AnnounceEvent, on loop: isolated Loop
  ) {
    let me = Confined(self, on: loop)
    let ticket = context.gate.enter(url, isLast: event == .stopped, on: loop) { loop in
      me.value(on: loop).send(index, url, event, on: loop)
    }
    tickets[index] = ticket
    context.keepTime(on: loop)
  }

  private func send(_ index: TrackerList.Index, _ url: String, _ event: AnnounceEvent, on loop: isolated Loop)
  {
    let facts = owner.announceFacts
    let request = AnnounceRequest(
      infoHash: infoHash, peerID: context.peerID.bytes, port: context.listeningPort,
      uploaded: facts.uploaded, downloaded: facts.downloaded, left: facts.left, event: event,
      wanted: event == .stopped ? 0 : facts.wanted, key: key, trackerID: list.trackers[index].trackerID)
    let me = Confined(self, on: loop)
    let transfer = context.http.get(
      request.url(on: url), limits: HTTPLimits(maximumBytes: Self.replyLimit, timeout: Self.patience),
      on: loop
    ) { loop, result in
      me.value(on: loop).answered(index, result, on: loop)
    }
    transfers[index] = transfer
  }

  /// The request has ended or is given up.
  private func end(_ index: TrackerList.Index, on loop: isolated Loop) {
    transfers.removeValue(forKey: index)?.cancel(on: loop)
    if let ticket = tickets.removeValue(forKey: index) { context.gate.leave(ticket, on: loop) }
  }

  private func answered(
    _ index: TrackerList.Index, _ result: Result<HTTPReply, HTTPError>, on loop: isolated Loop
  ) {
    transfers[index] = nil
    if let ticket = tickets.removeValue(forKey: index) { context.gate.leave(ticket, on: loop) }
    let now = seconds(loop)
    let tracker = list.trackers[index].url
    switch Self.read(result) {
    case .success(let reply):
      list.succeeded(index, reply, now: now)
      owner.trackerMessage = reply.warning.map { "\(tracker): \($0)" }
      owner.learn(reply.peers, from: .tracker, isV2Only: isV2Only, on: loop)
    case .failure(let failure):
      list.failed(index, failure.reason, retryIn: failure.retryIn, now: now, using: &random)
      owner.trackerMessage = "\(tracker): \(failure.reason)"
    }
    tick(on: loop)
    if isWaitingToStop, !list.owesCompletion { stop(on: loop) }
    if isStopped { owner.announcerStopped(on: loop) }
  }

  private struct Refusal: Error {
    let reason: String
    var retryIn: RetryIn?
  }

  private static func read(_ result: Result<HTTPReply, HTTPError>) -> Result<AnnounceReply, Refusal> {
    switch result {
    case .failure(let error): return .failure(Refusal(reason: "\(error)"))
    case .success(let reply):
      do {
        return .success(try AnnounceReply(reply.body))
      } catch {
        if case .refused(let reason, let retryIn) = error {
          return .failure(Refusal(reason: reason, retryIn: retryIn))
        }
        // An error page says less than the status that it came with.
        guard reply.status == 200 else { return .failure(Refusal(reason: "HTTP status \(reply.status)")) }
        return .failure(Refusal(reason: "\(error)"))
      }
    }
  }
}
