import Addresses
import Bytes
import EventLoop
import MainlineDHT
import PeerProtocol
import TrackerProtocol
import Transfer

extension Announcer {
  /// The largest reply that is read: 200 peers need 4 KiB; the dictionary form of many more this.
  static let replyLimit = 1 << 20
  static let patience = 20.0

  /// One announce under way: a question over each family of addresses, of which one answer is enough.
  final class Errand {
    let serial: UInt64
    let event: AnnounceEvent
    let ticket: AnnounceGate.Ticket
    /// Whether it has left the gate.
    var isSent = false
    var transfers: [BatchableTransfer] = []
    var datagrams: UInt64?
    var hasReplied = false
    /// Answers over HTTP that have not come.
    var open = 0
    /// What kept a family from answering; the tracker's word before that of the network.
    var refusal: TrackerRefusal?

    init(serial: UInt64, event: AnnounceEvent, ticket: AnnounceGate.Ticket) {
      self.serial = serial
      self.event = event
      self.ticket = ticket
    }
  }

  /// Announces as soon as the tracker's host can bear it.
  func announce(
    _ index: TrackerList.Index, _ url: String, _ event: AnnounceEvent, on loop: isolated Loop
  ) {
    // A family that has not answered yet may still be waited for.
    end(index, on: loop)
    serial += 1
    let (me, number) = (Confined(self, on: loop), serial)
    let ticket = context.gate.prepare(url) { loop in
      me.value(on: loop).send(index, number, url, on: loop)
    }
    errands[index] = Errand(serial: number, event: event, ticket: ticket)
    context.gate.enter(ticket, isLast: event == .stopped, on: loop)
    context.keepTime(on: loop)
  }

  private func send(
    _ index: TrackerList.Index, _ number: UInt64, _ url: String, on loop: isolated Loop
  ) {
    guard let errand = errands[index], errand.serial == number else { return }
    errand.isSent = true
    list.waits(index, now: seconds(loop))
    let tracker = list.trackers[index]
    let facts = owner.announceFacts
    let request = AnnounceRequest(
      infoHash: infoHash, peerID: context.peerID.bytes, port: context.announcedPort,
      uploaded: facts.uploaded, downloaded: facts.downloaded, left: facts.left, event: errand.event,
      wanted: errand.event == .stopped ? 0 : facts.wanted, key: key, trackerID: tracker.trackerID)
    let isGoodbye = errand.event == .stopped && !tracker.answersOver.isEmpty
    let families = isGoodbye ? tracker.answersOver : TrackerFamilies([.v4, .v6]).subtracting(tracker.lacks)
    if url.prefix(4).lowercased() == "udp:" {
      sendDatagrams(request, index, errand, url, over: families, on: loop)
    } else {
      get(request, index, errand, url, over: families, on: loop)
    }
  }

  private func get(
    _ request: AnnounceRequest, _ index: TrackerList.Index, _ errand: Errand, _ url: String,
    over families: TrackerFamilies, on loop: isolated Loop
  ) {
    let ways = context.ways(to: url, over: families)
    let (me, number) = (Confined(self, on: loop), errand.serial)
    errand.open = ways.count
    let query = extensionQuery(index, errand.event, url, on: loop)
    for way in ways {
      var limits = HTTPLimits(maximumBytes: Self.replyLimit, timeout: Self.patience)
      var request = request
      if let family = way.family {
        limits.family = family == .v4 ? .v4 : .v6
        request.port = family == .v4 ? context.publicPorts.port(for: way.port) : way.port
      }
      let transfer = transfer(request, query, to: url, limits: limits, on: loop) { loop, reply in
        me.value(on: loop).got(index, number, way.family ?? [], reply, on: loop)
      }
      errand.transfers.append(transfer)
    }
  }

  private func got(
    _ index: TrackerList.Index, _ number: UInt64, _ family: TrackerFamilies,
    _ reply: Result<AnnounceReply, TrackerRefusal>, on loop: isolated Loop
  ) {
    guard let errand = errands[index], errand.serial == number else { return }
    errand.open -= 1
    heard(index, number, family, reply, isLast: errand.open == 0, on: loop)
  }

  private func sendDatagrams(
    _ request: AnnounceRequest, _ index: TrackerList.Index, _ errand: Errand, _ url: String,
    over families: TrackerFamilies, on loop: isolated Loop
  ) {
    guard let link = context.udpTrackers, let place = UDPTrackerURL(url) else {
      let reason = context.udpTrackers == nil ? context.whyNoDatagrams : "the URL cannot be used"
      // Later, so that nobody is told while he asks.
      let (me, target, number) = (Confined(self, on: loop), loop as Loop, errand.serial)
      return target.post { loop in
        me.value(on: loop).heard(
          index, number, [], .failure(TrackerRefusal(reason: reason)), isLast: true, on: loop)
      }
    }
    let (me, target, number) = (Confined(self, on: loop), loop as Loop, errand.serial)
    let failures = list.trackers[index].failures
    let question = UDPTrackerErrand(
      url: place, question: .announce(request, data: place.data), families: families,
      patience: failures == 0 ? .short : .long, turn: failures
    ) { family, result, isLast in
      let reply = result.flatMap { answer -> Result<AnnounceReply, TrackerRefusal> in
        guard case .announce(let reply) = answer else { return .failure(TrackerRefusal(.unanswered)) }
        return .success(reply)
      }
      target.post { loop in
        me.value(on: loop).heard(index, number, family, reply, isLast: isLast, on: loop)
      }
    }
    errand.datagrams = link.ask(question)
  }

  /// The announce has ended or is given up.
  func end(_ index: TrackerList.Index, on loop: isolated Loop) {
    guard let errand = errands.removeValue(forKey: index) else { return }
    for transfer in errand.transfers { transfer.cancel(context, on: loop) }
    if let ticket = errand.datagrams { context.udpTrackers?.cancel(ticket) }
    context.gate.leave(errand.ticket, on: loop)
  }

  /// What came of the question over one family. The first answer counts; one that comes later over the other
  /// family only brings its peers.
  private func heard(
    _ index: TrackerList.Index, _ number: UInt64, _ family: TrackerFamilies,
    _ result: Result<AnnounceReply, TrackerRefusal>, isLast: Bool, on loop: isolated Loop
  ) {
    guard let errand = errands[index], errand.serial == number else { return }
    let tracker = list.trackers[index].url
    var isAnswered = true
    switch result {
    case .success(let reply):
      let isFirst = !errand.hasReplied
      errand.hasReplied = true
      list.noted(index, answersOver: family)
      // Who leaves waits until every family has heard it.
      if errand.event != .stopped { heardExtensions(index, reply.extensions, on: loop) }
      if isFirst, errand.event != .stopped {
        list.succeeded(index, reply, now: seconds(loop))
        owner.trackerMessage = reply.warning.map { "\(tracker): \($0)" }
      }
      learn(reply, from: tracker, on: loop)
    case .failure(let refusal):
      if refusal.isElsewhere { list.noted(index, lacks: family) } else { errand.refusal = refusal }
      if errand.refusal == nil, isLast { errand.refusal = refusal }
      isAnswered = refusal.isFromTracker
    }
    if isLast || isAnswered { context.gate.leave(errand.ticket, isAnswered: isAnswered, on: loop) }
    if isLast { ended(index, errand, on: loop) }
    tick(on: loop)
    if isWaitingToStop, !list.owesCompletion { stop(on: loop) }
    if isStopped { owner.announcerStopped(on: loop) }
  }

  private func ended(_ index: TrackerList.Index, _ errand: Errand, on loop: isolated Loop) {
    errands[index] = nil
    if !errand.hasReplied {
      reports.failed(index)
      let refusal = errand.refusal ?? TrackerRefusal(.unanswered)
      list.failed(index, refusal.reason, retryIn: refusal.retryIn, now: seconds(loop), using: &random)
      // Where another one serves, nobody needs to know.
      if !list.trackers.contains(where: { $0.isStarted && $0.failures == 0 }) {
        owner.trackerMessage = "\(list.trackers[index].url): \(refusal.reason)"
      }
      owner.announceFailed(on: loop)
    } else if errand.event == .stopped {
      list.succeeded(index, AnnounceReply(interval: 0), now: seconds(loop))
    }
  }

  /// Peers that a tracker named, and our own address as it sees it (BEP 24).
  func learn(_ reply: AnnounceReply, from tracker: String, on loop: isolated Loop) {
    var peers = reply.peers
    if let own = reply.externalAddress {
      if context.externals.vote(own, fromTracker: AnnounceGate.host(of: tracker)) {
        context.externalAddressChanged(isV4: own.isV4)
      }
      context.dht?.assume(own)
      let ports = [context.listeningPort, context.announcedPort]
      peers.removeAll { $0.address == own && ports.contains($0.port) }
    }
    owner.learn(peers, from: .tracker, isV2Only: isV2Only, on: loop)
  }
}

extension LoopContext {
  /// A way to announce over HTTP: over whatever family, or over a certain one with our port there.
  struct AnnounceWay {
    var family: TrackerFamilies?
    var port: UInt16 = 0
  }

  /// How to announce to a URL: over IPv4 and IPv6 (BEP 7) if we listen on both and the host is a name, which
  /// may have addresses of both.
  func ways(to url: String, over families: TrackerFamilies) -> [AnnounceWay] {
    let v4 = listening.first { $0.address.isV4 }
    let v6 = listening.first { !$0.address.isV4 }
    // Where there is a proxy, the family is its choice.
    guard let v4, let v6, routes.trackers == nil, !Self.isAddress(AnnounceGate.host(of: url)) else {
      return [AnnounceWay()]
    }
    let ways = [AnnounceWay(family: .v4, port: v4.port), AnnounceWay(family: .v6, port: v6.port)]
    let chosen = ways.filter { families.isSuperset(of: $0.family ?? []) }
    return chosen.isEmpty ? [AnnounceWay()] : chosen
  }

  /// Why there is no client of UDP trackers.
  var whyNoDatagrams: String {
    routes.trackers == nil
      ? "there is no UDP port" : "a tracker over UDP needs a SOCKS proxy, which relays datagrams"
  }

  /// Whether an authority names an address, not a host.
  private static func isAddress(_ authority: Substring) -> Bool {
    let place = authority.split(separator: "@").last ?? authority
    return place.hasPrefix("[") || IPAddress(String(place.prefix { $0 != ":" })) != nil
  }
}

extension DHTLink {
  /// Our address as somebody else sees it.
  func assume(_ address: IPAddress) {
    let service = service
    service.loop.post { loop in
      service.value(on: loop).dht.assume(address, now: loop.now.dhtSeconds)
    }
  }
}
