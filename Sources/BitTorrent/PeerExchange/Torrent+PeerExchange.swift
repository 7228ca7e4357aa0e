import Addresses
import Bytes
import Encryption
import EventLoop
import Metainfo
import PeerProtocol

// Peers tell each other of peers (BEP 11); those of private torrents never (BEP 27).
extension Torrent {
  /// Whether peers may come from anywhere but the trackers and people (BEP 27).
  var isOpen: Bool { !info.isPrivate }

  /// Whether peers are told of each other.
  var exchangesPeers: Bool { isOpen && context.configuration.peerExchange }

  /// Tells everyone who may be told now what is new. Called every second.
  func exchangePeers(on loop: isolated Loop) {
    guard exchangesPeers else { return }
    let now = loop.now.nanoseconds
    var connected: [PeerExchangeMessage.Contact]?
    forEachPeer { peer in
      guard peer.exchangeVersion != exchangeVersion, peer.exchange.isDue(now: now),
        let id = peer.extensions?.id(of: ExtensionKind.peerExchange.name)
      else { return }
      let contacts = connected ?? self.contacts
      connected = contacts
      peer.exchangeVersion = exchangeVersion
      let message = peer.exchange.message(connected: contacts, to: peer.endpoint, now: now)
      guard let payload = message?.encoded() else { return }
      // What did not fit is told the next time.
      peer.exchangeVersion =
        contacts.count > PeerExchangeMessage.limit ? exchangeVersion &- 1 : exchangeVersion
      peer.send(on: loop) { $0.append(extended: id, payload: payload.rawBytes) }
    }
  }

  /// The peers that others can be told of: those whose listening address is known.
  private var contacts: [PeerExchangeMessage.Contact] {
    var contacts: [PeerExchangeMessage.Contact] = []
    forEachPeer { peer in
      guard let endpoint = peer.listening, !NamedHosts.isStandIn(endpoint.address) else { return }
      var flags: PeerExchangeMessage.Flags = []
      if peer.isSeed || peer.extensions?.isUploadOnly == true { flags.insert(.seed) }
      if peer.isOutgoing { flags.insert(.reachable) }
      if peer.isEncrypted { flags.insert(.prefersEncryption) }
      if peer.stream.transport == .utp { flags.insert(.utp) }
      if peer.takesPartInPunching { flags.formUnion([.utp, .holepunch]) }
      contacts.append(PeerExchangeMessage.Contact(endpoint, flags))
    }
    return contacts
  }

  /// A peer tells of others.
  func peersExchanged(_ bytes: RawSpan, by peer: PeerConnection, on loop: isolated Loop) {
    guard exchangesPeers else { return peer.complain(.protocolViolation, on: loop) }
    switch peer.exchange.received(now: loop.now.nanoseconds) {
    case .flood: return peer.close(.floods, on: loop)
    case .ignore: return
    case .take: break
    }
    guard let message = try? PeerExchangeMessage(bytes) else {
      return peer.complain(.protocolViolation, on: loop)
    }
    let isSeeding = state == .seeding
    let useful = message.added.filter { contact in
      // Two that have everything have nothing to say to each other.
      !(isSeeding && contact.flags.contains(.seed))
        && PeerExchange.isPlausible(contact.endpoint, toldBetween: peer.remote.address)
        && !context.isOurs(contact.endpoint)
    }
    for contact in useful {
      book.add(contact.endpoint, from: .exchange)
      book.heard(
        of: contact.endpoint,
        prefersEncryption: contact.flags.contains(.prefersEncryption)
          && context.configuration.encryption != .off,
        relay: contact.flags.contains(.holepunch) && peer.takesPartInPunching ? peer.serial : nil)
    }
    connectMore(on: loop)
  }
}
