import Addresses
import Digest
import EventLoop
import Metainfo
import PeerProtocol
import TrackerProtocol

/// What an announcer asks of the torrent that it announces, and tells it.
protocol AnnouncerOwner: AnyObject {
  /// The figures of an announce.
  var announceFacts: AnnounceFacts { get }
  /// What the tracker said last, if it was not well.
  var trackerMessage: String? { get set }
  /// Peers that the tracker named.
  func learn(_ endpoints: [Endpoint], from source: PeerBook.Source, isV2Only: Bool, on loop: isolated Loop)
  /// All pieces that are here; `nil` if that is not known.
  var heldPieces: PieceSet? { get }
  /// Peers that have pieces that were looked for.
  func learnHolders(_ endpoints: [Endpoint], isV2Only: Bool, on loop: isolated Loop)
  /// An announce has failed: another one is due some time.
  func announceFailed(on loop: isolated Loop)
  /// Every `stopped` is through.
  func announcerStopped(on loop: isolated Loop)
}

extension AnnouncerOwner {
  func learnHolders(_ endpoints: [Endpoint], isV2Only: Bool, on loop: isolated Loop) {
    learn(endpoints, from: .tracker, isV2Only: isV2Only, on: loop)
  }
}

/// The figures of an announce (BEP 3).
struct AnnounceFacts {
  var uploaded: UInt64 = 0
  var downloaded: UInt64 = 0
  var left: UInt64 = 0
  /// Peers asked for.
  var wanted = 0
}

/// Announces one info-hash of a torrent to its trackers: carries out what `TrackerList` decides over HTTP and
/// UDP, over each family of addresses. Confined to the torrent's loop. A hybrid torrent has two, one for each
/// swarm (BEP 52).
///
/// Files: +Errands (one announce, from the gate to its outcome), TrackerExtensions/Announcer+Extensions.
final class Announcer {
  let infoHash: InfoHash
  var isV2Only: Bool
  /// The torrent, or its seat while it rests.
  unowned var owner: any AnnouncerOwner
  let context: LoopContext
  var list: TrackerList
  /// `stopped` waits until the trackers have heard that the download is complete.
  var isWaitingToStop = false
  let key = UInt32.random(in: 0 ... .max)
  /// Announces under way.
  var errands: [TrackerList.Index: Errand] = [:]
  var serial: UInt64 = 0
  /// What trackers know of our pieces, those that are looked for, and an announce about that.
  var reports = PieceReports()
  var need: [Int] = []
  var pieceErrand: PieceErrand?
  var random = SystemRandomNumberGenerator()

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

  /// Whether nothing is under way or owed but what trackers that are silent are asked: what is left can wait
  /// for `deadline`.
  var isQuiet: Bool {
    !isWaitingToStop && !list.owesCompletion && pieceErrand == nil
      && errands.allSatisfy { $0.value.hasReplied || list.trackers[$0.key].isOverdue }
  }

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
    guard context.isReachable else { return }
    for (index, errand) in errands where context.gate.isMoving(errand.ticket, on: loop) {
      list.waits(index, now: seconds(loop))
    }
    carryOut(list.next(now: seconds(loop)), on: loop)
    speakOfPieces(on: loop)
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
    for index in Array(errands.keys) where list.trackers[index].isOverdue {
      end(index, on: loop)
      list.failed(index, "no answer yet", now: seconds(loop), using: &random)
    }
    list.retryAll(now: seconds(loop))
    tick(on: loop)
  }

  /// There is no way to anybody: what is under way has failed, and nothing is begun until `retry`.
  func networkLost(on loop: isolated Loop) {
    for index in Array(errands.keys) {
      end(index, on: loop)
      list.failed(index, "the network interface is gone", now: seconds(loop), using: &random)
    }
  }

  /// Tells the trackers that we leave; `isStopped` becomes true once that is through.
  func stop(on loop: isolated Loop) {
    endPieces(on: loop)
    isWaitingToStop = list.owesCompletion
    guard !isWaitingToStop else { return }
    // Who was not even asked yet does not know us and needs no goodbye.
    let unsent = errands.filter { !$0.value.isSent && !list.trackers[$0.key].isStarted }.keys
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
    endPieces(on: loop)
    for index in Array(errands.keys) { end(index, on: loop) }
  }

  func seconds(_ loop: isolated Loop) -> Double { Double(loop.now.nanoseconds) / 1e9 }

  private func carryOut(_ actions: [TrackerList.Action], on loop: isolated Loop) {
    for action in actions {
      switch action {
      case .announce(let index, let url, let event): announce(index, url, event, on: loop)
      case .cancel(let index): end(index, on: loop)
      }
    }
  }
}
