import Addresses
import Bytes
import EventLoop
import Metainfo
import PeerProtocol

// A torrent and its seat in the DHT. Private torrents are never there (BEP 27).
extension Torrent {
  /// The way to the DHT, for torrents that may use it.
  var dht: DHTLink? { info.isPrivate ? nil : context.dht }

  /// Wants to be found, or has become complete.
  func joinDHT(on loop: isolated Loop) {
    guard let dht, let seat else { return }
    let place = Confined(seat, on: loop)
    for hash in info.infoHashes {
      dht.join(hash, place, isV2Only: hash != info.infoHash, isSeed: durable.isFull)
    }
  }

  /// Does not want to be found any more.
  func leaveDHT() {
    guard let dht else { return }
    for hash in info.infoHashes { dht.leave(hash) }
  }
}

extension TorrentSeat {
  /// A complete torrent that rests from the start, or one of which only the link is known, wants to be found.
  func joinDHT(isSeed: Bool = true, on loop: isolated Loop) {
    guard !outline.isPrivate, let dht = context.dht else { return }
    let place = Confined(self, on: loop)
    for hash in outline.infoHashes {
      dht.join(hash, place, isV2Only: hash != outline.infoHash, isSeed: isSeed)
    }
  }

  /// The torrent goes.
  func leaveDHT() {
    guard !outline.isPrivate, let dht = context.dht else { return }
    for hash in outline.infoHashes { dht.leave(hash) }
  }

  /// Peers that the DHT has named. One that rests is complete: who wants something comes by himself.
  func learnFromDHT(_ peers: [Endpoint], isV2Only: Bool, on loop: isolated Loop) {
    if phase == .fetching { fetch?.swarm?.learn(peers, from: .dht, isV2Only: isV2Only, on: loop) }
    guard isReady else { return }
    torrent?.learn(peers, from: .dht, isV2Only: isV2Only, on: loop)
  }
}

extension PeerConnection {
  /// Tells a peer that has a node where ours is (BEP 5).
  func sendPort(on loop: isolated Loop) {
    guard reserved.contains(.dht), torrent.listeningPort != 0 else { return }
    let ports = torrent.context.publicPorts
    let port = remote.address.isV4 ? ports.datagramPort(for: torrent.listeningPort) : torrent.listeningPort
    send(on: loop) { $0.append(port: port) }
  }

  /// A peer tells where its node is.
  func hasNode(at port: UInt16) {
    guard port != 0, reserved.contains(.dht) else { return }
    torrent.dht?.hear(of: Endpoint(remote.address, port: port))
  }
}
