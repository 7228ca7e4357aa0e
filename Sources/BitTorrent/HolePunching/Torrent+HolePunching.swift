import Addresses
import Bytes
import EventLoop
import PeerProtocol

// Peers that translators keep apart meet through a third one (BEP 55).
extension Torrent {
  /// Whether holes are punched, and others helped to. Whom a private torrent's peers know is up to its tracker.
  var punchesHoles: Bool {
    isOpen && context.configuration.holePunching && !context.utp.isEmpty
  }

  /// An attempt to connect gets nowhere: asks the one who told of the peer to have both of us try at once. Once an
  /// attempt.
  func askForPunch(_ peer: PeerConnection, on loop: isolated Loop) {
    guard punchesHoles, peer.isOutgoing, peer.peerID == nil, !peer.isPunched, !peer.hasAskedForPunch,
      !isStopping,
      let serial = book.relay(to: peer.remote), let relay = connection(serial), relay.phase == .open
    else { return }
    peer.hasAskedForPunch = true
    relay.tell(.rendezvous(peer.remote), on: loop)
  }

  func holePunchAsked(_ bytes: RawSpan, by peer: PeerConnection, on loop: isolated Loop) {
    guard punchesHoles else { return peer.complain(.protocolViolation, on: loop) }
    switch peer.holePunching.received(now: loop.now.nanoseconds) {
    case .flood: return peer.close(.floods, on: loop)
    case .ignore: return
    case .take: break
    }
    switch try? HolePunchMessage(bytes) {
    case .rendezvous(let target): introduce(peer, to: target, on: loop)
    case .connect(let endpoint): meet(endpoint, as: peer, on: loop)
    case .failed: break
    case nil: peer.complain(.protocolViolation, on: loop)
    }
  }

  /// We are the relay.
  private func introduce(_ peer: PeerConnection, to endpoint: Endpoint, on loop: isolated Loop) {
    let target = peers.lazy.compactMap { $0 }.first {
      $0 !== peer && $0.phase == .open && $0.web == nil && $0.acquaintance.isMeant(by: endpoint)
    }
    let ours = context.externals.address(isV4: endpoint.address.isV4)
    let isOurs =
      context.isOurs(endpoint) || (endpoint.port == listeningPort && endpoint.address == ours)
    switch HolePunching.introduce(
      peer.acquaintance, to: endpoint, target: target?.acquaintance, isOurs: isOurs)
    {
    case .success(let introduction):
      guard let target, target.holePunching.sends(now: loop.now.nanoseconds) else { return }
      target.tell(.connect(introduction.toTarget), on: loop)
      peer.tell(.connect(introduction.toAsker), on: loop)
    case .failure(let refusal): peer.tell(.failed(endpoint, refusal.fault), on: loop)
    }
  }

  /// A relay says that somebody connects to us, or waits for us to.
  private func meet(_ endpoint: Endpoint, as relay: PeerConnection, on loop: isolated Loop) {
    guard !isStopping, state == .downloading || state == .seeding,
      PeerExchange.isPlausible(endpoint, toldBetween: relay.remote.address), !context.isOurs(endpoint),
      !peers.contains(where: { $0?.phase != .connecting && $0?.acquaintance.isMeant(by: endpoint) == true }),
      connections < context.configuration.peersPerTorrent, connecting < context.configuration.halfOpen,
      context.connections.take()
    else { return }
    guard let candidate = book.meet(endpoint) else { return context.connections.giveBack() }
    connect(candidate, isPunched: true, on: loop)
  }
}

extension PeerConnection {
  /// Whether it knows of hole punching.
  var takesPartInPunching: Bool { extensions?.id(of: ExtensionKind.holePunch.name) != nil }

  /// What we can tell others of it.
  fileprivate var acquaintance: HolePunching.Acquaintance {
    HolePunching.Acquaintance(
      remote: remote, listening: listening, isUTP: stream.transport == .utp, takesPart: takesPartInPunching)
  }

  fileprivate func tell(_ message: HolePunchMessage, on loop: isolated Loop) {
    guard let id = extensions?.id(of: ExtensionKind.holePunch.name) else { return }
    let payload = message.encoded()
    send(on: loop) { $0.append(extended: id, payload: payload.rawBytes) }
  }
}
