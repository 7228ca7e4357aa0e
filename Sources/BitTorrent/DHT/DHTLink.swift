import Addresses
import Digest
import EventLoop
import Metainfo

/// The way from a torrent, on whatever loop, to the session's part in the DHT. Calls return at once.
struct DHTLink: Sendable {
  let service: Confined<DHTService>

  /// See `DHTService.join`.
  func join(_ swarm: InfoHash, _ seat: Confined<TorrentSeat>, isV2Only: Bool, isSeed: Bool) {
    let service = service
    service.loop.post { loop in
      service.value(on: loop).join(swarm, seat, isV2Only: isV2Only, isSeed: isSeed, on: loop)
    }
  }

  /// See `DHTService.leave`.
  func leave(_ swarm: InfoHash) {
    let service = service
    service.loop.post { loop in service.value(on: loop).leave(swarm, on: loop) }
  }

  /// See `DHTService.hear`.
  func hear(of endpoint: Endpoint) {
    let service = service
    service.loop.post { loop in service.value(on: loop).hear(of: endpoint, on: loop) }
  }

  /// See `DHTService.enter`.
  func enter(through hosts: [Node]) {
    let service = service
    service.loop.post { loop in service.value(on: loop).enter(through: hosts, on: loop) }
  }
}
