import Addresses
import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import TrackerProtocol
import Transfer

/// Announces one info-hash of a torrent to its trackers: carries out what `TrackerList` decides over
/// HTTP. Confined to the torrent's loop. A hybrid torrent has two, one for each swarm (BEP 52).
final class Announcer {
  /// The largest reply that is read: 200 peers need 4 KiB; the dictionary form of many more this.
  private static let replyLimit = 1 << 20
  private static let patience = 20.0

  let infoHash: InfoHash
  let isV2Only: Bool
  private unowned let torrent: Torrent
  private var list: TrackerList
  /// `stopped` waits until the trackers have heard that the download is complete.
  private var isWaitingToStop = false
  private var key = UInt32.random(in: 0 ... .max)
  private var requests: [TrackerList.Index: Transfer] = [:]

  init(_ torrent: Torrent, infoHash: InfoHash, trackers: [[String]], isComplete: Bool) {
    self.torrent = torrent
    self.infoHash = infoHash
    isV2Only = infoHash != torrent.info.infoHash
    list = TrackerList(tiers: trackers, isComplete: isComplete, using: &torrent.random)
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
    if !isWaitingToStop { carryOut(list.stop(), on: loop) }
  }

  /// Gives up whatever is under way.
  func close(on loop: isolated Loop) {
    for request in requests.values { request.cancel(on: loop) }
    requests = [:]
  }

  private func seconds(_ loop: isolated Loop) -> Double { Double(loop.now.nanoseconds) / 1e9 }

  private func carryOut(_ actions: [TrackerList.Action], on loop: isolated Loop) {
    for action in actions {
      switch action {
      case .announce(let index, let url, let event): announce(index, url, event, on: loop)
      case .cancel(let index): requests.removeValue(forKey: index)?.cancel(on: loop)
      }
    }
  }

  private func announce(
    _ index: TrackerList.Index, _ url: String, _ event: AnnounceEvent, on loop: isolated Loop
  ) {
    let request = AnnounceRequest(
      infoHash: infoHash, peerID: torrent.localPeerID.bytes, port: torrent.listeningPort,
      uploaded: UInt64(torrent.counters.uploaded), downloaded: UInt64(torrent.counters.downloaded),
      left: UInt64(torrent.bytesLeft), event: event, wanted: event == .stopped ? 0 : torrent.peersWanted,
      key: key, trackerID: list.trackers[index].trackerID)
    let me = Confined(self, on: loop)
    requests[index] = torrent.context.http.get(
      request.url(on: url), limits: HTTPLimits(maximumBytes: Self.replyLimit, timeout: Self.patience),
      on: loop
    ) { loop, result in
      me.value(on: loop).answered(index, result, on: loop)
    }
  }

  private func answered(
    _ index: TrackerList.Index, _ result: Result<HTTPReply, HTTPError>, on loop: isolated Loop
  ) {
    requests[index] = nil
    let now = seconds(loop)
    let tracker = list.trackers[index].url
    switch Self.read(result) {
    case .success(let reply):
      list.succeeded(index, reply, now: now)
      torrent.trackerMessage = reply.warning.map { "\(tracker): \($0)" }
      torrent.learn(reply.peers, from: .tracker, isV2Only: isV2Only, on: loop)
    case .failure(let failure):
      list.failed(index, failure.reason, retryIn: failure.retryIn, now: now, using: &torrent.random)
      torrent.trackerMessage = "\(tracker): \(failure.reason)"
    }
    tick(on: loop)
    if isWaitingToStop, !list.owesCompletion { stop(on: loop) }
    if isStopped { torrent.announcerStopped(on: loop) }
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
