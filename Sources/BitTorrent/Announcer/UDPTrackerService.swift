import Addresses
import Bytes
import EventLoop
import TrackerProtocol

/// The session's client of UDP trackers, for all its torrents: finds their addresses, and carries
/// `UDPTrackerClient` over the session's UDP ports. Confined to the session's first loop.
final class UDPTrackerService: DatagramReceiver {
  /// An errand that has been sent.
  private struct Open {
    let errand: UDPTrackerErrand
    var questions: [UDPTrackerClient.ID: TrackerFamilies] = [:]
  }

  /// Peers that are asked for at most over IPv6: what comes fits into a packet of any link.
  private static let peersOverV6 = 67

  private let ports: [DatagramPort]
  private let names: TrackerNames
  private let publicPorts: PublicPorts
  private var client = UDPTrackerClient()
  private var random = SystemRandomNumberGenerator()
  private var timer: LoopTimer?
  /// Errands whose tracker's address is not known yet, and those that have been sent.
  private var unsent: Set<UInt64> = []
  private var open: [UInt64: Open] = [:]
  private var tickets: [UDPTrackerClient.ID: UInt64] = [:]

  init(_ ports: [DatagramPort], names: TrackerNames, publicPorts: PublicPorts) {
    self.names = names
    self.publicPorts = publicPorts
    self.ports = ports
  }

  func start(on loop: isolated Loop) {
    for port in ports { port.trackers = self }
    let me = Confined(self, on: loop)
    timer = loop.timer { loop in me.value(on: loop).advance(on: loop) }
  }

  /// Sends and receives nothing more. Nobody is told: those who wait are gone.
  func stop(on loop: isolated Loop) {
    timer?.close()
    timer = nil
    for port in ports { port.trackers = nil }
    open = [:]
    unsent = []
  }

  /// See `UDPTrackerLink.ask`.
  func ask(_ errand: UDPTrackerErrand, _ ticket: UInt64, on loop: isolated Loop) {
    guard timer != nil else { return }
    unsent.insert(ticket)
    let me = Confined(self, on: loop)
    names.find(errand.url.host, on: loop) { loop, addresses in
      me.value(on: loop).send(errand, ticket, to: addresses, on: loop)
    }
  }

  /// See `UDPTrackerLink.cancel`.
  func cancel(_ ticket: UInt64, on loop: isolated Loop) {
    unsent.remove(ticket)
    guard let given = open.removeValue(forKey: ticket) else { return }
    for id in given.questions.keys {
      client.cancel(id)
      tickets[id] = nil
    }
    settle(on: loop)
  }

  private func send(
    _ errand: UDPTrackerErrand, _ ticket: UInt64, to addresses: [IPAddress], on loop: isolated Loop
  ) {
    guard unsent.remove(ticket) != nil, timer != nil else { return }
    var sent = Open(errand: errand)
    for isV4 in [true, false] {
      let family: TrackerFamilies = isV4 ? .v4 : .v6
      let mine = addresses.filter { $0.isV4 == isV4 && !$0.isUnspecified && !$0.isMulticast }
      guard errand.families.contains(family), !mine.isEmpty else { continue }
      let address = mine[errand.turn % mine.count]
      guard let port = ports.port(to: address) else { continue }
      let id = client.ask(
        question(errand.question, through: port),
        at: Endpoint(address, port: errand.url.port), patience: errand.patience,
        now: Self.seconds(loop), using: &random)
      sent.questions[id] = family
      tickets[id] = ticket
    }
    guard !sent.questions.isEmpty else {
      let reason = addresses.isEmpty ? "the host is unknown: \(errand.url.host)" : "no UDP port of its family"
      return errand.reply([], .failure(TrackerRefusal(reason: reason)), true)
    }
    open[ticket] = sent
    settle(on: loop)
  }

  /// What a question says where it goes through `port`.
  private func question(
    _ question: UDPTrackerClient.Question, through port: DatagramPort
  ) -> UDPTrackerClient.Question {
    guard case .announce(var request, let data) = question else { return question }
    let bound = port.socket.bound
    request.port = bound.address.isV4 ? publicPorts.port(for: bound.port) : bound.port
    if !port.socket.bound.address.isV4 {
      request.wanted = min(request.wanted ?? Self.peersOverV6, Self.peersOverV6)
    }
    return .announce(request, data: data)
  }

  func received(
    _ datagram: RawSpan, from remote: Endpoint, through port: DatagramPort, on loop: isolated Loop
  ) {
    client.receive(datagram, from: remote, now: Self.seconds(loop), using: &random)
  }

  func receivedAll(through port: DatagramPort, on loop: isolated Loop) {
    if client.hasNews { settle(on: loop) }
  }

  private func advance(on loop: isolated Loop) {
    client.advance(now: Self.seconds(loop), using: &random)
    settle(on: loop)
  }

  /// Sends what is to be sent, tells what has ended, and sets the timer.
  private func settle(on loop: isolated Loop) {
    for datagram in client.takeDatagrams() {
      let bytes = datagram.bytes
      ports.port(to: datagram.endpoint.address)?.socket.send(bytes.rawBytes, to: datagram.endpoint, on: loop)
    }
    for outcome in client.takeOutcomes() {
      guard let ticket = tickets.removeValue(forKey: outcome.id), var given = open[ticket],
        let family = given.questions.removeValue(forKey: outcome.id)
      else { continue }
      open[ticket] = given.questions.isEmpty ? nil : given
      given.errand.reply(family, outcome.result.mapError { TrackerRefusal($0) }, given.questions.isEmpty)
    }
    let wait = client.deadline - Self.seconds(loop)
    if wait.isFinite { timer?.set(after: max(wait, 0.001)) } else { timer?.cancel() }
  }

  private static func seconds(_ loop: isolated Loop) -> Double { Double(loop.now.nanoseconds) / 1e9 }
}
