import Addresses
import Bytes
import Digest
import EventLoop
import Metainfo
import PeerProtocol

/// Finds peers on the local network, and is found by them (BEP 14). Lives on the session's first loop.
///
/// Announces leave through every interface that the session listens on and that carries multicast, which loopback
/// does not. Sockets are opened with the first torrent, and anew when the interfaces have changed. When to announce
/// what, and whom to listen to, is up to `LocalDiscovery`.
final class LocalNeighbours: DatagramHandler {
  /// The groups have the scope of a site: a few routers may be in between.
  private static let hops: Int32 = 4
  /// Torrents that are added together are announced together.
  private static let delay = 0.3

  private let listening: [Endpoint]
  private let registry: TorrentRegistry
  private let binding: SocketBinding?
  private var core: LocalDiscovery
  private var receivers: [UDPSocket] = []
  private var senders: [(descriptor: Int32, group: Endpoint)] = []
  private var interfaces: [NetworkInterface] = []
  private var timer: LoopTimer?
  private var isClosed = false

  /// For a session that listens at `listening`.
  init(listening: [Endpoint], registry: TorrentRegistry, binding: SocketBinding? = nil) {
    self.binding = binding
    self.listening = listening
    self.registry = registry
    core = LocalDiscovery(cookie: [UInt8].random(count: 8).hexadecimal)
  }

  /// Torrents take part from now on; never private ones (BEP 27).
  func add(_ hashes: [InfoHash], on loop: isolated Loop) {
    guard !isClosed, !listening.isEmpty else { return }
    for hash in hashes { core.add(hash) }
    if timer == nil {
      let me = Confined(self, on: loop)
      timer = loop.timer { loop in me.value(on: loop).rang(on: loop) }
      open(on: loop)
    }
    setTimer(on: loop)
  }

  /// Torrents take part no more.
  func remove(_ hashes: [InfoHash], on loop: isolated Loop) {
    for hash in hashes { core.remove(hash) }
  }

  /// The interface that all goes through is gone, or back.
  func networkChanged(on loop: isolated Loop) {
    guard timer != nil else { return }
    // Sockets that were tied to it are of no use, even if it looks the same.
    interfaces = []
    closeSockets(on: loop)
    open(on: loop)
  }

  func close(on loop: isolated Loop) {
    isClosed = true
    timer?.close()
    timer = nil
    closeSockets(on: loop)
  }

  // MARK: Announcing

  private func setTimer(on loop: isolated Loop) {
    let now = loop.now.nanoseconds
    guard let deadline = core.deadline(now: now) else { return }
    timer?.set(after: max(Self.delay, Double(deadline - min(now, deadline)) / 1e9))
  }

  private func rang(on loop: isolated Loop) {
    open(on: loop)
    let hashes = core.next(now: loop.now.nanoseconds)
    if !hashes.isEmpty, let port = listening.first?.port {
      let announce = LocalAnnounce(port: port, infoHashes: hashes, cookie: core.cookie)
      for sender in senders {
        _ = Multicast.send(announce.encoded(to: sender.group), to: sender.group, through: sender.descriptor)
      }
    }
    setTimer(on: loop)
  }

  // MARK: Listening

  func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {
    guard let (peer, hashes) = core.heard(datagram, from: remote.address, now: loop.now.nanoseconds) else {
      return
    }
    for hash in hashes {
      guard let seat = registry.find(hash) else { continue }
      seat.loop.post { loop in seat.value(on: loop).heard(peer, of: hash, on: loop) }
    }
  }

  func receivedAll(on loop: isolated Loop) {}

  // MARK: Sockets

  /// Opens what is needed, if the interfaces are not those of before.
  private func open(on loop: isolated Loop) {
    let present = neighbouring
    guard present != interfaces else { return }
    closeSockets(on: loop)
    interfaces = present
    for group in [LocalAnnounce.groupV4, LocalAnnounce.groupV6] {
      let mine = present.filter { $0.address.isV4 == group.address.isV4 }
      guard !mine.isEmpty, let descriptor = try? Multicast.receiver(of: group, through: binding) else {
        continue
      }
      for interface in mine {
        // More than one address of an interface: the second time it is joined already.
        _ = Multicast.join(descriptor, group, on: interface)
        if let sender = try? Multicast.sender(from: interface, hops: Self.hops, through: binding) {
          senders.append((sender, group))
        }
      }
      let receiver = UDPSocket(descriptor, bound: group)
      if receiver.start(self, on: loop) { receivers.append(receiver) }
    }
  }

  private func closeSockets(on loop: isolated Loop) {
    for receiver in receivers { receiver.close(on: loop) }
    for sender in senders { TCP.close(sender.descriptor) }
    receivers = []
    senders = []
  }

  /// The addresses that we listen at and whose interface carries multicast. Link-local ones of IPv6 mean nothing without
  /// the interface, which announces cannot name.
  private var neighbouring: [NetworkInterface] {
    NetworkInterface.all().filter { interface in
      let address = interface.address
      return interface.isMulticast && binding?.has(address) != false
        && !(address.isLinkLocal && !address.isV4)
        && listening.contains { endpoint in
          endpoint.address == address
            || endpoint.address.isUnspecified && endpoint.address.isV4 == address.isV4
        }
    }
  }
}

extension IPAddress {
  /// `169.254.0.0/16` or `fe80::/10`.
  fileprivate var isLinkLocal: Bool {
    if isV4 { return v4 >> 16 == 0xa9fe }
    let first = bytes
    return first[0] == 0xfe && first[1] & 0xc0 == 0x80
  }
}

extension TorrentSeat {
  /// A neighbour takes part in the swarm of `hash`. One that rests is not woken for it: the neighbour hears of
  /// us, too, and connects if it wants something.
  func heard(_ peer: Endpoint, of hash: InfoHash, on loop: isolated Loop) {
    if let torrent {
      guard torrent.isOpen else { return }
      torrent.learn([peer], from: .local, isV2Only: hash != torrent.info.infoHash, on: loop)
    } else if let swarm = fetch?.swarm {
      swarm.learn([peer], from: .local, isV2Only: hash != swarm.infoHash, on: loop)
    }
  }
}

extension LoopContext {
  /// Has the neighbours know of torrents that are not private.
  func announceLocally(_ hashes: [InfoHash]) {
    guard let neighbours else { return }
    neighbours.loop.post { loop in neighbours.value(on: loop).add(hashes, on: loop) }
  }

  /// Torrents have ended.
  func endLocalAnnounces(_ hashes: [InfoHash]) {
    guard let neighbours else { return }
    neighbours.loop.post { loop in neighbours.value(on: loop).remove(hashes, on: loop) }
  }
}
