import Addresses
import Bytes
import EventLoop
import TrackerProtocol
import Transfer

// What goes to trackers beyond the BEPs, and what comes of it (docs/EXTENSIONS.md). Over HTTP only: UDP replies
// have no place for it.
extension Announcer {
  /// An announce about pieces between the regular ones.
  final class PieceErrand {
    let index: TrackerList.Index
    let ticket: AnnounceGate.Ticket
    var transfers: [BatchableTransfer] = []
    var open = 0
    var hasReplied = false

    init(_ index: TrackerList.Index, _ ticket: AnnounceGate.Ticket) {
      self.index = index
      self.ticket = ticket
    }
  }

  /// What is added to an announce; `nil` if the session keeps to the BEPs.
  func extensionQuery(
    _ index: TrackerList.Index, _ event: AnnounceEvent, _ url: String, on loop: isolated Loop
  ) -> ExtensionQuery? {
    guard context.configuration.trackerExtensions else { return nil }
    let have = event == .stopped ? nil : owner.heldPieces
    var query = reports.query(
      for: index, have: have, need: event == .stopped ? [] : need, hasRoom: context.batches.offers(url),
      now: seconds(loop))
    query.bandwidth = context.configuration.announcedBandwidth
    query.name = context.configuration.announcedName
    return query
  }

  /// Announces over HTTP: alone, or with those of other torrents if the tracker takes batches.
  func transfer(
    _ request: AnnounceRequest, _ query: ExtensionQuery?, to url: String, limits: HTTPLimits,
    on loop: isolated Loop,
    then: @escaping (isolated Loop, Result<AnnounceReply, TrackerRefusal>) -> Void
  ) -> BatchableTransfer {
    if context.batches.offers(url), request.trackerID == nil {
      let place = BatchAnnouncer.Place(url: url, family: limits.family, port: request.port)
      return .batched(context.batches.add(request, query, to: place, on: loop, then: then))
    }
    let target = query.map { $0.url(on: request.url(on: url)) } ?? request.url(on: url)
    let waiting = Confined(BatchAnnouncer.Waiting(then), on: loop)
    return .alone(
      context.trackerHTTP.get(target, limits: limits, on: loop) { loop, result in
        let reply = TrackerRefusal.read(result) { bytes throws(TrackerFault) in try AnnounceReply(bytes) }
        waiting.value(on: loop).take(reply, on: loop)
      })
  }

  /// A tracker has answered: what it offers, and who has what we look for.
  func heardExtensions(_ index: TrackerList.Index, _ offer: ReplyExtensions?, on loop: isolated Loop) {
    reports.succeeded(index, offer)
    guard let offer else { return }
    if offer.batch > 0 { context.batches.offered(list.trackers[index].url, limit: offer.batch, on: loop) }
    let holders = Set(offer.holders.values.joined())
    if !holders.isEmpty { owner.learnHolders(Array(holders), isV2Only: isV2Only, on: loop) }
  }

  /// Has trackers asked for peers that have these pieces; none ends that.
  func seek(_ pieces: [Int], on loop: isolated Loop) {
    need = pieces
    speakOfPieces(on: loop)
  }

  /// Speaks to trackers that are to be spoken to about pieces now. Called every second.
  func speakOfPieces(on loop: isolated Loop) {
    guard pieceErrand == nil, reports.isHeard, !isWaitingToStop, !list.isStopped, let have = owner.heldPieces,
      context.configuration.trackerExtensions
    else { return }
    for index in reports.due(have: have, need: need, now: seconds(loop))
    where errands[index] == nil && list.trackers[index].isStarted && list.trackers[index].failures == 0 {
      let me = Confined(self, on: loop)
      let ticket = context.gate.prepare(list.trackers[index].url) { loop in
        me.value(on: loop).sendPieces(on: loop)
      }
      pieceErrand = PieceErrand(index, ticket)
      context.gate.enter(ticket, isLast: false, on: loop)
      context.keepTime(on: loop)
      return
    }
  }

  private func sendPieces(on loop: isolated Loop) {
    guard let errand = pieceErrand else { return }
    let tracker = list.trackers[errand.index]
    let facts = owner.announceFacts
    let request = AnnounceRequest(
      infoHash: infoHash, peerID: context.peerID.bytes, port: context.announcedPort,
      uploaded: facts.uploaded, downloaded: facts.downloaded, left: facts.left, event: .regular,
      wanted: facts.wanted, key: key, trackerID: tracker.trackerID)
    let query = extensionQuery(errand.index, .regular, tracker.url, on: loop)
    let ways = context.ways(to: tracker.url, over: TrackerFamilies([.v4, .v6]).subtracting(tracker.lacks))
    errand.open = ways.count
    let me = Confined(self, on: loop)
    for way in ways {
      var (limits, request) = (HTTPLimits(maximumBytes: Self.replyLimit, timeout: Self.patience), request)
      if let family = way.family {
        limits.family = family == .v4 ? .v4 : .v6
        request.port = family == .v4 ? context.publicPorts.port(for: way.port) : way.port
      }
      let transfer = transfer(request, query, to: tracker.url, limits: limits, on: loop) { loop, result in
        me.value(on: loop).heardOfPieces(result, on: loop)
      }
      errand.transfers.append(transfer)
    }
  }

  private func heardOfPieces(_ result: Result<AnnounceReply, TrackerRefusal>, on loop: isolated Loop) {
    guard let errand = pieceErrand else { return }
    errand.open -= 1
    if case .success(let reply) = result {
      errand.hasReplied = true
      heardExtensions(errand.index, reply.extensions, on: loop)
      learn(reply, from: list.trackers[errand.index].url, on: loop)
    }
    guard errand.open <= 0 else { return }
    if !errand.hasReplied { reports.failed(errand.index) }
    endPieces(isAnswered: errand.hasReplied, on: loop)
  }

  /// Gives an announce about pieces up, or ends it.
  func endPieces(isAnswered: Bool = false, on loop: isolated Loop) {
    guard let errand = pieceErrand.take() else { return }
    for transfer in errand.transfers { transfer.cancel(context, on: loop) }
    context.gate.leave(errand.ticket, isAnswered: isAnswered, on: loop)
  }
}

/// An announce over HTTP that is under way.
enum BatchableTransfer {
  case alone(Transfer)
  case batched(BatchAnnouncer.Ticket)

  /// Nobody waits for it any more.
  func cancel(_ context: LoopContext, on loop: isolated Loop) {
    switch self {
    case .alone(let transfer): transfer.cancel(on: loop)
    case .batched(let ticket): ticket.cancel()
    }
  }
}
