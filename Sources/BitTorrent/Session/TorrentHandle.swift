public import Addresses
public import Digest
import EventLoop
import Metainfo

/// A torrent of a session, from outside. Cheap to copy; outlives the torrent without harm.
public struct TorrentHandle: Sendable {
  /// What the torrent is found by.
  public let infoHash: InfoHash
  let seat: Confined<TorrentSeat>

  /// The torrent at this moment. About 10 µs, and the loop's time for a list of peers.
  public func status() async -> TorrentStatus {
    await seat.loop.perform { loop in seat.value(on: loop).status(on: loop) }
  }

  /// Goes on after a fault; nothing happens if it has not stopped.
  public func retry() async {
    await seat.loop.perform { loop in seat.value(on: loop).retry(on: loop) }
  }

  /// Changes the torrent's own limits, from now on; those of the session hold beside them.
  public func set(limits: RateLimits) async {
    await seat.loop.perform { loop in seat.value(on: loop).set(limits: limits, on: loop) }
  }

  /// Tells the torrent of peers.
  public func add(peers: [Endpoint]) async {
    await seat.loop.perform { loop in seat.value(on: loop).add(peers: peers, on: loop) }
  }

  func hashes() async -> [InfoHash] {
    await seat.loop.perform { loop in seat.value(on: loop).outline.infoHashes }
  }

  func stop(within seconds: Double) async {
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      seat.loop.post { loop in
        seat.value(on: loop).stop(within: seconds, on: loop) { _ in done.resume() }
      }
    }
  }
}
